"""Levels: few, in order, and never two parts under one name."""

import math

from hypothesis import given
from hypothesis import strategies as st

from automtl.analysis.effects import ABSENT
from automtl.analysis.levels import MAX_NUMBERS, levels_of

numbers = st.floats(-1e6, 1e6).map(lambda x: 0.0 if x == 0 else x)
close = st.integers(0, 30).map(lambda i: 0.1 + i * 1e-7)


def test_few_numbers_are_compared_as_they_are() -> None:
    assert levels_of([1, 4, 2, 1]) == ["1", "4", "2", "1"]
    assert levels_of([True, False, None]) == ["yes", "no", ABSENT]
    assert levels_of(["rgb", "rgb+hog"]) == ["rgb", "rgb+hog"]
    assert levels_of([]) == []


@given(st.lists(st.one_of(numbers, close, st.none(), st.integers(0, 9)), max_size=40))
def test_levels_are_few_in_order_and_told_apart(values: list[float | None]) -> None:
    found = levels_of(values)
    assert len(found) == len(values)
    assert all((level == ABSENT) == (v is None) for level, v in zip(found, values, strict=True))
    pairs = sorted((v, level) for v, level in zip(values, found, strict=True) if v is not None)
    levels = [level for _, level in pairs]
    # Equal numbers share a level, and a level is one run of the sorted numbers.
    runs = [b for a, b in zip([None, *levels], levels, strict=False) if a != b]
    assert len(runs) == len(set(levels)) <= MAX_NUMBERS
    assert len({v for v, _ in pairs}) < 2 or len(runs) > 1


@given(st.lists(st.integers(0, 10**6), min_size=9, max_size=60, unique=True))
def test_thirds_hold_equally_many(values: list[int]) -> None:
    found = levels_of(values)
    sizes = [found.count(level) for level in set(found)]
    assert len(sizes) == 3
    assert max(sizes) - min(sizes) <= 2
    assert sum(sizes) == len(values)
    assert math.floor(len(values) / 3) >= min(sizes)
