"""What a choice was worth: differences between the trials that made it and those that did not.

Trials are not a designed experiment: a sampler tries more of what looks good. So these are
associations in the trials that ran, each with an interval and a permutation test, and where the
test sees nothing the words are "no clear effect".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from automtl.analysis.delta import Comparison

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_DRAWS = 2_000
CLEAR = 0.05
"""Largest p value, after Holm's correction over all effects asked for together, that is clear."""

ABSENT = ""
"""The level of a trial in which the choice does not exist: it takes no part."""

MIN_TRIALS = 4
"""Trials that a level needs before it takes part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The trials with one value of a choice.

    Attributes:
        value: The value.
        n: How many trials.
        mean: Mean objective.
        low: Lower end of the 95 % bootstrap interval of the mean.
        high: Upper end.
    """

    value: str
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one choice, or two together, had to do with one objective.

    Attributes:
        choice: Name of the choice; two names joined by ``x`` for an interaction.
        objective: Metric.
        levels: By value, best first. Empty for an interaction.
        explained: Share of the variance between trials that goes with the choice.
        p: Of the permutation test, corrected (Holm 1979).
    """

    choice: str
    objective: str
    levels: tuple[Level, ...]
    explained: float
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether chance alone would rarely give as much."""
        return self.p <= CLEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What the trials of a study say.

    Attributes:
        effects: Those that could be measured, by objective.
        too_few: Choices that too few trials made differently.
        constant: Objectives that were the same in all trials.
        n_trials: Trials that took part.
        deltas: How much better trials are than single-task models, or why that is not known.
    """

    effects: tuple[Effect, ...] = ()
    too_few: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    n_trials: int = 0
    deltas: Comparison = field(default_factory=Comparison)


def effects(
    choices: Mapping[str, Sequence[str]],
    objective: str,
    values: Sequence[float],
    *,
    maximize: bool,
    interactions: Sequence[tuple[str, str]] = (),
    seed: int = 0,
) -> list[Effect]:
    """Measure what choices had to do with an objective.

    Levels with fewer than ``MIN_TRIALS`` trials are left out; a choice with fewer than two levels
    left is no choice and gives no effect.

    Args:
        choices: By name, the level in each trial, or ``ABSENT``.
        objective: Metric.
        values: The objective in each trial, finite.
        maximize: Whether large values are good, which orders the levels.
        interactions: Pairs of choices of which is asked whether one changes what the other does.
        seed: Of bootstrap and permutations.

    Returns:
        Effects that could be measured, the main ones first, each in the order given.
    """
    y = np.asarray(values, np.float64)
    rng = np.random.default_rng(seed)
    found: list[Effect] = []
    for name, of_trials in choices.items():
        codes, names = _codes([of_trials])
        kept = codes >= 0
        if len(names) < 2 or np.ptp(y[kept]) == 0:
            continue
        explained, p = _permuted(codes[kept], y[kept], rng)
        levels = _levels(codes, names, y, maximize=maximize, rng=rng)
        found.append(
            Effect(choice=name, objective=objective, levels=levels, explained=explained, p=p)
        )
    for first, second in interactions:
        together = _interaction(choices[first], choices[second], y, rng)
        if together is not None:
            explained, p = together
            name = f"{first} x {second}"
            found.append(
                Effect(choice=name, objective=objective, levels=(), explained=explained, p=p)
            )
    return _corrected(found)


def is_comparable(levels: Sequence[str]) -> bool:
    """Return whether enough trials have each of two levels."""
    return len(_codes([levels])[1]) > 1


def in_words(effect: Effect, *, maximize: bool) -> str:
    """Say an effect in one sentence.

    >>> level = Level(value="joint", n=9, mean=0.5, low=0.45, high=0.55)
    >>> effect = Effect(choice="schedule", objective="mAP", levels=(level,), explained=0.0, p=0.4)
    >>> in_words(effect, maximize=True)
    'schedule: no clear effect on mAP'
    """
    if not effect.is_clear:
        return f"{effect.choice}: no clear effect on {effect.objective}"
    share = f"{100 * effect.explained:.0f} % of the variance, p = {effect.p:.3f}"
    if not effect.levels:
        return f"{effect.choice}: each changes what the other does to {effect.objective} ({share})"
    best, worst = effect.levels[0], effect.levels[-1]
    word = "highest" if maximize else "lowest"
    return (
        f"{effect.choice}: {effect.objective} is {word} with {best.value} ({_told(best)}) and "
        f"least good with {worst.value} ({_told(worst)}; {share})"
    )


def _told(level: Level) -> str:
    mean, low, high = (_number(value) for value in (level.mean, level.low, level.high))
    return f"{mean} [{low}, {high}], {level.n} trials"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _codes(columns: Sequence[Sequence[str]]) -> tuple[Ints, list[str]]:
    """Number the levels that have enough trials; -1 for the others."""
    joined = [" & ".join(values) for values in zip(*columns, strict=True)]
    is_whole = [ABSENT not in values for values in zip(*columns, strict=True)]
    joined = [value if whole else ABSENT for value, whole in zip(joined, is_whole, strict=True)]
    counts = {value: joined.count(value) for value in sorted(set(joined) - {ABSENT})}
    names = [value for value, n in counts.items() if n >= MIN_TRIALS]
    place = {value: i for i, value in enumerate(names)}
    return np.array([place.get(value, -1) for value in joined], dtype=np.int64), names


def _permuted(codes: Ints, y: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return eta squared, and the share of permutations that give as much."""
    centred = y - y.mean()
    members = _indicators(codes)
    rows = np.vstack([centred, rng.permuted(np.tile(centred, (N_DRAWS, 1)), axis=1)])
    between = ((rows @ members) ** 2 / members.sum(axis=0)).sum(axis=1)
    explained = between / np.sum(centred**2)
    # The data themselves are one of the permutations: p is never 0.
    return float(explained[0]), float((explained >= explained[0] - 1e-12).mean())


