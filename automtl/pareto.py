"""Dominance, ranks, hypervolume and picks: arrays in, arrays out.

Losses have the shape ``(n, m)``: ``n`` trials, ``m`` objectives, smaller is better. A row that
holds a NaN never dominates, is never on a front, and adds no volume.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automtl.errors import AutomtlError, closest
from automtl.results import Objective, Pick, TrialRecord

RULES = ("knee", "weighted", "lexicographic")
COSTS = ("cost/parameters", "cost/flops", "cost/latency_ms")
"""What makes a trial cheaper among equals, in this order; measured times come last."""


def non_dominated(losses: ArrayLike) -> NDArray[np.bool_]:
    """Mark the rows that no other row dominates; equal rows are all kept.

    >>> non_dominated([[0, 1], [1, 0], [1, 1], [0, float("nan")]]).tolist()
    [True, True, False, False]
    """
    import moocore

    values = _matrix(losses)
    kept = np.asarray(~np.isnan(values).any(axis=1))
    if kept.any():
        kept[kept] = moocore.is_nondominated(values[kept], keep_weakly=True)
    return kept


def ranks(losses: ArrayLike) -> NDArray[np.int64]:
    """Return the front that each row is on: 0 is the first, rows with a NaN get ``n``.

    >>> ranks([[0, 1], [1, 0], [1, 1], [0, float("nan")]]).tolist()
    [0, 0, 1, 4]
    """
    import moocore

    values = _matrix(losses)
    found = np.full(len(values), len(values), dtype=np.int64)
    is_whole = ~np.isnan(values).any(axis=1)
    if is_whole.any():
        found[is_whole] = moocore.pareto_rank(values[is_whole])
    return found


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume that the rows dominate, up to ``reference``.

    A row that is not better than the reference in every objective adds nothing.

    >>> hypervolume([[1, 2], [2, 1]], [3, 3])
    3.0
    """
    import moocore

    values = _matrix(losses)
    worst = np.asarray(reference, dtype=np.float64)
    if worst.shape != values.shape[1:] or not np.isfinite(worst).all():
        msg = (
            "`reference` must be one finite number per objective. "
            f"Found {worst.tolist()} for losses of the shape {values.shape}."
        )
        raise ValueError(msg)
    inside = values[(values < worst).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=worst)) if len(inside) else 0.0


def knee(losses: ArrayLike) -> NDArray[np.float64]:
    """Score rows by their distance to the best of every objective; smaller is better.

    Each objective is scaled to [0, 1] over the rows, so that units do not matter.
    """
    return np.asarray(np.linalg.norm(_scaled(losses), axis=1))


