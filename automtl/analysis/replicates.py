"""What is left of a front when its members are trained again with new seeds.

A front is chosen by its best values, and some of these were luck: the same configurations with
new seeds come out worse on average. The value that the search saw takes no part in a mean,
because it is what the configuration was chosen for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.pareto import (
    candidates,
    front,
    hypervolume,
    losses_of,
    non_dominated,
    reference_point,
)
from automtl.results import Objective, TrialRecord, TrialStatus

N_DRAWS = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """A configuration over its new seeds.

    Attributes:
        number: The trial whose configuration it is.
        seeds: Numbers of the replicates that ended with a value of every objective.
        lost: Numbers of those that ended without: failed, or outside a constraint.
        means: Mean of each metric that all ``seeds`` have.
        half: Half the 95 % interval of each mean, Student's t over seeds; NaN with one seed.
        p_front: Probability that the means are on the front of all means.
    """

    number: int
    seeds: tuple[int, ...]
    lost: tuple[int, ...]
    means: Mapping[str, float]
    half: Mapping[str, float]
    p_front: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimism:
    """How much of a front's hypervolume was luck.

    Attributes:
        searched: Hypervolume of the values that the search saw.
        replicated: Hypervolume of the means over new seeds, of the same configurations.
    """

    searched: float
    replicated: float

    @property
    def difference(self) -> float:
        """What the search believed to have beyond what new seeds give."""
        return self.searched - self.replicated

    @property
    def share(self) -> float:
        """The part of the searched hypervolume that new seeds do not give again."""
        return self.difference / self.searched if self.searched > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """What new seeds say about a study.

    Attributes:
        members: Replicated configurations, by number.
        optimism: Of those that are on the search's front.
        is_whole: Whether every member of the front has ended replicates and none is open.
    """

    members: tuple[Replicated, ...]
    optimism: Optimism
    is_whole: bool

    def of(self, number: int) -> Replicated | None:
        """Return what is known of a trial's configuration."""
        return next((member for member in self.members if member.number == number), None)


def replication_of(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> Replication | None:
    """Summarise the replicates of a history, or return None if none has ended with values.

    Intervals are Student's t over seeds. The probability of being on the front is that under the
    bootstrap: each configuration's seeds are drawn with replacement, all objectives of a seed
    together, and the front of the means is taken. A mean of ``n`` drawn seeds varies by
    ``sqrt((n - 1) / n)`` too little; its deviations are stretched by the inverse. With few seeds
    the probability is rough, and with one seed it is 0 or 1.
    """
    groups = _groups(history, objectives)
    tables = [losses_of(group.kept, objectives) for group in groups]
    if not tables:
        return None
    shares = probability_on_front(tables)
    return Replication(
        members=tuple(_summary(group, share) for group, share in zip(groups, shares, strict=True)),
        optimism=_optimism(history, groups, objectives),
        is_whole=_is_whole(history, objectives),
    )


def settled_means(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> tuple[TrialRecord, ...]:
    """Return the replicated trials with their means for values, once the front is replicated.

    Empty until every member has new seeds and none of these is still to run: a mean beside a
    value that was chosen for being high would be no fair comparison.
    """
    if not _is_whole(history, objectives):
        return ()
    by_number = {record.number: record for record in history}
    return tuple(
        by_number[group.number].model_copy(update={"values": group.means})
        for group in _groups(history, objectives)
    )


def is_trained_once(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> bool:
    """Return whether a choice from the front rests on one training of each member.

    The members were chosen for their values, luck included; `docs/results.md` has what a choice
    by the means of new seeds is worth beyond it.
    """
    return len(front(history, objectives)) > 1 and not settled_means(history, objectives)


def probability_on_front(
    tables: Sequence[NDArray[np.float64]], *, n_draws: int = N_DRAWS, seed: int = 0
) -> list[float]:
    """Return how often each configuration's mean is on the front, over draws of its seeds.

    Args:
        tables: Losses of each configuration, ``[n_seeds, n_objectives]``.
        n_draws: How often seeds are drawn.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    means = np.stack([_drawn_means(table, n_draws, rng) for table in tables], axis=1)
    on_front = np.stack([non_dominated(rows) for rows in means])
    return [float(share) for share in on_front.mean(axis=0)]


def _drawn_means(
    table: NDArray[np.float64], n_draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    n = len(table)
    drawn = table[rng.integers(n, size=(n_draws, n))].mean(axis=1)
    mean = table.mean(axis=0)
    return np.asarray(mean + (drawn - mean) * (math.sqrt(n / (n - 1)) if n > 1 else 0.0))


def half_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> float:
    """Return half of Student's interval of a mean; NaN for one value.

    >>> round(half_interval([1.0, 2.0, 3.0]), 3)
    2.484
    """
    if len(values) < 2:
        return math.nan
    from scipy.stats import t

    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(t.ppf(0.5 + confidence / 2, len(values) - 1)) * error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The new seeds of one configuration, at least one of which ended with values."""

    number: int
    kept: tuple[TrialRecord, ...]
    lost: tuple[TrialRecord, ...]

    @property
    def columns(self) -> dict[str, list[float]]:
        """Values of each metric that all of ``kept`` have."""
        metrics = [m for m in self.kept[0].values if all(m in r.values for r in self.kept)]
        return {metric: [r.values[metric] for r in self.kept] for metric in metrics}

    @property
    def means(self) -> dict[str, float]:
        return {metric: float(np.mean(column)) for metric, column in self.columns.items()}


def _groups(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[_Group]:
    ended = [r for r in history if r.replicate_of is not None and r.status.is_final]
    found = [
        _Group(
            number=number,
            kept=tuple(r for r in ended if r.replicate_of == number and _counts(r, objectives)),
            lost=tuple(
                r for r in ended if r.replicate_of == number and not _counts(r, objectives)
            ),
        )
        for number in sorted({r.replicate_of for r in ended if r.replicate_of is not None})
    ]
    return [group for group in found if group.kept]


def _counts(record: TrialRecord, objectives: Sequence[Objective]) -> bool:
    return record.status is TrialStatus.COMPLETED and record.vector(objectives) is not None


def _is_whole(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> bool:
    again = [record for record in history if record.replicate_of is not None]
    known = {record.replicate_of for record in again}
    members = {record.number for record in front(history, objectives)}
    return members <= known and all(record.status.is_final for record in again)


def _summary(group: _Group, share: float) -> Replicated:
    return Replicated(
        number=group.number,
        seeds=tuple(record.number for record in group.kept),
        lost=tuple(record.number for record in group.lost),
        means=group.means,
        half={metric: half_interval(column) for metric, column in group.columns.items()},
        p_front=share,
    )


def _optimism(
    history: Sequence[TrialRecord], groups: Sequence[_Group], objectives: Sequence[Objective]
) -> Optimism:
    """Compare the front as it was seen with its means.

    Both volumes have one reference: what the objectives state, else the worst value of all trials
    and means. That of the front alone would leave a front of two without any volume.
    """
    means = {group.number: group.means for group in groups}
    known = [record for record in front(history, objectives) if record.number in means]
    if not known:
        return Optimism(searched=0.0, replicated=0.0)
    again = [record.model_copy(update={"values": means[record.number]}) for record in known]
    first, second = losses_of(known, objectives), losses_of(again, objectives)
    seen = losses_of(candidates(history, objectives), objectives)
    reference = reference_point(np.vstack([seen, second]), objectives)
    return Optimism(
        searched=hypervolume(first, reference), replicated=hypervolume(second, reference)
    )
