"""What a sampler is told of a history: which trials were good, which were not, which still run.

Without early stopping that is every trial, as it ended. With it there are many more, most of
them looked at for a few epochs, and the split into good and bad is made here, once for a proposal.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from automtl.controller.constraints import excess
from automtl.controller.memo import PerTrial
from automtl.controller.ordering import order
from automtl.controller.projection import projected
from automtl.controller.rungs import competes
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.parts import Constraint

MAX_TOLD = 100
"""Trials with a result that the model is built on: the good ones and the newest others. Its cost
grows with this number, and old bad ones have little weight in it anyway."""

GOOD_SHARE = 0.1
MAX_GOOD = 25
"""The share of trials that count as good, as in Optuna's own split for one objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One trial as the sampler sees it.

    Attributes:
        record: The trial.
        state: ``seen`` with ``losses``, ``bad`` where it ended without, ``running`` otherwise.
        losses: Smaller is better; projected to the end where the trial was not trained to it.
        excesses: By how much it breaks each limit, relative to the limit.
        is_good: Whether it is among the best share; told with early stopping only.
        is_feasible: Whether it is inside every limit.
    """

    record: TrialRecord
    state: Literal["seen", "bad", "running"]
    losses: tuple[float, ...] = ()
    excesses: tuple[tuple[str, float], ...] = ()
    is_good: bool = False
    is_feasible: bool = True


def lessons(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    rungs: Sequence[int] = (),
    *,
    splits: bool = False,
) -> list[Lesson]:
    """Return what is told, by number.

    A trial in progress repels, until it has been at a rung. An infeasible one counts by how far
    it is outside. A failed trial, and one whose objectives are missing, are never told as a score.
    With ``rungs`` or ``splits``, all that run, the good ones and the newest others are told.
    """
    expected = projected(history, objectives, rungs)
    known = _LESSON.over(history, None, (objectives, constraints))
    every = [lesson for lesson in known if lesson is not None]
    if not (rungs or splits):
        return every
    losses = {lesson.record.number: _losses(lesson, expected) for lesson in every}
    ended = [one for one in every if losses[one.record.number] or one.state == "bad"]
    n_good = min(math.ceil(GOOD_SHARE * min(len(ended), MAX_TOLD)), MAX_GOOD)
    good = _good(ended, losses, n_good)
    others = [lesson.record.number for lesson in ended if lesson.record.number not in good]
    n_others = max(MAX_TOLD - len(good), 1)
    dropped = set(others[:-n_others])
    return [
        _whole(lesson, losses[lesson.record.number], is_good=lesson.record.number in good)
        for lesson in every
        if lesson.record.number not in dropped
    ]


def excesses(record: TrialRecord, constraints: Sequence[Constraint]) -> dict[str, float]:
    """Return by how much a trial is outside of each limit, relative to it; at most 0 inside."""
    found = {
        f"{limit.metric} {i}": excess(limit, record.values[limit.metric])
        for i, limit in enumerate(constraints)
        if limit.metric in record.values
    }
    found = {name: value if math.isfinite(value) else 1.0 for name, value in found.items()}
    if record.status is TrialStatus.INFEASIBLE and not any(v > 0 for v in found.values()):
        found["infeasible"] = 1.0
    return found


def _lesson(
    record: TrialRecord,
    _key: None,
    given: tuple[Sequence[Objective], Sequence[Constraint]],
) -> Lesson | None:
    """Return what a trial says by itself; what it was expected to end with is not known here."""
    objectives, constraints = given
    if not competes(record):
        return None
    limits = tuple(excesses(record, constraints).items())
    is_feasible = not any(value > 0 for _, value in limits)
    vector = record.vector(objectives)
    losses = (
        None
        if vector is None
        else tuple(o.as_loss(value) for o, value in zip(objectives, vector, strict=True))
    )
    state = _state(record.status, has_result=losses is not None)
    if state is None:
        return None
    return Lesson(
        record=record,
        state=state,
        losses=losses if state == "seen" and losses is not None else (),
        excesses=limits,
        is_feasible=is_feasible,
    )


def _state(status: TrialStatus, *, has_result: bool) -> Literal["seen", "bad", "running"] | None:
    match status:
        case TrialStatus.QUEUED | TrialStatus.RUNNING | TrialStatus.PAUSED:
            return "running"
        case TrialStatus.STOPPED:
            return "bad"
        case TrialStatus.COMPLETED | TrialStatus.INFEASIBLE if has_result:
            return "seen"
        case TrialStatus.INFEASIBLE:
            return "bad"
        case TrialStatus.COMPLETED | TrialStatus.FAILED:
            return None


_LESSON = PerTrial(_lesson)


def _good(
    ended: Sequence[Lesson], losses: Mapping[int, tuple[float, ...]], n_good: int
) -> set[int]:
    """Choose the best: by front, then those without a result, then the least infeasible."""
    inside = [lesson for lesson in ended if lesson.is_feasible]
    fair = [lesson for lesson in inside if losses[lesson.record.number]]
    values = np.array([losses[lesson.record.number] for lesson in fair])
    best = [fair[row] for row in order(values, ties="hypervolume", n_best=n_good)]
    silent = [lesson for lesson in inside if not losses[lesson.record.number]]
    outside = [lesson for lesson in ended if not lesson.is_feasible]
    chosen = [*best, *silent, *sorted(outside, key=_outside)]
    return {lesson.record.number for lesson in chosen[:n_good]}


def _losses(lesson: Lesson, expected: Mapping[int, tuple[float, ...]]) -> tuple[float, ...]:
    """Return what a trial ended with or is expected to; empty where nothing is known."""
    if lesson.losses or lesson.record.status is TrialStatus.INFEASIBLE:
        return lesson.losses
    return expected.get(lesson.record.number, ())


def _outside(lesson: Lesson) -> float:
    return sum(max(value, 0.0) for _, value in lesson.excesses)


def _whole(lesson: Lesson, losses: tuple[float, ...], *, is_good: bool) -> Lesson:
    if losses == lesson.losses and not is_good:
        return lesson
    return replace(
        lesson, state="seen" if losses else lesson.state, losses=losses, is_good=is_good
    )
