"""What is remembered of a trial holds for that very state of it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from automtl.controller.memo import PerTrial, RowPerTrial, is_known
from automtl.results import TrialRecord


def test_a_value_is_computed_again_when_the_trial_or_what_is_given_changed() -> None:
    calls: list[int] = []

    def count(record: TrialRecord, key: int, given: tuple[int, ...]) -> int:
        calls.append(record.attempts)
        return record.attempts + key + sum(given)

    found = PerTrial(count)
    record = TrialRecord(number=3, point={}, config={}, config_digest="")
    other = record.model_copy(update={"attempts": 2})
    assert [found(record, 1, (5,)), found(record, 1, (5,)), found(record, 2, (5,))] == [6, 6, 7]
    assert calls == [0, 0]
    assert found(record, 1, (6,)) == 7
    assert found(other, 1, (6,)) == 9
    assert found(record, 1, (6,)) == 7
    assert calls == [0, 0, 0, 2, 0]


def change(history: list[TrialRecord], number: int, attempts: int) -> None:
    """Give a trial so many attempts; where it is not there yet, add the next one."""
    record = TrialRecord(number=number, point={}, config={}, config_digest="")
    if number >= len(history):
        history.append(record.model_copy(update={"number": len(history)}))
    else:
        history[number] = record.model_copy(update={"attempts": attempts})


@given(changes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 1))))
def test_a_column_is_the_function_of_every_trial_whatever_changed_before(
    changes: list[tuple[int, int, int]],
) -> None:
    found = PerTrial(lambda record, key, given: record.attempts + 10 * key + 100 * given)
    history: list[TrialRecord] = []
    for number, attempts, summand in changes:
        change(history, number, attempts)
        expected = [record.attempts + 100 * summand for record in history]
        assert found.over(tuple(history), 0, summand) == expected
        assert found.over(tuple(history), 0, summand) == expected
        assert found.over(tuple(history[:1]), 1, 0) == [10 + r.attempts for r in history[:1]]


def test_a_column_asks_only_for_what_changed() -> None:
    calls: list[int] = []

    def count(record: TrialRecord, _key: None, _given: None) -> int:
        calls.append(record.number)
        return record.attempts

    found = PerTrial(count)
    history = [TrialRecord(number=i, point={}, config={}, config_digest="") for i in range(4)]
    found.over(history, None, None)
    history[2] = history[2].model_copy(update={"attempts": 1})
    assert found.over(history, None, None) == [0, 0, 1, 0]
    assert calls == [0, 1, 2, 3, 2]


@given(
    changes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 1))),
    n_shown=st.integers(0, 6),
)
def test_a_row_is_the_function_of_every_trial_whatever_changed_before(
    changes: list[tuple[int, int, int]], n_shown: int
) -> None:
    def numbers(record: TrialRecord, key: int, given: int) -> tuple[int, ...] | None:
        attempts = record.attempts
        return None if attempts == 3 else (attempts + key, attempts * given, given)

    found = RowPerTrial(numbers)
    history: list[TrialRecord] = []
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for number, attempts, summand in changes:
        change(history, number, attempts)
        for shown in (history, tuple(history), history[:n_shown]):
            rows = found.over(shown, 7, summand, width=3)
            assert rows.shape == (len(shown), 3)
            assert is_known(rows).tolist() == [r.attempts != 3 for r in shown]
            expected = [numbers(r, 7, summand) for r in shown if r.attempts != 3]
            assert [tuple(row) for row in rows[is_known(rows)].tolist()] == expected
            kept.append((rows, rows.copy()))
    # Who still has the rows of an earlier history reads what he was given.
    assert all(np.array_equal(now, then, equal_nan=True) for now, then in kept)


def test_rows_ask_only_for_what_changed() -> None:
    calls: list[int] = []

    def count(record: TrialRecord, _key: None, _given: None) -> tuple[int]:
        calls.append(record.number)
        return (record.attempts,)

    found = RowPerTrial(count)
    history = [TrialRecord(number=i, point={}, config={}, config_digest="") for i in range(4)]
    found.over(history, None, None, width=1)
    history[2] = history[2].model_copy(update={"attempts": 1})
    assert found.over(history, None, None, width=1).tolist() == [[0], [0], [1], [0]]
    assert calls == [0, 1, 2, 3, 2]
