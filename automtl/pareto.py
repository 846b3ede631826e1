"""Dominance, ranks, hypervolume and scores: arrays in, arrays out.

Losses have the shape ``(n, m)``: ``n`` trials, ``m`` objectives, smaller is better. A row that
holds a NaN never dominates, is never on a front, and adds no volume.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automtl.results import Objective, TrialRecord


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


def reference_point(losses: ArrayLike, objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Return the reference that each objective states, else its worst loss among the rows."""
    worst = _matrix(losses).max(axis=0)
    stated = [math.nan if o.reference is None else o.as_loss(o.reference) for o in objectives]
    return np.where(np.isnan(stated), worst, stated)


def knee(losses: ArrayLike) -> NDArray[np.float64]:
    """Score rows by how far the front bulges there; smaller is better.

    With each objective scaled to [0, 1] over the rows, the extremes of two objectives lie on the
    line where losses add up to 1; the knee is the row farthest below it (Das, "On characterizing
    the knee of the Pareto curve", 1999). With more objectives the plane of that sum is taken
    (Chiu et al., "Minimum Manhattan distance approach to multiple criteria decision making in
    multiobjective optimization problems", 2016), which needs no extremes to be distinct.
    """
    return np.asarray(_scaled(losses).sum(axis=1))


def ideal(losses: ArrayLike) -> NDArray[np.float64]:
    """Score rows by their distance to the best of every objective; smaller is better.

    Each objective is scaled to [0, 1] over the rows, so that units do not matter.
    """
    return np.asarray(np.linalg.norm(_scaled(losses), axis=1))


def weighted(losses: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Score rows by the weighted sum of their scaled losses; smaller is better."""
    return np.asarray(_scaled(losses) @ np.asarray(weights, dtype=np.float64))


def expected_front(n_trials: int, n_objectives: int) -> float:
    """Return how many of random trials are on the front, if objectives are independent.

    Bentley, Kung, Schkolnick and Thompson (1978): the mean over ``m`` objectives is the sum over
    ``i = 1 .. n`` of the mean of ``i`` trials over ``m - 1`` objectives, divided by ``i``.

    >>> expected_front(40, 1), round(expected_front(40, 2), 2)
    (1.0, 4.28)
    """
    counts = np.arange(1, n_trials + 1)
    means = np.ones(n_trials)
    for _ in range(n_objectives - 1):
        means = np.cumsum(means / counts)
    return float(means[-1])


def front(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> tuple[TrialRecord, ...]:
    """Return the candidates with a full vector that no other one dominates, by number."""
    found = candidates(history, objectives)
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


def candidates(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """Return the trials that compete and have a value of every objective, by number."""
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
