"""Why a search ends: a limit of its budget, no more getting better, or nothing left to try."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automtl.controller.budget import limits_of
from automtl.controller.memo import RowPerTrial, is_known
from automtl.controller.propose import n_when_all_tried
from automtl.controller.rungs import finished
from automtl.controller.stopping import Phase
from automtl.pareto import hypervolume, reference_point
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.parts import Stall
from automtl.space.search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a search may still begin, and what ended it.

    Attributes:
        phase: Open until something ends it.
        why: One line; empty while it is open.
    """

    phase: Phase
    why: str = ""


def ending_of(search: Search, history: Sequence[TrialRecord], elapsed_s: float) -> Ending:
    """Return whether a search ends, and why: a pure function of history and time."""
    budget, gpu, epochs = search.budget, search.resources.gpu, search.stated_epochs
    for limit in limits_of(budget, history, elapsed_s, gpu=gpu, epochs=epochs):
        if limit.is_reached:
            return Ending(phase=limit.phase, why=limit.text)
    if budget.stall is not None:
        growth = growth_of(history, search.objectives, budget.stall.trials)
        if growth is not None and growth.share < budget.stall.gain:
            return Ending(phase=Phase.CLOSING, why=_stall_text(budget.stall, growth))
    return Ending(phase=Phase.OPEN)


def why_ended(search: Search, history: Sequence[TrialRecord], elapsed_s: float) -> str:
    """Return what ended a search, for people, in one line; empty while nothing has.

    A search has not ended while one of its trials has not: what lets it begin no more is then what
    will have ended it (:func:`ending_of`). That its space was exhausted a search notices when it
    proposes; here it is read from the history, which takes longer than a decision may.
    """
    if not all(record.status.is_final for record in history):
        return ""
    why = ending_of(search, history, elapsed_s).why
    if why:
        return why
    n_points = n_when_all_tried(search, history)
    if n_points is None:
        return ""
    return f"an exhausted space: {n_points} of {n_points} points tried"


def more_trials(search: Search, history: Sequence[TrialRecord], elapsed_s: float) -> int | None:
    """Return a number of trials with which an ended search would go on, None if with none."""
    if search.budget.trials is None:
        return None
    budget = search.budget.model_copy(update={"trials": 2 * search.budget.trials})
    larger = search.model_copy(update={"budget": budget})
    return None if why_ended(larger, history, elapsed_s) else budget.trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Hypervolume before and after the last trials that were looked at."""

    before: float
    after: float

    @property
    def share(self) -> float:
        """What was gained, as a share of what was there."""
        return (self.after - self.before) / self.before


def growth_of(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], n_trials: int
) -> Growth | None:
    """Return what the last ``n_trials`` looked at did for the hypervolume.

    A trial was looked at when it ended or paused at a rung, whatever came of it; one that was
    resumed since counts again at its next stop. Both volumes have one reference: what the
    objectives state, else the worst value of all. An objective without a stated one that never
    varied has no part in them: every volume would be 0, and no search would ever stall.

    Returns:
        None while too few were looked at, or nothing before them was better than the reference.
    """
    looked_at_s, ended_s = _TIMES.over(history, None, None, width=2).T
    times = np.sort(looked_at_s[~np.isnan(looked_at_s)])
    if len(times) <= n_trials:
        return None
    losses = finished(history, objectives)
    is_end = is_known(losses)
    is_earlier = is_end & (ended_s <= times[-n_trials - 1])
    if not is_earlier.any():
        return None
    reference = reference_point(losses[is_end], objectives)
    tells = np.ptp(losses[is_end], axis=0) > 0
    tells |= np.array([objective.reference is not None for objective in objectives])
    before, after = (
        # Without a dimension there is the unit of volume.
        hypervolume(losses[rows][:, tells], reference[tells]) if tells.any() else 1.0
        for rows in (is_earlier, is_end)
    )
    return Growth(before=before, after=after) if before > 0 else None


def _was_looked_at(record: TrialRecord) -> bool:
    return record.competes and (
        record.status.is_final or (record.status is TrialStatus.PAUSED and bool(record.reports))
    )


def _looked_at_s(record: TrialRecord) -> float:
    # A paused trial that is stopped at the end of a search was looked at when it paused.
    if record.reports and record.status in (TrialStatus.PAUSED, TrialStatus.STOPPED):
        return record.reports[-1].time_s
    return record.ended_s or record.created_s


def _times(record: TrialRecord, _key: None, _given: None) -> tuple[float, float]:
    """Return when a trial was looked at and when it ended, NaN for not yet."""
    looked_at_s = _looked_at_s(record) if _was_looked_at(record) else math.nan
    return looked_at_s, math.nan if record.ended_s is None else record.ended_s


_TIMES = RowPerTrial(_times)


def _stall_text(stall: Stall, growth: Growth) -> str:
    return (
        f"budget.stall: the last {stall.trials} trials raised the hypervolume by "
        f"{growth.share:.2%} ({growth.before:.4g} to {growth.after:.4g}), less than "
        f"{stall.gain:.2%}"
    )
