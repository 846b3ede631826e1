"""What is left of a front when its members are trained again with new seeds.

A front is chosen by its best values, and some of these were luck: the same configurations with
new seeds come out worse on average. All functions take losses, smaller is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from automtl.pareto import hypervolume, non_dominated

Floats = NDArray[np.float64]

N_DRAWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """A configuration over its new seeds.

    Attributes:
        number: The trial whose configuration it is.
        mean: Mean loss of each objective ``[m]``.
        low: Lower end of the 95 % interval of each mean ``[m]``; NaN with one seed.
        high: Upper end.
        n_seeds: How many seeds.
        p_non_dominated: Probability that the mean is on the front of the means.
    """

    number: int
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_seeds: int
    p_non_dominated: float


def replicated(
    losses: Mapping[int, ArrayLike], *, confidence: float = 0.95, seed: int = 0
) -> list[Replicated]:
    """Summarise the new seeds of each configuration.

    Intervals are Student's t over seeds. The probability of being non-dominated is that under
    the bootstrap over seeds: each configuration's seeds are drawn with replacement and the front
    of the means is taken. With few seeds it is rough, and with one seed it is 0 or 1.

    Args:
        losses: By trial number, ``[n_seeds, n_objectives]``.
        confidence: Of the intervals.
        seed: Of the bootstrap.

    Raises:
        ValueError: If a configuration has no seed or another number of objectives.
    """
    tables = {number: np.asarray(rows, np.float64) for number, rows in losses.items()}
    widths = {table.shape[1:] for table in tables.values()}
    if len(widths) > 1 or any(table.ndim != 2 or not len(table) for table in tables.values()):
        msg = "each configuration needs [n_seeds, n_objectives] losses with the same objectives"
        raise ValueError(msg)
    shares = _shares_on_front(list(tables.values()), seed)
    return [
        _summary(number, table, share, confidence)
        for (number, table), share in zip(tables.items(), shares, strict=True)
    ]


def _summary(number: int, table: Floats, share: float, confidence: float) -> Replicated:
    mean = table.mean(axis=0)
    half = np.full_like(mean, np.nan)
    if len(table) > 1:
        error = table.std(axis=0, ddof=1) / np.sqrt(len(table))
        half = student.ppf(0.5 + confidence / 2, len(table) - 1) * error
    return Replicated(
        number=number,
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        n_seeds=len(table),
        p_non_dominated=share,
    )


def _shares_on_front(tables: Sequence[Floats], seed: int) -> list[float]:
    if not tables:
        return []
    rng = np.random.default_rng(seed)
    drawn = [t[rng.integers(len(t), size=(N_DRAWS, len(t)))].mean(axis=1) for t in tables]
    means = np.stack(drawn, axis=1)
    on_front = np.stack([non_dominated(rows) for rows in means])
    return [float(share) for share in on_front.mean(axis=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimism:
    """How much of a front's hypervolume was luck.

    Attributes:
        searched: Hypervolume of the values that the search saw.
        replicated: Hypervolume of the means over new seeds.
    """

    searched: float
    replicated: float

    @property
    def share(self) -> float:
        """Part of the searched hypervolume that new seeds do not give again."""
        return 1 - self.replicated / self.searched if self.searched > 0 else float("nan")


def optimism(
    searched: Mapping[int, ArrayLike], again: Mapping[int, ArrayLike], reference: ArrayLike
) -> Optimism:
    """Compare what the search saw with what new seeds give, for the same configurations.

    Args:
        searched: By trial number, losses ``[m]``.
        again: By trial number, losses of new seeds ``[n_seeds, m]``.
        reference: Reference point ``[m]``.

    Raises:
        ValueError: If the two do not hold the same trials.
    """
    if set(searched) != set(again):
        msg = f"searched {sorted(searched)} and replicated {sorted(again)} trials differ"
        raise ValueError(msg)
    first = np.array([np.asarray(searched[n], np.float64) for n in searched])
    means = np.array([np.asarray(again[n], np.float64).mean(axis=0) for n in searched])
    return Optimism(
        searched=hypervolume(first, reference), replicated=hypervolume(means, reference)
    )
