"""What a sampler is told of a history: which trials were good, which were not, which still run.

Without early stopping that is every trial, as it ended. With it there are many more, most of
them looked at for a few epochs, and the split into good and bad is made here, once for a proposal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from automtl.controller.constraints import excess
from automtl.controller.memo import PerTrial, RowPerTrial
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
    given = (objectives, constraints)
    known = _LESSON.over(history, None, given)
    if not (rungs or splits):
        return [lesson for lesson in known if lesson is not None]
    table = _Table.of(history, given, projected(history, objectives, rungs))
    ended = np.flatnonzero(table.is_ended)
    n_good = min(math.ceil(GOOD_SHARE * min(len(ended), MAX_TOLD)), MAX_GOOD)
    good = _good(table, n_good)
    others = ended[~np.isin(ended, good)]
    is_kept = table.is_told.copy()
    is_kept[others[: -max(MAX_TOLD - len(good), 1)]] = False
    # The few that are left are lessons one by one again.
    is_good = set(good.tolist())
    return [
        _whole(lesson, table.losses_of(row), is_good=row in is_good)
        for row in np.flatnonzero(is_kept).tolist()
        if (lesson := known[row]) is not None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The lessons of a whole history in arrays, a row for each trial.

    Attributes:
        is_told: Whether there is a lesson.
        is_ended: Whether it is one of a trial that ended, or of which an end is expected.
        is_feasible: Whether it is inside every limit.
        outside: By how much it is outside of all limits together.
        losses: What it ended with or is expected to, shape ``(n_trials, m)``; NaN if unknown.
    """

    is_told: NDArray[np.bool_]
    is_ended: NDArray[np.bool_]
    is_feasible: NDArray[np.bool_]
    outside: NDArray[np.float64]
    losses: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        history: Sequence[TrialRecord],
        given: tuple[Sequence[Objective], Sequence[Constraint]],
        expected: NDArray[np.float64],
    ) -> "_Table":
        rows = _ROW.over(history, None, given, width=4 + len(given[0]))
        is_bad, is_settled, is_feasible, outside = rows[:, :4].T
        is_told = ~np.isnan(outside)
        losses = np.where(is_settled[:, None] == 1, rows[:, 4:], expected)
        return cls(
            is_told=is_told,
            is_ended=is_told & ((is_bad == 1) | ~np.isnan(losses).all(axis=1)),
            is_feasible=is_feasible == 1,
            outside=outside,
            losses=losses,
        )

    def losses_of(self, row: int) -> tuple[float, ...]:
        """Return what a trial ended with or is expected to; empty where nothing is known."""
        found = self.losses[row]
        return () if np.isnan(found).all() else tuple(found.tolist())


def _good(table: _Table, n_good: int) -> NDArray[np.int64]:
    """Choose the best: by front, then those without a result, then the least infeasible."""
    has_losses = ~np.isnan(table.losses).all(axis=1)
    is_inside = table.is_ended & table.is_feasible
    fair = np.flatnonzero(is_inside & has_losses)
    best = order(table.losses[fair], ties="hypervolume", n_best=n_good)
    silent = np.flatnonzero(is_inside & ~has_losses)
    outside = np.flatnonzero(table.is_ended & ~table.is_feasible)
    outside = outside[np.argsort(table.outside[outside], kind="stable")]
    return np.concatenate([fair[np.array(best, dtype=np.int64)], silent, outside])[:n_good]


def _row(
    record: TrialRecord, _key: None, given: tuple[Sequence[Objective], Sequence[Constraint]]
) -> Sequence[float] | None:
    """Return a lesson in numbers: bad, nothing to expect, feasible, how far outside, losses."""
    lesson = _LESSON(record, None, given)
    if lesson is None:
        return None
    is_settled = bool(lesson.losses) or record.status is TrialStatus.INFEASIBLE
    outside = sum((max(value, 0.0) for _, value in lesson.excesses), 0.0)
    losses = lesson.losses or [math.nan] * len(given[0])
    return [lesson.state == "bad", is_settled, lesson.is_feasible, outside, *losses]


_ROW = RowPerTrial(_row)


def _whole(lesson: Lesson, losses: tuple[float, ...], *, is_good: bool) -> Lesson:
    if losses == lesson.losses and not is_good:
        return lesson
    return replace(
        lesson, state="seen" if losses else lesson.state, losses=losses, is_good=is_good
    )
