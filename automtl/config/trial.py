"""All that decides a training."""

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from automtl.config.base import Frozen
from automtl.config.blueprint import check_names, own_code_of
from automtl.config.digest import digest_of
from automtl.config.network import BackboneConfig, HeadsConfig, SharingConfig
from automtl.config.optimizer import OptimizerConfig
from automtl.config.schedule import JointSchedule, ScheduleConfig
from automtl.config.weighting import FixedWeighting, WeightingConfig

NAMED_BASELINES = ("equal_weights", "staged")
"""Ways to train all tasks that a search may be compared with, by name."""


class TrialConfig(Frozen):
    """All that decides a training, its random seed and its data apart.

    Attributes:
        backbone: The network under all heads.
        sharing: The tasks and how much they share.
        heads: Sizes of the heads.
        weighting: How losses or gradients are combined.
        schedule: Which tasks step when.
        optimizer: How long and how fast.
        imports: Tasks of your own by the name that ``sharing.order`` uses, each as
            ``package.module:Class``.
    """

    backbone: BackboneConfig = BackboneConfig()
    sharing: SharingConfig = SharingConfig()
    heads: HeadsConfig = HeadsConfig()
    weighting: WeightingConfig = FixedWeighting()
    schedule: ScheduleConfig = JointSchedule()
    optimizer: OptimizerConfig = OptimizerConfig()
    imports: Mapping[str, str] = {}

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the network, in chain order."""
        return self.sharing.order

    @property
    def trained(self) -> tuple[str, ...]:
        """The tasks that training runs: all but those whose fixed weight is 0."""
        if not isinstance(self.weighting, FixedWeighting):
            return self.tasks
        weights = self.weighting.weights
        return tuple(task for task in self.tasks if weights.get(task, 1.0) > 0)

    @property
    def own_code(self) -> tuple[str, ...]:
        """Import paths of the user's own code that building the network runs."""
        return own_code_of(self)

    @model_validator(mode="after")
    def _parts_fit_the_tasks(self) -> Self:
        self.weighting.check_tasks(self.tasks)
        self.schedule.check_tasks(self.tasks)
        self.schedule.check_trained(self.trained)
        self.schedule.check_epochs(self.optimizer.epochs)
        return self

    @model_validator(mode="after")
    def _names_fit_the_imports(self) -> Self:
        check_names(self.tasks, self.imports)
        return self

    def to_plain(self) -> dict[str, object]:
        """Return a dict of JSON types; ``from_plain`` gives the same config back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> "TrialConfig":
        """Rebuild from ``to_plain``; unknown keys raise ``pydantic.ValidationError``."""
        return cls.model_validate(plain)

    @property
    def digest(self) -> str:
        """A stable digest of the content, 16 hexadecimal digits."""
        return digest_of(self.to_plain())


def single_task(config: TrialConfig, task: str) -> TrialConfig:
    """Return the configuration that trains ``task`` alone with all else equal."""
    return config.model_copy(
        update={
            "sharing": SharingConfig(order=(task,), split_after=()),
            "weighting": FixedWeighting(),
            "schedule": JointSchedule(),
        }
    )
