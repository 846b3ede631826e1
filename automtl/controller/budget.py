"""How much of a budget is spent."""

from collections.abc import Sequence

from automtl.controller.rungs import competes, epochs_done, own_epochs
from automtl.controller.stopping import Phase
from automtl.results import TrialRecord
from automtl.space.parts import Budget


def is_spent(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> bool:
    """Return whether no more trials may be proposed.

    Every proposed trial counts from its proposal on, failed ones too, so that slots working in
    parallel do not overshoot and a search whose every trial fails still ends. Baselines do not.
    """
    return phase_of(budget, history, elapsed_s) is not Phase.OPEN


def phase_of(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> Phase:
    """Return what a search may still begin.

    A budget in trials says how many are looked at, and the good ones are finished after the last
    was proposed. One in minutes or epochs says what training may cost.
    """
    if budget.minutes is not None and elapsed_s >= budget.minutes * 60:
        return Phase.OVER
    if budget.epochs is not None and _epochs(history) >= budget.epochs:
        return Phase.OVER
    if budget.trials is not None and len(_counted(history)) >= budget.trials:
        return Phase.CLOSING
    return Phase.OPEN


def share_spent(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> float:
    """Return the share of the budget that is spent, in [0, 1], for a progress bar.

    A running trial counts by its epochs.
    """
    shares = [0.0]
    if budget.minutes is not None:
        shares.append(elapsed_s / (budget.minutes * 60))
    if budget.epochs is not None:
        shares.append(_epochs(history) / budget.epochs)
    if budget.trials is not None:
        shares.append(sum(map(_done, _counted(history))) / budget.trials)
    return min(max(shares), 1.0)


def remaining_s(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> float | None:
    """Return about how many seconds are left, or None if nothing has been done yet."""
    share = share_spent(budget, history, elapsed_s)
    return elapsed_s * (1 - share) / share if share > 0 else None


def busy_s(history: Sequence[TrialRecord]) -> float:
    """Return the seconds in which at least one trial ran; replicates do not count."""
    spans = sorted(
        (r.started_s, r.ended_s or max((p.time_s for p in r.reports), default=r.started_s))
        for r in history
        if r.started_s is not None and r.replicate_of is None
    )
    total = 0.0
    covered = float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, covered))
        covered = max(covered, end)
    return total


def _counted(history: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in history if competes(record)]


def _epochs(history: Sequence[TrialRecord]) -> int:
    return sum(map(epochs_done, _counted(history)))


def _done(record: TrialRecord) -> float:
    if record.status.is_final:
        return 1.0
    return min(epochs_done(record) / own_epochs(record), 1.0)
