"""Choose a weighting by the type of its configuration."""

from collections.abc import Sequence
from typing import assert_never

import torch

from automtl.config import (
    CustomWeighting,
    DBMTLWeighting,
    DWAWeighting,
    FAMOWeighting,
    FixedWeighting,
    GeometricMeanWeighting,
    GradientWeighting,
    GradNormWeighting,
    IMTLLWeighting,
    RLWWeighting,
    STCHWeighting,
    UncertaintyWeighting,
    WeightingConfig,
)
from automtl.training.weighting.base import Weighting
from automtl.training.weighting.build_gradients import build_gradient_weighting
from automtl.training.weighting.custom import imported_weighting
from automtl.training.weighting.dwa import DWA
from automtl.training.weighting.famo import FAMO
from automtl.training.weighting.learned import LearnedScales
from automtl.training.weighting.losses import RLW, STCH, Fixed, GeometricMean
from automtl.training.weighting.norms import DBMTL, GradNorm


def build_weighting(  # noqa: C901, PLR0911, PLR0912 - one exhaustive match over all methods
    config: WeightingConfig, tasks: Sequence[str], *, seed: int, device: torch.device
) -> Weighting:
    """Return the weighting of ``config``.

    Args:
        config: The method and its values.
        tasks: All tasks of the trial.
        seed: Random stream of the methods that draw.
        device: Where learned weights live.

    Raises:
        AutomtlError: If a custom weighting cannot be imported or is none.
    """
    match config:
        case FixedWeighting():
            return Fixed({task: config.weights.get(task, 1.0) for task in tasks})
        case UncertaintyWeighting():
            return LearnedScales(tasks, rate=0.5, device=device)
        case IMTLLWeighting():
            return LearnedScales(tasks, rate=1.0, device=device)
        case RLWWeighting():
            return RLW(seed=seed)
        case GeometricMeanWeighting():
            return GeometricMean()
        case STCHWeighting():
            return STCH({task: config.weights.get(task, 1.0) for task in tasks}, mu=config.mu)
        case DWAWeighting():
            return DWA(tasks, temperature=config.temperature)
        case FAMOWeighting():
            return FAMO(tasks, lr=config.lr, weight_decay=config.weight_decay)
        case GradNormWeighting():
            return GradNorm(tasks, config=config)
        case DBMTLWeighting():
            return DBMTL(tasks, config=config)
        case CustomWeighting():
            return imported_weighting(config, tasks, seed=seed, device=device)
        case GradientWeighting():
            return build_gradient_weighting(config, tasks, seed=seed)
    assert_never(config)
