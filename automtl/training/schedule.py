"""Which tasks a step trains: pure functions of the configuration, the step, and past metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from automtl.config import (
    AlternatingSchedule,
    AlternatingSteps,
    JointSchedule,
    ProportionalSchedule,
    ScheduleConfig,
    StagedSchedule,
    TrialConfig,
    UntilPlateauSchedule,
)

History = Sequence[Mapping[str, float]]
"""By finished epoch, the primary metric of each task on the validation split."""

_DRAWS = 0x5C4E
"""Keeps the draws of tasks apart from those of frames, which have the same seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a schedule needs to know of its training.

    Attributes:
        schedule: Which one.
        tasks: The tasks that learn, in chain order; others have no turn and no stage.
        steps_per_epoch: Steps between two reports.
        seed: Decides draws.
        n_labelled: Training frames with labels, by task.
    """

    schedule: ScheduleConfig
    tasks: tuple[str, ...]
    steps_per_epoch: int
    seed: int
    n_labelled: Mapping[str, int]


def course_of(
    config: TrialConfig, labels: Mapping[str, NDArray[np.bool_]], *, seed: int
) -> Course:
    """Return what the schedule of a configuration needs to know.

    Args:
        config: Whose training.
        labels: By task, which training frames carry its labels.
        seed: Decides draws.
    """
    return Course(
        schedule=config.schedule,
        tasks=config.trained,
        steps_per_epoch=config.optimizer.steps_per_epoch,
        seed=seed,
        n_labelled={task: int(labels[task].sum()) for task in config.trained},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What the steps of an epoch have in common.

    Attributes:
        tasks: Those that train in it.
        block: Steps that a task trains before the next one does; None if a step trains all.
        first_step: The step from which blocks are counted.
        shares: Probability of each of ``tasks`` to be drawn for a step; empty if none is drawn.
        seed: Decides draws.
        frozen: Parts of the network that stay as they are (see ``Stage.frozen``).
        lr_factor: Multiplies the learning rate.
    """

    tasks: tuple[str, ...]
    block: int | None = None
    first_step: int = 0
    shares: tuple[float, ...] = ()
    seed: int = 0
    frozen: tuple[str, ...] = ()
    lr_factor: float = 1.0

    def tasks_of_step(self, step: int) -> tuple[str, ...]:
        """Return the tasks that step ``step`` (from 0) trains, in the order of ``tasks``.

        >>> blocks = Phase(tasks=("a", "b"), block=2)
        >>> [blocks.tasks_of_step(step) for step in range(5)]
        [('a',), ('a',), ('b',), ('b',), ('a',)]
        """
        if self.shares:
            rng = np.random.default_rng([self.seed % 2**63, step, _DRAWS])
            return (self.tasks[int(rng.choice(len(self.tasks), p=self.shares))],)
        if self.block is None:
            return self.tasks
        return (self.tasks[(step - self.first_step) // self.block % len(self.tasks)],)


def phase_of_epoch(course: Course, epoch: int, history: History) -> Phase | None:
    """Return what epoch ``epoch`` (from 0) does, or None if the training is over before it.

    Args:
        course: The schedule and its training.
        epoch: Which epoch.
        history: Of the epochs before it.

    Returns:
        The phase: the same for the same arguments, so that a resume needs no state but the
        history.
    """
    schedule = course.schedule
    match schedule:
        case JointSchedule():
            return Phase(tasks=course.tasks)
        case AlternatingSchedule():
            steps = 1 if schedule.unit == "steps" else course.steps_per_epoch
            return Phase(tasks=course.tasks, block=schedule.block * steps)
        case ProportionalSchedule():
            return Phase(tasks=course.tasks, shares=_shares(schedule, course), seed=course.seed)
        case UntilPlateauSchedule():
            order = _learning(schedule.order, course)
            turn = _turn(order, schedule.patience, history)
            is_over = schedule.rounds is not None and turn >= schedule.rounds * len(order)
            return None if is_over else Phase(tasks=(order[turn % len(order)],))
        case StagedSchedule():
            return _stage(schedule, course, epoch)
    assert_never(schedule)


def optimizer_groups(
    schedule: ScheduleConfig, tasks: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the tasks of each optimizer: one for all, or one for each task.

    With ``optimizer_state: per_task`` a parameter that several tasks use stands in several
    optimizers, each with its own moments (Pascal et al. 2021, arXiv 2109.11678).
    """
    if isinstance(schedule, JointSchedule) or schedule.optimizer_state == "shared":
        return (tuple(tasks),)
    return tuple((task,) for task in tasks)


def _learning(named: tuple[str, ...], course: Course) -> tuple[str, ...]:
    return tuple(task for task in named if task in course.tasks) or course.tasks


def _shares(schedule: ProportionalSchedule, course: Course) -> tuple[float, ...]:
    if schedule.rates:
        rates = np.array([schedule.rates.get(task, 1.0) for task in course.tasks])
    else:
        counts = np.array([course.n_labelled[task] for task in course.tasks], dtype=np.float64)
        rates = (counts / counts.max()) ** (1 / (schedule.temperature or 1.0))
    return tuple((rates / rates.sum()).tolist())


def _turn(order: Sequence[str], patience: int, history: History) -> int:
    """Return which turn (from 0) comes after ``history``; turn i is that of task i, cyclically."""
    turn, waited, best = 0, 0, -np.inf
    for values in history:
        value = values[order[turn % len(order)]]
        waited, best = (0, value) if value > best else (waited + 1, best)
        if waited == patience:
            turn, waited = turn + 1, 0
            begin = values[order[turn % len(order)]]
            best = -np.inf if np.isnan(begin) else begin
    return turn


def _stage(schedule: StagedSchedule, course: Course, epoch: int) -> Phase:
    begin, stage = 0, schedule.stages[0]
    for following in schedule.stages[1:]:
        if epoch < begin + (stage.epochs or 1):
            break
        begin, stage = begin + (stage.epochs or 1), following
    steps = stage.schedule
    return Phase(
        tasks=_learning(stage.tasks, course),
        block=steps.block if isinstance(steps, AlternatingSteps) else None,
        first_step=begin * course.steps_per_epoch,
        frozen=stage.frozen,
        lr_factor=stage.lr_factor,
    )
