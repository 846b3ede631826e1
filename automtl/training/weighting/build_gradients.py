"""Choose how gradients are combined by the type of the configuration."""

from collections.abc import Sequence
from functools import partial
from typing import assert_never

from automtl.config import (
    AlignedMTLWeighting,
    CAGradWeighting,
    ConFIGWeighting,
    DualProjWeighting,
    ExcessMTLWeighting,
    FairGradWeighting,
    GradDropWeighting,
    GradientWeightingConfig,
    GradVacWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    NashMTLWeighting,
    PCGradWeighting,
    TaskWeightConfig,
    UPGradWeighting,
)
from automtl.training.weighting import rules
from automtl.training.weighting.base import Weighting
from automtl.training.weighting.fairness import alpha_fair
from automtl.training.weighting.graddrop import GradDrop
from automtl.training.weighting.gradients import GradientCombining
from automtl.training.weighting.stateful_rules import ExcessMTL, GradVac, OfGramian, PCGrad, Rule

_Memoryless = (
    UPGradWeighting
    | DualProjWeighting
    | MGDAWeighting
    | CAGradWeighting
    | NashMTLWeighting
    | FairGradWeighting
    | AlignedMTLWeighting
    | ConFIGWeighting
    | IMTLGWeighting
)


def build_gradient_weighting(
    config: GradientWeightingConfig, tasks: Sequence[str], *, seed: int
) -> Weighting:
    """Return the weighting of ``config``.

    Args:
        config: The method and its values.
        tasks: All tasks of the trial.
        seed: Random stream of the methods that draw.
    """
    if isinstance(config, GradDropWeighting):
        return GradDrop(config=config, seed=seed)
    return GradientCombining(_rule(config, tasks, seed), tasks, config=config)


def _rule(config: TaskWeightConfig, tasks: Sequence[str], seed: int) -> Rule:
    match config:
        case PCGradWeighting():
            return PCGrad(seed=seed)
        case GradVacWeighting():
            return GradVac(len(tasks), beta=config.beta, seed=seed)
        case ExcessMTLWeighting():
            return ExcessMTL(tasks, step_size=config.step_size)
        case _:
            return OfGramian(_rule_of_gramian(config))


def _rule_of_gramian(config: _Memoryless) -> rules.GramianRule:  # noqa: C901, PLR0911, PLR0912  # a case each
    match config:
        case UPGradWeighting():
            return rules.upgrad
        case DualProjWeighting():
            return rules.dualproj
        case MGDAWeighting():
            return rules.mgda
        case CAGradWeighting():
            return partial(rules.cagrad, c=config.c)
        case NashMTLWeighting():
            return rules.nash_mtl
        case FairGradWeighting():
            return partial(alpha_fair, alpha=config.alpha)
        case AlignedMTLWeighting():
            return partial(rules.aligned_mtl, scale=config.scale)
        case ConFIGWeighting():
            return rules.config
        case IMTLGWeighting():
            return rules.imtl_g
    assert_never(config)
