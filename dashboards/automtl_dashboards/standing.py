"""Where each trial stands: on the front, picked, dominated; and what it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from automtl.analysis.floors import Unbeaten, best_floors, unbeaten
from automtl.pareto import front
from automtl.results import Objective, Pick, TrialRecord, TrialStatus

ADDITIVE_COSTS = frozenset({"cost/latency_ms", "cost/parameters", "cost/flops"})
"""Costs of separate networks that add up when one frame goes through all of them."""


class Role(StrEnum):
    """What a trial is in a figure of the front."""

    PICK = "pick"
    FRONT = "front"
    DOMINATED = "dominated"
    UNFINISHED = "stopped early"
    INFEASIBLE = "breaks a constraint"
    BASELINE = "named baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What all figures need to know of a study.

    Attributes:
        objectives: In order.
        front: Numbers of the trials on the front.
        pick: The newest pick's trial, if there is one.
        single_task: By metric, what networks trained for that task alone reach. Costs that add up
            are sums over all of them.
        floors: By metric, the best trivial predictor's name and value.
        unbeaten: Those of them that no member of the front beats.
    """

    objectives: tuple[Objective, ...]
    front: frozenset[int]
    pick: int | None
    single_task: Mapping[str, float]
    floors: Mapping[str, tuple[str, float]]
    unbeaten: tuple[Unbeaten, ...]

    def role(self, record: TrialRecord) -> Role:
        """Return what ``record`` is in a figure of the front."""
        if record.number == self.pick:
            return Role.PICK
        if record.number in self.front:
            return Role.FRONT
        if record.baseline:
            return Role.BASELINE
        if record.status is TrialStatus.INFEASIBLE:
            return Role.INFEASIBLE
        return Role.DOMINATED if record.is_candidate else Role.UNFINISHED


def standing_of(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    picks: Sequence[Pick],
    floors: Mapping[str, Mapping[str, float]] | None,
) -> Standing:
    """Fill a :class:`Standing`; ``floors`` maps a predictor's name to its metrics."""
    newest = newest_pick(picks)
    return Standing(
        objectives=tuple(objectives),
        front=frozenset(record.number for record in front(history, objectives)),
        pick=None if newest is None else newest.number,
        single_task=_single_task(history, objectives),
        floors=best_floors(objectives, floors or {}),
        unbeaten=unbeaten(history, objectives, floors or {}),
    )


def notable(
    history: Sequence[TrialRecord], standing: Standing, *, limit: int
) -> tuple[TrialRecord, ...]:
    """Return the members of the front to look at: the pick, the best of each objective, others."""
    members = [record for record in history if record.number in standing.front]
    picked = [record for record in history if record.number == standing.pick]
    best = [min(members, key=lambda r: _loss(r, o)) for o in standing.objectives if members]
    found = {record.number: record for record in (*picked, *best, *members)}
    return tuple(found.values())[:limit]


def newest_pick(picks: Sequence[Pick]) -> Pick | None:
    """Return the pick that counts: the newest, the last one listed among equally new ones."""
    return max(reversed(picks), key=lambda pick: pick.created_s, default=None)


def _single_task(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> dict[str, float]:
    best: dict[str, TrialRecord] = {}
    quality = {o.metric.partition("/")[0]: o for o in reversed(objectives)}
    for record in history:
        kind, _, task = record.origin.partition(":")
        objective = quality.get(task)
        if kind != "baseline" or objective is None or record.vector([objective]) is None:
            continue
        rival = best.get(task)
        if rival is None or _loss(record, objective) < _loss(rival, objective):
            best[task] = record
    found = {
        o.metric: best[task].values[o.metric]
        for o in objectives
        if (task := o.metric.partition("/")[0]) in best and o.metric in best[task].values
    }
    return found | _summed_costs(best, quality, objectives)


def _summed_costs(
    best: Mapping[str, TrialRecord],
    quality: Mapping[str, Objective],
    objectives: Sequence[Objective],
) -> dict[str, float]:
    # A sum over some of the tasks would flatter separate networks.
    if not best or set(best) != set(quality) - {"cost"}:
        return {}
    return {
        o.metric: sum(record.values[o.metric] for record in best.values())
        for o in objectives
        if o.metric in ADDITIVE_COSTS
        and all(record.vector([o]) is not None for record in best.values())
    }


def _loss(record: TrialRecord, objective: Objective) -> float:
    return objective.as_loss(record.values[objective.metric])
