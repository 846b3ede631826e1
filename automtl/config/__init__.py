"""What a trial is: a frozen tree, to and from a plain dict, with a stable digest."""

from automtl.config.base import Frozen, Part, digest_of
from automtl.config.gradient_weighting import PCGradWeighting, UPGradWeighting
from automtl.config.network import (
    BUILT_IN_TASKS,
    BackboneConfig,
    HeadsConfig,
    SharingConfig,
    View,
)
from automtl.config.optimizer import OptimizerConfig
from automtl.config.schedule import AlternatingSchedule, JointSchedule, ScheduleConfig
from automtl.config.trial import TrialConfig, single_task
from automtl.config.weighting import (
    CustomWeighting,
    FixedWeighting,
    GeometricMeanWeighting,
    ImtlLWeighting,
    RlwWeighting,
    StchWeighting,
    UncertaintyWeighting,
    WeightingConfig,
)

__all__ = [
    "BUILT_IN_TASKS",
    "AlternatingSchedule",
    "BackboneConfig",
    "CustomWeighting",
    "FixedWeighting",
    "Frozen",
    "GeometricMeanWeighting",
    "HeadsConfig",
    "ImtlLWeighting",
    "JointSchedule",
    "OptimizerConfig",
    "PCGradWeighting",
    "Part",
    "RlwWeighting",
    "ScheduleConfig",
    "SharingConfig",
    "StchWeighting",
    "TrialConfig",
    "UPGradWeighting",
    "UncertaintyWeighting",
    "View",
    "WeightingConfig",
    "digest_of",
    "single_task",
]
