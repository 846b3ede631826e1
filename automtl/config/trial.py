"""All that decides a training."""

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from automtl.config.base import Frozen, digest_of
from automtl.config.network import BackboneConfig, HeadsConfig, SharingConfig
from automtl.config.optimizer import OptimizerConfig
from automtl.config.schedule import JointSchedule, ScheduleConfig
from automtl.config.weighting import FixedWeighting, WeightingConfig


class TrialConfig(Frozen):
    """All that decides a training, its random seed and its data apart."""

    backbone: BackboneConfig = BackboneConfig()
    sharing: SharingConfig = SharingConfig()
    heads: HeadsConfig = HeadsConfig()
    weighting: WeightingConfig = FixedWeighting()
    schedule: ScheduleConfig = JointSchedule()
    optimizer: OptimizerConfig = OptimizerConfig()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks trained, in chain order."""
        return self.sharing.order

    @model_validator(mode="after")
    def _parts_fit_the_tasks(self) -> Self:
        self.weighting.check_tasks(self.tasks)
        self.schedule.check_tasks(self.tasks)
        self.schedule.check_epochs(self.optimizer.epochs)
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