def _levels(
    codes: Ints, names: Sequence[str], y: Floats, *, maximize: bool, rng: np.random.Generator
) -> tuple[Level, ...]:
    found = []
    for i, name in enumerate(names):
        mine = y[codes == i]
        means = mine[rng.integers(len(mine), size=(N_DRAWS, len(mine)))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        found.append(
            Level(
                value=name,
                n=len(mine),
                mean=float(mine.mean()),
                low=float(low),
                high=float(high),
            )
        )
    return tuple(sorted(found, key=lambda level: level.mean, reverse=maximize))


def _interaction(
    first: Sequence[str], second: Sequence[str], y: Floats, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Test cells against the sum of the two main effects, by permuting that sum's residuals."""
    cells, names = _codes([first, second])
    kept = cells >= 0
    one, first_names = _codes([[v for v, k in zip(first, kept, strict=True) if k]])
    other, second_names = _codes([[v for v, k in zip(second, kept, strict=True) if k]])
    is_crossed = len(names) > len(first_names) + len(second_names) - 1
    if not kept.any() or not is_crossed or (one < 0).any() or (other < 0).any():
        return None
    y = y[kept]
    if np.ptp(y) == 0:
        return None
    additive = _basis(np.hstack([_indicators(one), _indicators(other)]))
    full = _basis(_indicators(cells[kept]))
    fitted = additive @ (additive.T @ y)
    residuals = rng.permuted(np.tile(y - fitted, (N_DRAWS, 1)), axis=1)
    rows = np.vstack([y, fitted + residuals])
    # What the cells explain beyond the two main effects, as a share of the variance.
    beyond = _squares(rows @ full) - _squares(rows @ additive)
    shares = beyond / _squares(rows - rows.mean(axis=1, keepdims=True))
    return float(shares[0]), float((shares >= shares[0] - 1e-12).mean())


def _indicators(codes: Ints) -> Floats:
    found: Floats = np.eye(codes.max() + 1)[codes]
    return found


def _basis(design: Floats) -> Floats:
    """Return an orthonormal basis of the space that the columns span."""
    vectors, sizes, _ = np.linalg.svd(design, full_matrices=False)
    found: Floats = vectors[:, sizes > sizes[0] * 1e-10]
    return found


def _squares(rows: Floats) -> Floats:
    found: Floats = (rows**2).sum(axis=1)
    return found


def _corrected(found: Sequence[Effect]) -> list[Effect]:
    order = sorted(range(len(found)), key=lambda i: found[i].p)
    corrected = [1.0] * len(found)
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(found) - place) * found[i].p))
        corrected[i] = largest
    return [
        Effect(choice=e.choice, objective=e.objective, levels=e.levels, explained=e.explained, p=p)
        for e, p in zip(found, corrected, strict=True)
    ]
