"""Which tasks step when."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, assert_never

from pydantic import Field, model_validator
from typing_extensions import override

from automtl.config.base import Part, parts_of, refuse_unknown_tasks
from automtl.config.blueprint import first_twice
from automtl.config.stages import TextStages
from automtl.plain import PlacedError

OptimizerState = Literal["shared", "per_task"]
"""``shared`` keeps one set of moments, ``per_task`` one for each task."""


class TimedPart(Part):
    """A part of a trial that may divide its epochs."""

    def check_epochs(self, epochs: int) -> None:
        """Raise ``ValueError`` if the part does not fit a training of so many epochs."""
        del epochs

    def check_trained(self, tasks: Sequence[str]) -> None:
        """Raise ``ValueError`` if the part at times trains none of ``tasks``, which learn."""
        del tasks


class JointSchedule(TimedPart):
    """Every step trains all tasks."""

    kind: Literal["joint"] = "joint"


class AlternatingSchedule(TimedPart):
    """One task at a time, in blocks, in the order of the chain.

    Attributes:
        block: How long a task trains before the next one does.
        unit: What ``block`` counts: ``steps`` or ``epochs``.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
    """

    kind: Literal["alternating"] = "alternating"
    block: Annotated[int, Field(ge=1)] = 1
    unit: Literal["steps", "epochs"] = "steps"
    optimizer_state: OptimizerState = "shared"


class ProportionalSchedule(TimedPart):
    """One task at a time, drawn for each step.

    Under SGD this is the weighted joint training in expectation (Xin et al. 2022,
    arXiv 2209.11379), under AdamW with shared moments it is not.

    Attributes:
        rates: How often each task is drawn, up to a common factor; a task that is not named
            has rate 1. Takes the place of ``temperature``.
        temperature: A task is drawn in proportion to its number of labelled training frames
            to the power ``1 / temperature``: 1 follows the labels, a large one treats all tasks
            alike. 1 where neither is given.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
    """

    kind: Literal["proportional"] = "proportional"
    rates: Mapping[str, Annotated[float, Field(gt=0, le=1e6)]] = {}
    temperature: Annotated[float, Field(ge=0.1, le=1e6)] | None = None
    optimizer_state: OptimizerState = "shared"

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if self.rates and self.temperature is not None:
            msg = "give `rates` or `temperature`, not both"
            raise PlacedError(msg, ("temperature",))
        return self

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse rates of unknown tasks."""
        refuse_unknown_tasks(self.rates, tasks, where="schedule.rates")


class UntilPlateauSchedule(TimedPart):
    """One task until it stops improving, then the next one.

    Attributes:
        patience: Epochs in a row, without a better primary metric on the validation split than
            the task had when its turn began or since, after which the next task begins.
        order: The tasks in turn; the chain's order if empty. Tasks left out are not trained.
        rounds: How often each task has its turn, after which the training ends early; to the
            last epoch if not given.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
    """

    kind: Literal["until_plateau"] = "until_plateau"
    patience: Annotated[int, Field(ge=1)] = 2
    order: tuple[str, ...] = ()
    rounds: Annotated[int, Field(ge=1)] | None = None
    optimizer_state: OptimizerState = "shared"

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse unknown tasks, and a task that is named twice."""
        refuse_unknown_tasks(self.order, tasks, where="schedule.order")
        again = first_twice(self.order)
        if again is not None:
            msg = f"`schedule.order` must name each task once, found {list(self.order)}"
            raise PlacedError(msg, ("schedule", "order", again))

    @override
    def check_trained(self, tasks: Sequence[str]) -> None:
        """Refuse an order in which no task learns."""
        _refuse_idle(self.order, tasks, where="schedule.order")


class StagedSchedule(TimedPart):
    """One stage after the other, each with its tasks, its frozen parts and its epochs.

    YOLOP's training in steps (Wu et al. 2022, arXiv 2108.11250, table of training methods), there
    called ED-S-W, is ``detection for 4; segmentation freeze trunk for 4; all``; joint training
    after alternating is ``all alternating 1 for 4; all``.

    Attributes:
        stages: In order, as a list or as a text of stages divided by semicolons (see
            `docs/architecture.md`). The last one goes on to the last epoch.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
            A step of several tasks needs ``shared``.
    """

    kind: Literal["staged"] = "staged"
    stages: Annotated[TextStages, Field(min_length=1)]
    optimizer_state: OptimizerState = "shared"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for number, stage in enumerate(self.stages[:-1], start=1):
            if stage.epochs is None:
                msg = f"stage {number} needs `epochs`: only the last one goes on to the end"
                raise PlacedError(msg, ("stages", number - 1))
        return self

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse unknown tasks, and stages in which a task has nothing left to train."""
        for number, stage in enumerate(self.stages, start=1):
            where = f"schedule.stages.{number - 1}"
            refuse_unknown_tasks(stage.tasks, tasks, where=f"{where}.tasks")
            refuse_unknown_tasks(stage.frozen_tasks, tasks, where=f"{where}.frozen")
            trained = stage.tasks or tuple(tasks)
            stage.check_something_moves(trained, where=where)
            is_joint = stage.schedule.kind == "joint" and len(trained) > 1
            if is_joint and self.optimizer_state == "per_task":
                msg = (
                    f"`{where}` trains {len(trained)} tasks in one step, which "
                    "`schedule.optimizer_state: per_task` cannot"
                )
                raise PlacedError(msg, parts_of(where))

    @override
    def check_trained(self, tasks: Sequence[str]) -> None:
        """Refuse a stage in which no task learns."""
        for number, stage in enumerate(self.stages):
            _refuse_idle(stage.tasks, tasks, where=f"schedule.stages.{number}.tasks")

    @override
    def check_epochs(self, epochs: int) -> None:
        """Refuse stages that are longer than the training."""
        stated = sum(stage.epochs or 1 for stage in self.stages)
        if stated > epochs:
            msg = f"`schedule.stages` take {stated} epochs, `optimizer.epochs` is {epochs}"
            raise PlacedError(msg, ("schedule", "stages"))


def _refuse_idle(named: Sequence[str], trained: Sequence[str], *, where: str) -> None:
    if named and not set(named) & set(trained):
        msg = f"`{where}` names only tasks whose weight in `weighting.weights` is 0"
        raise PlacedError(msg, parts_of(where))


ScheduleConfig = Annotated[
    JointSchedule
    | AlternatingSchedule
    | ProportionalSchedule
    | UntilPlateauSchedule
    | StagedSchedule,
    Field(discriminator="kind"),
]


def narrowed(schedule: ScheduleConfig, tasks: Sequence[str]) -> ScheduleConfig:
    """Return the schedule that goes on with ``tasks`` of a trained network.

    Stages lead up to a network whose parts all work; from there on it is trained jointly.
    """
    match schedule:
        case JointSchedule() | AlternatingSchedule():
            return schedule
        case ProportionalSchedule():
            rates = {task: rate for task, rate in schedule.rates.items() if task in tasks}
            return schedule.model_copy(update={"rates": rates})
        case UntilPlateauSchedule():
            order = tuple(task for task in schedule.order if task in tasks)
            return schedule.model_copy(update={"order": order})
        case StagedSchedule():
            return JointSchedule()
    assert_never(schedule)