def weighted(losses: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Score rows by the weighted sum of their scaled losses; smaller is better."""
    return np.asarray(_scaled(losses) @ np.asarray(weights, dtype=np.float64))


def front(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> tuple[TrialRecord, ...]:
    """Return the candidates with a full vector that no other one dominates, by number."""
    found = _candidates(history, objectives)
    if not found:
        return ()
    kept = non_dominated(losses_of(found, objectives))
    return tuple(record for record, is_kept in zip(found, kept, strict=True) if is_kept)


def losses_of(
    records: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> NDArray[np.float64]:
    """Return objective values turned so that smaller is better, NaN where one is missing."""
    rows = [
        [o.as_loss(record.values.get(o.metric, math.nan)) for o in objectives]
        for record in records
    ]
    return np.array(rows, dtype=np.float64).reshape(len(records), len(objectives))


def pick(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    *,
    rule: str = "knee",
    weights: Mapping[str, float] | None = None,
    at_most: Mapping[str, float] | None = None,
    at_least: Mapping[str, float] | None = None,
    created_s: float = 0.0,
) -> Pick:
    """Choose from the front of the trials that are inside the limits.

    ``knee`` takes the trial nearest to the best of every objective, ``weighted`` the smallest
    weighted sum of scaled losses (an objective that ``weights`` does not name weighs 1),
    ``lexicographic`` the best in the first objective, then in the second, and so on. Equal
    trials: the cheaper one, then the earlier one.

    Args:
        history: All trials.
        objectives: In order.
        rule: One of :data:`RULES`.
        weights: By metric, for ``weighted``.
        at_most: Largest allowed value by metric, of objectives or any other metric.
        at_least: Smallest allowed value by metric. A trial without the metric is outside.
        created_s: Unix time to note in the pick.

    Raises:
        AutomtlError: If the rule or a weight is unknown, or no trial is left.
    """
    limits = _Limits(at_most=dict(at_most or {}), at_least=dict(at_least or {}))
    factors = _weights(objectives, rule, weights or {})
    candidates = _candidates(history, objectives)
    if not candidates:
        msg = "no trial is finished with a value of every objective"
        raise AutomtlError(
            msg,
            fix="Let the search run on, or look at the failures: automtl status",
        )
    inside = [record for record in candidates if limits.allow(record)]
    if not inside:
        raise _nothing_left(candidates, limits)
    members = front(inside, objectives)
    order = _order(members, objectives, rule, factors)
    return Pick(
        number=order[0].number,
        rule=rule,
        inputs={
            "objectives": [o.metric for o in objectives],
            "weights": dict(weights or {}),
            "at_most": limits.at_most,
            "at_least": limits.at_least,
        },
        reason=_reason(order, objectives, rule, limits),
        alternatives=tuple(record.number for record in order[1:]),
        created_s=created_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    at_most: Mapping[str, float]
    at_least: Mapping[str, float]

    def single(self) -> list[tuple[str, str, float]]:
        """Return each limit as metric, sign and value."""
        highs = [(metric, "<=", value) for metric, value in self.at_most.items()]
        return highs + [(metric, ">=", value) for metric, value in self.at_least.items()]

    def allow(self, record: TrialRecord) -> bool:
        return all(_holds(record, *limit) for limit in self.single())

    @property
    def text(self) -> str:
        return " and ".join(f"{m} {sign} {value:g}" for m, sign, value in self.single())


def _holds(record: TrialRecord, metric: str, sign: str, limit: float) -> bool:
    value = record.values.get(metric, math.nan)
    return value <= limit if sign == "<=" else value >= limit


def _nothing_left(candidates: Sequence[TrialRecord], limits: _Limits) -> AutomtlError:
    """Name the limit that the fewest trials meet, and how far the nearest one is."""
    counts = {one: sum(_holds(r, *one) for r in candidates) for one in limits.single()}
    metric, sign, value = min(counts, key=lambda one: counts[one])
    known = [v for r in candidates if math.isfinite(v := r.values.get(metric, math.nan))]
    what = f"no trial of {len(candidates)} meets {limits.text}"
    if not known:
        return AutomtlError(f"{what}: none has a value of {metric}")
    nearest = min(known) if sign == "<=" else max(known)
    if counts[metric, sign, value]:
        n = counts[metric, sign, value]
        rule = f"the tightest is {metric} {sign} {value:g}, which {n} meet"
    else:
        rule = f"the tightest is {metric} {sign} {value:g}; the nearest has {nearest:.4g}"
    return AutomtlError(f"{what}; {rule}", fix="Relax that limit or search longer")


def _weights(
    objectives: Sequence[Objective], rule: str, weights: Mapping[str, float]
) -> NDArray[np.float64]:
    if rule not in RULES:
        near = closest(rule, RULES)
        msg = f"the rule {rule!r} is unknown"
        raise AutomtlError(
            msg,
            fix=f"Did you mean {near}?" if near else f"Use one of {', '.join(RULES)}",
        )
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


def _order(
    members: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    rule: str,
    factors: NDArray[np.float64],
) -> list[TrialRecord]:
    losses = losses_of(members, objectives)
    if rule == "lexicographic":
        scores = losses
    else:
        scores = (knee(losses) if rule == "knee" else weighted(losses, factors))[:, None]
    # Rounded, so that the last bit of a sum does not hide a tie.
    keys = {
        record.number: (tuple(np.round(row, 9).tolist()), _cost(record), record.number)
        for record, row in zip(members, scores, strict=True)
    }
    return sorted(members, key=lambda record: keys[record.number])


def _cost(record: TrialRecord) -> tuple[float, ...]:
    found = (record.values.get(metric, math.inf) for metric in COSTS)
    return tuple(math.inf if math.isnan(value) else value for value in found)


def _reason(
    order: Sequence[TrialRecord], objectives: Sequence[Objective], rule: str, limits: _Limits
) -> str:
    why = {
        "knee": "is the nearest to the best of every objective",
        "weighted": "has the smallest weighted sum of losses",
        "lexicographic": f"is the best in {objectives[0].metric}",
    }[rule]
    inside = f" with {limits.text}" if limits.single() else ""
    text = f"Trial {order[0].number} {why} on a front of {len(order)}{inside}"
    given_up = [_gap(order, objective) for objective in objectives]
    gaps = ", ".join(gap for gap in given_up if gap)
    return f"{text}; it gives up {gaps}." if gaps else f"{text}; it gives up nothing."


def _gap(order: Sequence[TrialRecord], objective: Objective) -> str:
    best = min(order, key=lambda record: objective.as_loss(record.values[objective.metric]))
    top, own = best.values[objective.metric], order[0].values[objective.metric]
    if top == own:
        return ""
    unit = f" {objective.unit}" if objective.unit else ""
    return f"{abs(top - own):.3g}{unit} of {objective.metric} (trial {best.number}: {top:.4g})"


def _candidates(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> list[TrialRecord]:
    found = [r for r in history if r.is_candidate and r.vector(objectives) is not None]
    return sorted(found, key=lambda record: record.number)


def _matrix(losses: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 2:
        msg = f"`losses` must have the shape (n, m), found {values.shape}"
        raise ValueError(msg)
    return values


def _scaled(losses: ArrayLike) -> NDArray[np.float64]:
    values = _matrix(losses)
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return np.asarray((values - low) / span)
