"""Arms compared seed by seed: means, paired differences, and 95 % intervals. Pure functions."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.fusion import student_interval
from benchmarks.results.trainings import Outcome

MEAN = "mean"
"""Stands beside the metrics for their mean: the figure that a comparison is decided by."""


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
        n_seeds: How many seeds that is.
    """

    arm: str
    means: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    n_seeds: int


def compare(
    outcomes: Sequence[Outcome],
    *,
    reference: str,
    metrics: Sequence[str],
) -> tuple[Compared, ...]:
    """Compare arms with one of them.

    Args:
        outcomes: Of all arms; each has the seeds that ``reference`` has.
        reference: The arm that others are compared with.
        metrics: Values on the test split.

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
                n_seeds=len(pairs),
            )
        )
    return tuple(found)


def with_mean(outcomes: Iterable[Outcome], metrics: Sequence[str]) -> tuple[Outcome, ...]:
    """Give each outcome the mean of its test metrics, as the value :data:`MEAN`."""
    return tuple(
        replace(one, test={**one.test, MEAN: statistics.mean(one.test[m] for m in metrics)})
        for one in outcomes
    )


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


def text(found: Interval) -> str:
    """Render a mean with half its interval; one seed has none.

    >>> text(Interval(mean=0.5, low=0.4, high=0.6))
    '0.500 ± 0.100'
    """
    if math.isnan(found.low):
        return f"{found.mean:.3f}"
    return f"{found.mean:.3f} ± {found.high - found.mean:.3f}"


def difference(found: Interval) -> str:
    """Render a difference with its interval, in bold where 0 lies outside.

    >>> difference(Interval(mean=0.02, low=-0.01, high=0.05))
    '+.020 [-.010, .050]'
    """
    if math.isnan(found.low):
        return _short(found.mean, "+")
    said = f"{_short(found.mean, '+')} [{_short(found.low)}, {_short(found.high)}]"
    return f"**{said}**" if found.is_clear else said


def verdict(found: Interval, rival: str) -> str:
    """Say in words how a difference in quality came out.

    >>> verdict(Interval(mean=-0.02, low=-0.03, high=-0.01), "joint")
    'worse than joint (-.020 [-.030, -.010])'
    >>> verdict(Interval(mean=-0.02, low=-0.05, high=0.01), "joint")
    'not told apart from joint (-.020 [-.050, .010])'
    """
    said = difference(found).strip("*")
    if not found.is_clear:
        return f"not told apart from {rival} ({said})"
    return f"{'better' if found.mean > 0 else 'worse'} than {rival} ({said})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How several comparisons with a rival came out.

    Attributes:
        better: How many are clearly better.
        worse: How many are clearly worse.
        n: How many there are.
    """

    better: int
    worse: int
    n: int


def tally(found: Iterable[Interval]) -> Tally:
    """Count the comparisons that came out clearly, one way and the other.

    >>> one = Interval(mean=0.02, low=0.01, high=0.03)
    >>> tally([one, Interval(mean=0.02, low=-0.01, high=0.05)])
    Tally(better=1, worse=0, n=2)
    """
    some = list(found)
    clear = [one.mean > 0 for one in some if one.is_clear]
    return Tally(better=sum(clear), worse=len(clear) - sum(clear), n=len(some))


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    >>> listed([])
    ''
    """
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def _short(number: float, sign: str = "-") -> str:
    return f"{number:{sign}.3f}".replace("0.", ".", 1)
