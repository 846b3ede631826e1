"""A study in a few numbers, for the page of its own run in MLflow."""

from collections import Counter
from collections.abc import Sequence

from automtl.pareto import candidates, front, hypervolume, losses_of, reference_point
from automtl.results import Objective, Pick, TrialRecord, TrialStatus


def study_metrics(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], picks: Sequence[Pick]
) -> dict[str, float]:
    """Return how many trials ended how, and how good they are.

    Returns:
        ``trials/STATUS`` counts all trials, baselines and replicates too. Once a trial has a value
        of every objective there are ``front/size``; ``best/METRIC``, over the trials that
        compete; ``pick/METRIC``, of the newest pick; and ``front/hypervolume`` where every
        objective states its reference: another one would not compare from time to time.
    """
    counts = Counter(record.status for record in history)
    # Zeros too: what was counted before must not stay.
    ends = {f"trials/{status.value}": float(counts[status]) for status in TrialStatus}
    competing = candidates(history, objectives)
    if not competing:
        return ends
    found = {"front/size": float(len(front(history, objectives)))}
    if all(objective.reference is not None for objective in objectives):
        losses = losses_of(competing, objectives)
        found["front/hypervolume"] = hypervolume(losses, reference_point(losses, objectives))
    for objective in objectives:
        best = max if objective.maximize else min
        values = [record.values[objective.metric] for record in competing]
        found[f"best/{objective.metric}"] = best(values)
    return found | _of_pick(history, objectives, picks) | ends


def _of_pick(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], picks: Sequence[Pick]
) -> dict[str, float]:
    picked = [record for record in history if picks and record.number == picks[-1].number]
    return {
        f"pick/{o.metric}": record.values[o.metric]
        for record in picked
        for o in objectives
        if o.metric in record.values
    }
