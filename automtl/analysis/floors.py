"""What needs no training, and the objectives in which a search has not beaten it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automtl.pareto import front
from automtl.results import Objective, TrialRecord

Floors = Mapping[str, Mapping[str, float]]
"""Metrics of trivial predictors and of the untrained network, by the predictor's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbeaten:
    """A trivial predictor that no trial of the front beats.

    Attributes:
        metric: The objective.
        name: Of the predictor.
        value: What it reaches.
    """

    metric: str
    name: str
    value: float

    def sentence(self, value: str) -> str:
        """Say it, with its value as people read it, and what would help."""
        return (
            f"No trial beats {self.name} in {self.metric} ({value}): nothing was learned there "
            "yet. It takes more `epochs` or `steps_per_epoch`, or more labels."
        )


def best_floors(
    objectives: Sequence[Objective], floors: Floors
) -> Mapping[str, tuple[str, float]]:
    """Return the best trivial predictor of each objective that has one, by metric.

    A cost has none: what does nothing is the cheapest.
    """
    found: dict[str, tuple[str, float]] = {}
    for objective in objectives:
        rows = [
            (name, values[objective.metric])
            for name, values in floors.items()
            if objective.metric in values and values[objective.metric] == values[objective.metric]
        ]
        if rows and not objective.metric.startswith("cost/"):
            found[objective.metric] = min(rows, key=lambda row: objective.as_loss(row[1]))
    return found


def unbeaten(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], floors: Floors
) -> tuple[Unbeaten, ...]:
    """Return the trivial predictors that no member of the front beats in their objective.

    A choice between trials cannot rest on such an objective.
    """
    members = front(history, objectives)
    if not members:
        return ()
    best = best_floors(objectives, floors)
    return tuple(
        Unbeaten(metric=o.metric, name=best[o.metric][0], value=best[o.metric][1])
        for o in objectives
        if o.metric in best
        and min(o.as_loss(record.values[o.metric]) for record in members)
        >= o.as_loss(best[o.metric][1])
    )
