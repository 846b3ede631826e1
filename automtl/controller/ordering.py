"""Order trials by front, and inside a front by what they add."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from automtl.pareto import non_dominated, ranks

N_ONE_BY_ONE = 4
"""Fronts that are found alone. Few ask for more, and with thousands of rows all ranks take ten
times as long as one front."""

BEHIND = 0.1
"""How far the reference lies behind the worst of a front, in shares of each objective's range."""


def order(
    losses: NDArray[np.float64],
    *,
    ties: Literal["hypervolume", "spread"],
    n_best: int | None = None,
) -> list[int]:
    """Return the rows, best first: a row never comes before one that dominates it.

    Args:
        losses: Shape ``(n, m)``, finite; smaller is better.
        ties: ``hypervolume``: the row that adds most volume to its front comes first.
            ``spread``: the row nearest to the best of all objectives comes first, then always
            the one farthest from those before it.
        n_best: How many rows are wanted; all by default.
    """
    wanted = len(losses) if n_best is None else min(n_best, len(losses))
    found: list[int] = []
    for rows in _fronts(losses):
        if len(found) >= wanted:
            break
        found += _inside(losses, rows, ties)
    return found[:wanted]


def first_among(
    losses: NDArray[np.float64],
    is_wanted: NDArray[np.bool_],
    *,
    ties: Literal["hypervolume", "spread"],
    n_best: int,
) -> int | None:
    """Return the first wanted row of ``order(losses, ties=ties, n_best=n_best)``, or None.

    A front without a wanted row is counted but not ordered, which is most of the work.
    """
    n_before = 0
    for rows in _fronts(losses):
        if n_before >= n_best:
            break
        if is_wanted[rows].any():
            ordered = _inside(losses, rows, ties)[: n_best - n_before]
            found = next((row for row in ordered if is_wanted[row]), None)
            if found is not None:
                return found
        n_before += len(rows)
    return None


def _fronts(losses: NDArray[np.float64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each front, the best first."""
    rest = np.arange(len(losses))
    for _ in range(N_ONE_BY_ONE):
        if not len(rest):
            return
        is_first = non_dominated(losses[rest])
        yield rest[is_first]
        rest = rest[~is_first]
    if len(rest):
        found = ranks(losses[rest])
        by_front = np.argsort(found, kind="stable")
        yield from np.split(rest[by_front], np.flatnonzero(np.diff(found[by_front])) + 1)


def _inside(
    losses: NDArray[np.float64], rows: NDArray[np.int64], ties: Literal["hypervolume", "spread"]
) -> list[int]:
    own = _scaled(losses)[rows]
    inside = _by_volume(own) if ties == "hypervolume" else _by_spread(own)
    return [int(row) for row in rows[inside]]


def _by_volume(front: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order rows by the volume that only they dominate, up to a point behind the worst."""
    import moocore

    # Rows of one column that are on the same front are equal.
    if front.shape[1] == 1 or len(front) == 1:
        return np.arange(len(front), dtype=np.int64)
    added = moocore.hv_contributions(front, ref=front.max(axis=0) + BEHIND)
    # Rounded, so that the last bit of a sum does not decide; then the earlier row.
    return np.argsort(-np.round(added, 12), kind="stable")


def _by_spread(front: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order rows as an eps-net: each next one is the farthest from all before it."""
    first = int(np.argmin(np.round(np.linalg.norm(front, axis=1), 12)))
    found = [first]
    distance = np.linalg.norm(front - front[first], axis=1)
    distance[first] = -1.0
    for _ in range(len(front) - 1):
        row = int(np.argmax(np.round(distance, 12)))
        found.append(row)
        distance = np.minimum(distance, np.linalg.norm(front - front[row], axis=1))
        distance[found] = -1.0
    return np.array(found, dtype=np.int64)


def _scaled(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = losses.min(axis=0), losses.max(axis=0)
    return np.asarray((losses - low) / np.where(high > low, high - low, 1.0))
