"""Which tasks a step trains: a pure function of its number."""

from collections.abc import Sequence
from typing import assert_never

from automtl.config import AlternatingSchedule, JointSchedule, ScheduleConfig


def tasks_of_step(schedule: ScheduleConfig, tasks: Sequence[str], step: int) -> tuple[str, ...]:
    """Return the tasks that step ``step`` (from 0) trains, in the order of ``tasks``.

    >>> blocks = AlternatingSchedule(block=2)
    >>> [tasks_of_step(blocks, ["a", "b"], step) for step in range(5)]
    [('a',), ('a',), ('b',), ('b',), ('a',)]
    """
    match schedule:
        case JointSchedule():
            return tuple(tasks)
        case AlternatingSchedule():
            return (tasks[step // schedule.block % len(tasks)],)
    assert_never(schedule)


def optimizer_groups(
    schedule: ScheduleConfig, tasks: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the tasks of each optimizer: one for all, or one for each task.

    With ``optimizer_state: per_task`` a parameter that several tasks use stands in several
    optimizers, each with its own moments (Pascal et al. 2021, arXiv 2109.11678).
    """
    if isinstance(schedule, AlternatingSchedule) and schedule.optimizer_state == "per_task":
        return tuple((task,) for task in tasks)
    return (tuple(tasks),)
