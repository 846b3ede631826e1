"""What a trial is: a frozen tree, to and from a plain dict, with a stable digest.

The parts are loaded when one is asked for (PEP 562): the files of this folder without pydantic
(``backbones``, ``blueprint``, ``digest``, ``metrics``, ``sharing``) are all that reading a bundle
needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automtl.config.base import Frozen, Part
    from automtl.config.blueprint import BUILT_IN_TASKS, View
    from automtl.config.digest import digest_of
    from automtl.config.free import FreeConfig
    from automtl.config.gradient_weighting import (
        AlignedMTLWeighting,
        CAGradWeighting,
        ConFIGWeighting,
        DualProjWeighting,
        ExcessMTLWeighting,
        FairGradWeighting,
        GradDropWeighting,
        GradientWeighting,
        GradientWeightingConfig,
        GradVacWeighting,
        IMTLGWeighting,
        MGDAWeighting,
        NashMTLWeighting,
        PCGradWeighting,
        Place,
        TaskWeightConfig,
        UPGradWeighting,
    )
    from automtl.config.network import BackboneConfig, HeadsConfig, SharingConfig
    from automtl.config.optimizer import OptimizerConfig
    from automtl.config.schedule import (
        AlternatingSchedule,
        JointSchedule,
        ProportionalSchedule,
        ScheduleConfig,
        StagedSchedule,
        UntilPlateauSchedule,
        narrowed,
    )
    from automtl.config.stages import TRUNK, AlternatingSteps, Stage
    from automtl.config.trial import TrialConfig, single_task
    from automtl.config.weighting import (
        CustomWeighting,
        DBMTLWeighting,
        DWAWeighting,
        FAMOWeighting,
        FixedWeighting,
        GeometricMeanWeighting,
        GradNormWeighting,
        IMTLLWeighting,
        RLWWeighting,
        STCHWeighting,
        UncertaintyWeighting,
        WeightingConfig,
    )
    from automtl.plain import PlacedError

__all__ = [
    "BUILT_IN_TASKS",
    "TRUNK",
    "AlignedMTLWeighting",
    "AlternatingSchedule",
    "AlternatingSteps",
    "BackboneConfig",
    "CAGradWeighting",
    "ConFIGWeighting",
    "CustomWeighting",
    "DBMTLWeighting",
    "DWAWeighting",
    "DualProjWeighting",
    "ExcessMTLWeighting",
    "FAMOWeighting",
    "FairGradWeighting",
    "FixedWeighting",
    "FreeConfig",
    "Frozen",
    "GeometricMeanWeighting",
    "GradDropWeighting",
    "GradNormWeighting",
    "GradVacWeighting",
    "GradientWeighting",
    "GradientWeightingConfig",
    "HeadsConfig",
    "IMTLGWeighting",
    "IMTLLWeighting",
    "JointSchedule",
    "MGDAWeighting",
    "NashMTLWeighting",
    "OptimizerConfig",
    "PCGradWeighting",
    "Part",
    "Place",
    "PlacedError",
    "ProportionalSchedule",
    "RLWWeighting",
    "STCHWeighting",
    "ScheduleConfig",
    "SharingConfig",
    "Stage",
    "StagedSchedule",
    "TaskWeightConfig",
    "TrialConfig",
    "UPGradWeighting",
    "UncertaintyWeighting",
    "UntilPlateauSchedule",
    "View",
    "WeightingConfig",
    "digest_of",
    "narrowed",
    "single_task",
]

_FILES = (
    "plain",
    "config.blueprint",
    "config.digest",
    "config.base",
    "config.free",
    "config.network",
    "config.optimizer",
    "config.stages",
    "config.schedule",
    "config.gradient_weighting",
    "config.weighting",
    "config.trial",
)


def __getattr__(name: str) -> object:
    """Load the first file that has a public name."""
    for file in _FILES if name in __all__ else ():
        found = vars(import_module(f"automtl.{file}")).get(name)
        if found is not None:
            globals()[name] = found
            return found
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
