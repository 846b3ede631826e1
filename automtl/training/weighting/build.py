"""Choose a weighting by the type of its configuration."""

from collections.abc import Sequence
from typing import assert_never

import torch

from automtl.config import (
    FixedWeighting,
    PCGradWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
    WeightingConfig,
)
from automtl.training.weighting.base import Weighting
from automtl.training.weighting.gradients import PCGrad, UPGrad
from automtl.training.weighting.losses import Fixed, Uncertainty


def build_weighting(
    config: WeightingConfig, tasks: Sequence[str], *, seed: int, device: torch.device
) -> Weighting:
    """Return the weighting of ``config``.

    Args:
        config: The method and its values.
        tasks: All tasks of the trial.
        seed: Random stream of the methods that draw.
        device: Where learned weights live.
    """
    match config:
        case FixedWeighting():
            return Fixed({task: config.weights.get(task, 1.0) for task in tasks})
        case UncertaintyWeighting():
            return Uncertainty(tasks, device=device)
        case UPGradWeighting():
            return UPGrad()
        case PCGradWeighting():
            return PCGrad(seed=seed)
    assert_never(config)
