"""Values of a parameter as a few levels that can be compared."""

from collections.abc import Sequence

import numpy as np

from automtl.analysis.effects import ABSENT, Floats

MAX_NUMBERS = 4
"""Different numbers that are compared as they are; of more, the thirds are."""

N_PARTS = 3

DIGITS = (3, 6, 17)
"""Digits of a number in a level's name: more where fewer would name two levels alike."""

Value = bool | float | str | None


def levels_of(values: Sequence[Value]) -> list[str]:
    """Name the level of each value.

    Words are their own levels, and so are numbers where there are few. More numbers are cut into
    thirds of equally many trials; equal numbers stay together.

    Args:
        values: A parameter in each trial; None where it does not exist.

    >>> levels_of(["a", None, True])
    ['a', '', 'yes']
    >>> levels_of([1, 2, 3, 4, 5, 60])
    ['1 to 2', '1 to 2', '3 to 4', '3 to 4', '5 to 60', '5 to 60']
    """
    numbers = np.array([v for v in values if _is_number(v)], np.float64)
    distinct = np.unique(numbers)
    if len(distinct) <= MAX_NUMBERS:
        ends = [(number, number) for number in distinct.tolist()]
    else:
        ends = _thirds(numbers, distinct)
    named = _names(ends)
    return [_level(value, ends, named) for value in values]


def _thirds(numbers: Floats, distinct: Floats) -> list[tuple[float, float]]:
    """Return the smallest and the largest number of each part."""
    edges = np.quantile(numbers, np.arange(1, N_PARTS) / N_PARTS)
    part = np.searchsorted(edges, distinct, side="left")
    members = [distinct[part == i] for i in np.unique(part)]
    return [(float(one[0]), float(one[-1])) for one in members]


def _names(ends: Sequence[tuple[float, float]]) -> list[str]:
    found: list[str] = []
    for digits in DIGITS:
        texts = [tuple(f"{end:.{digits}g}" for end in pair) for pair in ends]
        found = [low if low == high else f"{low} to {high}" for low, high in texts]
        flat = [text for pair in texts for text in dict.fromkeys(pair)]
        if len(set(flat)) == len(flat):
            break
    return found


def _level(value: Value, ends: Sequence[tuple[float, float]], named: Sequence[str]) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return next(name for (_, high), name in zip(ends, named, strict=True) if value <= high)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
