"""What a trial is: a frozen tree, to and from a plain dict, with a stable digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BUILT_IN_TASKS = ("detection", "segmentation", "tracking")


class Frozen(BaseModel):
    """A value: immutable, closed to unknown keys, equal by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BackboneConfig(Frozen):
    """The network that turns a picture into feature maps.

    Attributes:
        name: ``tiny``, or a torchvision classification backbone, or ``package.module:factory``.
        weights: ``none``, ``imagenet``, or the path of a state dict.
        image_size: Height and width of the network's input in pixels.
        width: Channel multiplier of the ``tiny`` backbone; other backbones ignore it.
    """

    name: str = "tiny"
    weights: str = "none"
    image_size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] = (96, 128)
    width: Annotated[float, Field(gt=0, le=8)] = 1.0


class SharingConfig(Frozen):
    """The sharing tree as a chain of tasks.

    Attributes:
        order: The tasks in chain order.
        split_after: ``split_after[i]`` is the number of stages that tasks ``i`` and ``i + 1``
            share; any two tasks share the minimum of the splits between them. A number above
            the backbone's stages means all of them.
    """

    order: tuple[str, ...] = BUILT_IN_TASKS
    split_after: tuple[Annotated[int, Field(ge=0)], ...] = (99, 99)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.order)) != len(self.order) or not self.order:
            msg = f"`order` must name each task once, found {list(self.order)}"
            raise ValueError(msg)
        if len(self.split_after) != len(self.order) - 1:
            msg = (
                f"`split_after` must have one number fewer than `order` has tasks "
                f"({len(self.order) - 1}), found {list(self.split_after)}"
            )
            raise ValueError(msg)
        return self


class HeadsConfig(Frozen):
    """Sizes of the dense heads.

    Attributes:
        channels: Channels of every head's inner layers.
        embedding_dim: Length of the tracking embedding.
    """

    channels: Annotated[int, Field(ge=8, le=1024)] = 64
    embedding_dim: Annotated[int, Field(ge=4, le=512)] = 32


class FixedWeighting(Frozen):
    """Constant task weights; a task that is not named has weight 1."""

    kind: Literal["fixed"] = "fixed"
    weights: Mapping[str, Annotated[float, Field(ge=0)]] = {}


class UncertaintyWeighting(Frozen):
    """Learned homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115)."""

    kind: Literal["uncertainty"] = "uncertainty"


class UPGradWeighting(Frozen):
    """UPGrad (Quinton and Rey 2024, arXiv 2406.16232), which combines the tasks' gradients."""

    kind: Literal["upgrad"] = "upgrad"


class PCGradWeighting(Frozen):
    """PCGrad (Yu et al. 2020, arXiv 2001.06782), which projects conflicting gradients."""

    kind: Literal["pcgrad"] = "pcgrad"


WeightingConfig = Annotated[
    FixedWeighting | UncertaintyWeighting | UPGradWeighting | PCGradWeighting,
    Field(discriminator="kind"),
]


class JointSchedule(Frozen):
    """Every step trains all tasks."""

    kind: Literal["joint"] = "joint"


class AlternatingSchedule(Frozen):
    """One task at a time, in blocks.

    Attributes:
        block: Steps that a task trains before the next one does.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
    """

    kind: Literal["alternating"] = "alternating"
    block: Annotated[int, Field(ge=1)] = 1
    optimizer_state: Literal["shared", "per_task"] = "shared"


ScheduleConfig = Annotated[JointSchedule | AlternatingSchedule, Field(discriminator="kind")]


class OptimizerConfig(Frozen):
    """How long and how fast a trial learns.

    Attributes:
        name: ``adamw`` or ``sgd`` (with momentum 0.9).
        lr: Peak learning rate of the cosine.
        weight_decay: Decoupled for ``adamw``, added to the gradient for ``sgd``.
        warmup: Share of all steps in which the rate rises linearly.
        batch_size: Frames in a step.
        epochs: Reports of a full training.
        steps_per_epoch: Optimizer steps between two reports. A fixed number compares
            configurations better than a pass over the data or wall time does.
        precision: ``float32`` or ``bfloat16`` (autocast). A CPU without it emulates it about
            ten times slower.
        grad_clip: Largest gradient norm; 0 leaves gradients alone.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=10)] = 3e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)] = 8
    epochs: Annotated[int, Field(ge=1)] = 4
    steps_per_epoch: Annotated[int, Field(ge=1)] = 100
    precision: Literal["float32", "bfloat16"] = "float32"
    grad_clip: Annotated[float, Field(ge=0)] = 5.0


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
    def _weights_name_tasks(self) -> Self:
        if isinstance(self.weighting, FixedWeighting):
            unknown = sorted(set(self.weighting.weights) - set(self.sharing.order))
            if unknown:
                msg = f"`weighting.weights` names {unknown}, which `sharing.order` does not"
                raise ValueError(msg)
            if self.weighting.weights and not any(
                self.weighting.weights.get(task, 1.0) > 0 for task in self.sharing.order
            ):
                msg = "`weighting.weights` must leave at least one task a weight above 0"
                raise ValueError(msg)
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


def digest_of(plain: object) -> str:
    """Digest of a JSON-like value that does not depend on the order of keys.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def single_task(config: TrialConfig, task: str) -> TrialConfig:
    """Return the configuration that trains ``task`` alone with all else equal."""
    return config.model_copy(
        update={
            "sharing": SharingConfig(order=(task,), split_after=()),
            "weighting": FixedWeighting(),
            "schedule": JointSchedule(),
        }
    )
