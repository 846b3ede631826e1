"""Picks: one trial of a front, chosen by a stated rule."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.analysis.replicates import settled_means
from automtl.errors import AutomtlError, closest
from automtl.pareto import candidates, front, ideal, knee, losses_of, weighted
from automtl.pick_limits import Limits, nothing_finished, nothing_left
from automtl.results import Objective, Pick, TrialRecord

Losses = NDArray[np.float64]
RULES = ("knee", "ideal", "weighted", "lexicographic")
COSTS = ("cost/parameters", "cost/flops", "cost/latency_ms")
"""What makes a trial cheaper among equals, in this order; measured times come last."""


def pick(  # noqa: PLR0913  # a rule, its inputs and limits
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    *,
    rule: str = "knee",
    weights: Mapping[str, float] | None = None,
    order: Sequence[str] = (),
    at_most: Mapping[str, float] | None = None,
    at_least: Mapping[str, float] | None = None,
    created_s: float = 0.0,
) -> Pick:
    """Choose from the front of the trials that are inside the limits.

    ``knee`` takes the trial where the front bulges most (the smallest sum of scaled losses, also
    where nothing bulges), ``ideal`` the one nearest to the best of every objective, ``weighted``
    the smallest weighted sum of scaled losses (an objective that ``weights`` does not name weighs
    1), ``lexicographic`` the best in the first objective, then in the second, and so on. Equal
    trials: the cheaper one, then the earlier one. None of the rules depends on units. The reason
    names what decided.

    Where the front has been trained again with new seeds, the means over these count, and only
    replicated trials are chosen from. If no mean is inside the limits, the search's own values
    count; the reason says so.

    Args:
        history: All trials.
        objectives: In order.
        rule: One of :data:`RULES`.
        weights: By metric, for ``weighted``.
        order: Metrics of the objectives that come first, for ``lexicographic``.
        at_most: Largest allowed value by metric, of objectives or any other metric.
        at_least: Smallest allowed value by metric. A trial without the metric is outside.
        created_s: Unix time to note in the pick.

    Raises:
        AutomtlError: If the rule or a weight is unknown or of no use to it, or no trial is left.
    """
    limits = Limits(at_most=dict(at_most or {}), at_least=dict(at_least or {}))
    criterion = _criterion(objectives, rule, weights or {}, order)
    found = _inside(history, objectives, limits)
    ranked, rows = _ranked(front(found.records, objectives), criterion.score)
    why = _why(criterion, ranked, rows, limits)
    return Pick(
        number=ranked[0].number,
        rule=rule,
        inputs={
            "objectives": [o.metric for o in criterion.objectives],
            "weights": dict(weights or {}),
            "at_most": limits.at_most,
            "at_least": limits.at_least,
            "values": found.values,
        },
        reason=_reason(ranked, objectives, why, found.remark),
        alternatives=tuple(record.number for record in ranked[1:]),
        created_s=created_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Criterion:
    """What a rule minimises.

    Attributes:
        objectives: In the order in which the rule takes them.
        score: From the members of a front to keys, ``(n, k)``; the smallest row is picked.
        words: Why the first one was picked.
        is_knee: Whether it is the rule ``knee``.
    """

    objectives: Sequence[Objective]
    score: Callable[[Sequence[TrialRecord]], Losses]
    words: str
    is_knee: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inside:
    """Trials inside the limits, and whose values these are."""

    records: Sequence[TrialRecord]
    values: str
    remark: str = ""


def _inside(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], limits: Limits
) -> _Inside:
    means = settled_means(history, objectives)
    kept = [record for record in means if limits.allow(record)]
    if kept:
        remark = "by the means of new seeds"
        return _Inside(records=kept, values="means of new seeds", remark=remark)
    known = candidates(history, objectives)
    if not known:
        raise nothing_finished(history)
    kept = [record for record in known if limits.allow(record)]
    if not kept:
        raise nothing_left(known, limits)
    remark = f"by the search's own values, as no mean of new seeds has {limits.text}"
    return _Inside(records=kept, values="search", remark=remark if means else "")


def _criterion(
    objectives: Sequence[Objective],
    rule: str,
    weights: Mapping[str, float],
    order: Sequence[str],
) -> _Criterion:
    _check_rule(rule, weights, order)
    factors = _weights(objectives, weights)
    ordered = _ordered(objectives, order)
    scores: dict[str, tuple[Callable[[Losses], Losses], str]] = {
        "knee": (knee, "is where the front bulges most"),
        "ideal": (ideal, "is the nearest to the best of every objective"),
        "weighted": (
            lambda losses: weighted(losses, factors),
            "has the smallest weighted sum of losses",
        ),
    }
    if rule == "lexicographic":
        return _Criterion(
            objectives=ordered,
            score=lambda members: losses_of(members, ordered),
            words=f"is the best in {ordered[0].metric}",
        )
    score, words = scores[rule]
    return _Criterion(
        objectives=objectives,
        score=lambda members: score(losses_of(members, objectives))[:, None],
        words=words,
        is_knee=rule == "knee",
    )


def _check_rule(rule: str, weights: Mapping[str, float], order: Sequence[str]) -> None:
    if rule not in RULES:
        near = closest(rule, RULES)
        msg = f"the rule {rule!r} is unknown"
        fix = f"Did you mean {near}?" if near else f"Use one of {', '.join(RULES)}"
        raise AutomtlError(msg, fix=fix)
    # What is recorded as an input has to be one.
    for given, owner, what in (
        (weights, "weighted", "weights"),
        (order, "lexicographic", "order of objectives"),
    ):
        if given and rule != owner:
            msg = f"the rule {rule!r} takes no {what}"
            raise AutomtlError(msg, fix=f"Use the rule {owner!r}, or leave it out")


def _weights(objectives: Sequence[Objective], weights: Mapping[str, float]) -> Losses:
    known = [o.metric for o in objectives]
    for metric, weight in weights.items():
        if metric not in known:
            msg = f"the weight of {metric!r} is for no objective"
            raise AutomtlError(msg, fix=f"Use {', '.join(known)}")
        if not (math.isfinite(weight) and weight >= 0):
            msg = f"the weight of {metric} must be 0 or more, found {weight}"
            raise AutomtlError(msg)
    found = np.array([weights.get(metric, 1.0) for metric in known])
    if not found.any():
        msg = "at least one weight must be above 0"
        raise AutomtlError(msg)
    return found


def _ordered(objectives: Sequence[Objective], first: Sequence[str]) -> Sequence[Objective]:
    by_metric = {o.metric: o for o in objectives}
    for metric in first:
        if metric not in by_metric:
            msg = f"{metric!r} cannot come first: it is no objective"
            raise AutomtlError(msg, fix=f"Use {', '.join(by_metric)}")
    names = dict.fromkeys([*first, *by_metric])
    return tuple(by_metric[metric] for metric in names)


def _ranked(
    members: Sequence[TrialRecord],
    score: Callable[[Sequence[TrialRecord]], Losses],
) -> tuple[list[TrialRecord], list[list[float]]]:
    """Return the members, the best first, and their scores in the same order."""
    # Rounded, so that the last bit of a sum does not hide a tie.
    rows = np.round(score(members), 9).tolist()
    found = [
        (row, _cost(record), record.number, record)
        for record, row in zip(members, rows, strict=True)
    ]
    found.sort(key=lambda one: one[:3])
    return [record for *_, record in found], [row for row, *_ in found]


def _cost(record: TrialRecord) -> tuple[float, ...]:
    found = (record.values.get(metric, math.inf) for metric in COSTS)
    return tuple(math.inf if math.isnan(value) else value for value in found)


def _why(
    criterion: _Criterion,
    ranked: Sequence[TrialRecord],
    rows: Sequence[Sequence[float]],
    limits: Limits,
) -> str:
    """Say how the first came to be the first: not by a bulge or a rule that told nothing apart."""
    n, inside = len(ranked), f" with {limits.text}" if limits.single() else ""
    if n == 1:
        return f"is the only one on the front{inside}"
    words, where = criterion.words, f"on a front of {n}{inside}"
    # Of two objectives the extremes lie where scaled losses add up to 1, and a bulge is below.
    is_flat = n == 2 or (len(criterion.objectives) == 2 and rows[0][0] >= 1)
    if criterion.is_knee and is_flat:
        words, where = "has the smallest sum of scaled losses", f"{where}, which has no knee"
    n_equal = rows.count(rows[0])
    if n_equal > 1:
        words = f"is {_settled_by(ranked[:n_equal])} of {n_equal} that the rule holds equal"
    return f"{words} {where}"


def _settled_by(equal: Sequence[TrialRecord]) -> str:
    costs = [_cost(record) for record in equal]
    n_cheap, end = costs.count(costs[0]), "est" if len(equal) > 2 else "er"
    if n_cheap == len(equal):
        return f"the earli{end}"
    pairs = zip(COSTS, costs[0], costs[n_cheap], strict=True)
    metric = next(metric for metric, one, other in pairs if one != other)
    if n_cheap == 1:
        return f"the cheap{end} ({metric})"
    return f"the earli{'est' if n_cheap > 2 else 'er'} of the {n_cheap} cheapest ({metric})"


def _reason(
    ranked: Sequence[TrialRecord], objectives: Sequence[Objective], why: str, remark: str
) -> str:
    text = f"Trial {ranked[0].number} {why}"
    text = f"{text}, {remark}" if remark else text
    gaps = ", ".join(gap for objective in objectives if (gap := _gap(ranked, objective)))
    return f"{text}; it gives up {gaps}." if gaps else f"{text}; it gives up nothing."


def _gap(order: Sequence[TrialRecord], objective: Objective) -> str:
    best = min(order, key=lambda record: objective.as_loss(record.values[objective.metric]))
    top, own = best.values[objective.metric], order[0].values[objective.metric]
    if top == own:
        return ""
    unit = f" {objective.unit}" if objective.unit else ""
    return f"{abs(top - own):.3g}{unit} of {objective.metric} (trial {best.number}: {top:.4g})"
