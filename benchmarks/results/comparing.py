"""Arms compared seed by seed: means, paired differences, and 95 % intervals. Pure functions."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.fusion import student_interval
from benchmarks.results.trainings import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over seeds and the ends of its 95 % interval (Student's t; NaN with one seed)."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An arm beside another one, on the test split.

    Attributes:
        arm: Its name.
        means: By metric, what it reaches.
        differences: By metric, what it reaches beyond the other arm, paired by seed. Empty for
            that arm itself.
        costs: By what it cost, the mean.
    """

    arm: str
    means: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    costs: Mapping[str, float]


def compare(
    outcomes: Sequence[Outcome],
    *,
    reference: str,
    metrics: Sequence[str],
    costs: Sequence[str] = (),
) -> tuple[Compared, ...]:
    """Compare arms with one of them.

    Args:
        outcomes: Of all arms; each has the seeds that ``reference`` has.
        reference: The arm that others are compared with.
        metrics: Values on the test split.
        costs: Values beside the validation's, of which the mean is given.

    Raises:
        ValueError: If an arm has other seeds than the reference.
    """
    arms: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        arms.setdefault(outcome.arm, {})[outcome.seed] = outcome
    base = arms[reference]
    found = []
    for arm, by_seed in arms.items():
        if by_seed.keys() != base.keys():
            msg = f"{arm!r} has the seeds {sorted(by_seed)}, {reference!r} {sorted(base)}"
            raise ValueError(msg)
        pairs = [(by_seed[seed], base[seed]) for seed in sorted(base)]
        found.append(
            Compared(
                arm=arm,
                means={m: interval([one.test[m] for one, _ in pairs]) for m in metrics},
                differences={}
                if arm == reference
                else {m: interval([a.test[m] - b.test[m] for a, b in pairs]) for m in metrics},
                costs={c: statistics.mean(one.validation[c] for one, _ in pairs) for c in costs},
            )
        )
    return tuple(found)


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of some values with its interval.

    >>> interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    mean = statistics.mean(values)
    if len(values) < 2:
        return Interval(mean=mean, low=math.nan, high=math.nan)
    low, high = student_interval(values)
    return Interval(mean=mean, low=low, high=high)


def means_of(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Return the mean over seeds of each value that every outcome has on the validation split."""
    found = list(outcomes)
    shared = set(found[0].validation).intersection(*(one.validation for one in found))
    return {name: statistics.mean(one.validation[name] for one in found) for name in shared}
