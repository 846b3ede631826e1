"""Rungs: the epochs at which trials are compared, and what was seen there.

A rung is read from the history each time, so that a controller that was killed sees what its
predecessor saw.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.controller.memo import RowPerTrial, is_known
from automtl.results import OVER, EpochReport, Objective, TrialRecord, TrialStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Who reached a rung with a value of every objective.

    Attributes:
        epoch: The rung.
        rows: Their places in the history, ascending.
        losses: Shape ``(n, m)``; smaller is better.
    """

    epoch: int
    rows: NDArray[np.int64]
    losses: NDArray[np.float64]


def arrivals(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], epoch: int
) -> Arrivals:
    """Return who reached a rung; baselines do not compete."""
    losses = reached(history, objectives, epoch)
    rows = np.flatnonzero(is_known(losses))
    return Arrivals(epoch=epoch, rows=rows, losses=losses[rows])


def reached(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], epoch: int
) -> NDArray[np.float64]:
    """Return :func:`losses_at` of each trial, shape ``(n_trials, m)``, NaN where there is none."""
    return _LOSSES_AT.over(history, epoch, objectives, width=len(objectives))


def finished(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> NDArray[np.float64]:
    """Return :func:`final_losses` of each trial, shape ``(n_trials, m)``, NaN where none is."""
    return _FINAL_LOSSES.over(history, None, objectives, width=len(objectives))


def losses_at(
    record: TrialRecord, objectives: Sequence[Objective], epoch: int
) -> Sequence[float] | None:
    """Return what a trial would have ended with at a rung.

    None where it has not been there, trains no longer than that, is a baseline, failed, broke a
    limit (it would take the place of one that may still be chosen), or has not reported every
    objective (which says nothing about it).
    """
    return _LOSSES_AT(record, epoch, objectives)


def _losses_at(
    record: TrialRecord, epoch: int, objectives: Sequence[Objective]
) -> tuple[float, ...] | None:
    if not competes(record) or record.status in (TrialStatus.FAILED, TrialStatus.INFEASIBLE):
        return None
    if epochs_done(record) < epoch or epoch >= own_epochs(record):
        return None
    best = best_report([report for report in record.reports if report.epoch <= epoch])
    if best is None:
        return None
    found = tuple(o.as_loss(best.values.get(o.metric, math.nan)) for o in objectives)
    return found if all(map(math.isfinite, found)) else None


_LOSSES_AT = RowPerTrial(_losses_at)


def final_losses(record: TrialRecord, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """Return what a trial ended with, or None if it was not trained to its end."""
    vector = record.vector(objectives) if record.is_candidate else None
    if vector is None:
        return None
    return tuple(o.as_loss(value) for o, value in zip(objectives, vector, strict=True))


_FINAL_LOSSES = RowPerTrial(lambda record, _key, objectives: final_losses(record, objectives))


def best_report(reports: Sequence[EpochReport]) -> EpochReport | None:
    """Return the report whose values count: the largest ``score``, else the last one."""
    if not reports:
        return None
    if all("score" in report.values for report in reports):
        return max(reports, key=lambda report: (report.values["score"], -report.epoch))
    return reports[-1]


def is_at(record: TrialRecord, rungs: Sequence[int]) -> bool:
    """Whether a trial's newest execution ended, or is about to end, at a rung.

    One that was resumed from there and has not reported since has begun another attempt.
    """
    if not record.reports or not competes(record):
        return False
    last = record.reports[-1]
    is_rung = last.epoch in rungs and last.epoch < own_epochs(record)
    return is_rung and last.attempt == record.attempts


def competes(record: TrialRecord) -> bool:
    """Whether a trial is no baseline and no replicate."""
    return record.competes


def epochs_done(record: TrialRecord) -> int:
    """Return the newest epoch that a trial reported, 0 before the first."""
    return record.reports[-1].epoch if record.reports else 0


def own_epochs(record: TrialRecord) -> float:
    """Return the epochs of a trial's full training; infinite if its configuration says none.

    A schedule may end it sooner, which is known with the last report.
    """
    if record.reports and record.reports[-1].values.get(OVER):
        return record.reports[-1].epoch
    optimizer = record.config.get("optimizer")
    epochs = optimizer.get("epochs") if isinstance(optimizer, Mapping) else None
    return epochs if isinstance(epochs, int) else math.inf
