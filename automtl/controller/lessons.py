"""What a sampler is told of a history: which trials were good, which were not, which still run.

Without early stopping that is every trial, as it ended. With it there are many more, most of
them looked at for a few epochs, and the split into good and bad is made here, once for a proposal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    record: TrialRecord
    state: Literal["seen", "bad", "running"]
    losses: tuple[float, ...] = ()
    excesses: tuple[tuple[str, float], ...] = ()
    is_good: bool = False

    @property
    def is_feasible(self) -> bool:
        """Whether the trial is inside every limit."""
        return not any(value > 0 for _, value in self.excesses)


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
    every = [
        lesson
        for record in history
        if competes(record)
        and (
            lesson := _LESSON(record, None, (objectives, constraints, expected.get(record.number)))
        )
        is not None
    ]
    if not (rungs or splits):
        return every
    ended = [lesson for lesson in every if lesson.state != "running"]
    n_good = min(math.ceil(GOOD_SHARE * min(len(ended), MAX_TOLD)), MAX_GOOD)
    good = _good(ended, n_good)
    others = [lesson for lesson in ended if lesson.record.number not in good]
    n_others = max(MAX_TOLD - len(good), 1)
    kept = {lesson.record.number for lesson in others[-n_others:]} | good
    return [
        _marked(lesson) if lesson.record.number in good else lesson
        for lesson in every
        if lesson.state == "running" or lesson.record.number in kept
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
    given: tuple[Sequence[Objective], Sequence[Constraint], tuple[float, ...] | None],
) -> Lesson | None:
    objectives, constraints, expected = given
    limits = tuple(excesses(record, constraints).items())
    vector = record.vector(objectives)
    losses = (
        None
        if vector is None
        else tuple(o.as_loss(value) for o, value in zip(objectives, vector, strict=True))
    )
    match record.status:
        case TrialStatus.QUEUED | TrialStatus.RUNNING | TrialStatus.PAUSED | TrialStatus.STOPPED:
            if expected is not None:
                return Lesson(record=record, state="seen", losses=expected, excesses=limits)
            is_over = record.status is TrialStatus.STOPPED
            return Lesson(record=record, state="bad" if is_over else "running", excesses=limits)
        case TrialStatus.COMPLETED | TrialStatus.INFEASIBLE if losses is not None:
            return Lesson(record=record, state="seen", losses=losses, excesses=limits)
        case TrialStatus.INFEASIBLE:
            return Lesson(record=record, state="bad", excesses=limits)
        case TrialStatus.COMPLETED | TrialStatus.FAILED:
            return None


_LESSON = PerTrial(_lesson)


def _good(ended: Sequence[Lesson], n_good: int) -> set[int]:
    """Choose the best: by front, then those without a result, then the least infeasible."""
    fair = [lesson for lesson in ended if lesson.state == "seen" and lesson.is_feasible]
    losses = np.array([lesson.losses for lesson in fair])
    best = [fair[row] for row in order(losses, ties="hypervolume", n_best=n_good)] if fair else []
    silent = [lesson for lesson in ended if lesson.state == "bad" and lesson.is_feasible]
    outside = [lesson for lesson in ended if not lesson.is_feasible]
    chosen = [*best, *silent, *sorted(outside, key=_outside)]
    return {lesson.record.number for lesson in chosen[:n_good]}


def _outside(lesson: Lesson) -> float:
    return sum(max(value, 0.0) for _, value in lesson.excesses)


def _marked(lesson: Lesson) -> Lesson:
    return Lesson(
        record=lesson.record,
        state=lesson.state,
        losses=lesson.losses,
        excesses=lesson.excesses,
        is_good=True,
    )
