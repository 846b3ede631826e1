"""What a search has so far, in lines of a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

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


def floor_lines(
    floors: Mapping[str, Mapping[str, float]],
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
) -> list[str]:
    """Say for which objectives no trial of the front beats what needs no training.

    Args:
        floors: Metrics of trivial predictors and of the untrained network, by name.
        history: All trials.
        objectives: What was searched for.

    Returns:
        A line for each such objective: its trials learned nothing that a choice could rest on.
    """
    members = front(history, objectives)
    lines = []
    for objective in objectives:
        sign = 1.0 if objective.maximize else -1.0
        known = {n: v[objective.metric] for n, v in floors.items() if objective.metric in v}
        if not known or not members:
            continue
        name = max(known, key=lambda each: sign * known[each])
        best = max(sign * record.values[objective.metric] for record in members)
        if best <= sign * known[name]:
            lines.append(
                f"No trial beats {name} in {objective.metric} ({number(known[name])}): nothing "
                "was learned there yet. More `epochs` or `steps_per_epoch`, or more labels"
            )
    return lines
