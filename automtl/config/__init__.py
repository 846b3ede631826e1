"""What a trial is: a frozen tree, to and from a plain dict, with a stable digest."""

from automtl.config.base import Frozen, Part, digest_of
from automtl.config.gradient_weighting import PCGradWeighting, UPGradWeighting
from automtl.config.network import BUILT_IN_TASKS, BackboneConfig, HeadsConfig, SharingConfig
from automtl.config.optimizer import OptimizerConfig
from automtl.config.schedule import AlternatingSchedule, JointSchedule, ScheduleConfig
from automtl.config.trial import TrialConfig, single_task
from automtl.config.weighting import (
    FixedWeighting,
    UncertaintyWeighting,
    WeightingConfig,
)

__all__ = [
    "BUILT_IN_TASKS",
    "AlternatingSchedule",
    "BackboneConfig",
    "FixedWeighting",
    "Frozen",
    "HeadsConfig",
    "JointSchedule",
    "OptimizerConfig",
    "PCGradWeighting",
    "Part",
    "ScheduleConfig",
    "SharingConfig",
    "TrialConfig",
    "UPGradWeighting",
    "UncertaintyWeighting",
    "WeightingConfig",
    "digest_of",
    "single_task",
]
