"""The stages of a staged schedule, as a value or as a line of text."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from automtl.config.base import Frozen, parts_of
from automtl.plain import PlacedError

TRUNK = "trunk"
WORDS = ("for", "freeze", "alternating", "lr")
"""What may follow the tasks in the text of a stage, each with one value."""


class JointSteps(Frozen):
    """Every step of the stage trains all of its tasks."""

    kind: Literal["joint"] = "joint"


class AlternatingSteps(Frozen):
    """The tasks of the stage take turns.

    Attributes:
        block: Steps that a task trains before the next one does.
    """

    kind: Literal["alternating"] = "alternating"
    block: Annotated[int, Field(ge=1)] = 1


class Stage(Frozen):
    """A part of a training.

    Attributes:
        tasks: Trained in it; all if empty.
        frozen: Parts that stay as they are: ``trunk`` (every stage of the backbone), ``stage:N``
            (one of them, for all tasks, counted from 1), ``head:TASK``, ``branch:TASK`` (all that
            the task runs, so that its outputs stay).
        epochs: How long; to the end of the training if not given.
        lr_factor: Multiplies the learning rate.
        schedule: Whether the stage's tasks train jointly or take turns.
    """

    tasks: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    epochs: Annotated[int, Field(ge=1)] | None = None
    lr_factor: Annotated[float, Field(gt=0, le=1000)] = 1.0
    schedule: Annotated[JointSteps | AlternatingSteps, Field(discriminator="kind")] = JointSteps()

    @field_validator("frozen")
    @classmethod
    def _are_parts(cls, frozen: tuple[str, ...]) -> tuple[str, ...]:
        for part in frozen:
            check_part(part)
        return frozen

    @property
    def frozen_tasks(self) -> tuple[str, ...]:
        """The tasks that ``frozen`` names."""
        split = (part.partition(":") for part in self.frozen)
        return tuple(name for kind, _, name in split if kind in {"head", "branch"})

    def check_something_moves(self, trained: Sequence[str], *, where: str) -> None:
        """Raise ``PlacedError`` if a trained task has no parameter left to learn."""
        has_backbone = not any(p == TRUNK or p.startswith("branch:") for p in self.frozen)
        for task in trained:
            is_whole = f"branch:{task}" in self.frozen
            if is_whole or (f"head:{task}" in self.frozen and not has_backbone):
                msg = f"`{where}` trains {task} and freezes all of it"
                raise PlacedError(msg, (*parts_of(where), "frozen"))


def check_part(part: str) -> None:
    """Raise ``ValueError`` unless the text names a part of a network, as in ``Stage.frozen``."""
    kind, _, name = part.partition(":")
    is_stage = kind == "stage" and name.isdecimal() and int(name) > 0
    if part != TRUNK and not is_stage and not (kind in {"head", "branch"} and name):
        msg = (
            f"{part!r} is no part of a network: write trunk, stage:N (from 1), head:TASK or "
            "branch:TASK"
        )
        raise ValueError(msg)


def parse_stage(text: str) -> dict[str, object]:
    """Read a stage from text: its tasks, then words with their values, in any order.

    The tasks are ``all`` or names joined by ``+``; ``for N`` gives the epochs, ``freeze PARTS``
    what stays (joined by ``+``), ``alternating N`` lets the tasks take turns every N steps, and
    ``lr X`` multiplies the learning rate.

    >>> parse_stage("segmentation freeze trunk for 3")
    {'tasks': ['segmentation'], 'frozen': ['trunk'], 'epochs': '3'}

    Raises:
        ValueError: If a word is unknown or lacks its value.
    """
    head, *rest = text.split() or [""]
    if not head or len(rest) % 2:
        msg = f"{text.strip()!r} is no stage: write for example `detection+tracking for 3`"
        raise ValueError(msg)
    found: dict[str, object] = {} if head == "all" else {"tasks": head.split("+")}
    for word, value in zip(rest[::2], rest[1::2], strict=True):
        match word:
            case "for":
                found["epochs"] = value
            case "freeze":
                found["frozen"] = value.split("+")
            case "alternating":
                found["schedule"] = {"kind": "alternating", "block": value}
            case "lr":
                found["lr_factor"] = value
            case _:
                msg = f"{word!r} means nothing in a stage: known are {', '.join(WORDS)}"
                raise ValueError(msg)
    return found


def _parsed(value: Any) -> Any:
    """Turn texts among the stages into stages; a sampler's value may be one text for all."""
    if isinstance(value, str):
        return [parse_stage(text) for text in value.split(";")]
    if isinstance(value, list | tuple):
        return [
            stage
            for item in value
            for stage in (_parsed(item) if isinstance(item, str) else [item])
        ]
    return value


TextStages = Annotated[tuple[Stage, ...], BeforeValidator(_parsed)]
