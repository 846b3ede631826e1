"""What a search has so far, in lines of a terminal."""

from collections import Counter
from collections.abc import Sequence

from automtl.pareto import front, hypervolume, losses_of, reference_point
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.study.words import number

LEFT_BEHIND = (TrialStatus.STOPPED, TrialStatus.FAILED, TrialStatus.INFEASIBLE)


def front_line(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> str:
    """Name the front's members and its hypervolume.

    Where an objective states no reference, its worst value so far stands for it: the number then
    compares within this moment alone, and is left out.
    """
    members = front(history, objectives)
    if not members:
        return "front     nothing yet"
    named = ", ".join(str(record.number) for record in members)
    if any(objective.reference is None for objective in objectives):
        return f"front     trials {named}"
    losses = losses_of(members, objectives)
    volume = hypervolume(losses, reference_point(losses, objectives))
    return f"front     hypervolume {number(volume)}: trials {named}"


def ends_line(history: Sequence[TrialRecord]) -> str:
    """Count the trials that did not reach their end, failed ones by their reason; else nothing."""
    counts = Counter(
        record.failure.kind.value if record.failure is not None else record.status.value
        for record in history
        if record.status in LEFT_BEHIND
    )
    if not counts:
        return ""
    return f"left      {', '.join(f'{n} {reason}' for reason, n in counts.most_common())}"
