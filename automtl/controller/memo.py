"""Remember what pure functions gave for trials that have not changed since.

Who decides after thousands of trials must not look at each of them again. What is remembered here
is a function of the history alone: from one history to the next those trials are found that are
other objects, and only they are asked. Any other history, another study's too, gives what it
would have given first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import is_not
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from automtl.results import TrialRecord

T = TypeVar("T")
Array = NDArray[np.float64]


@dataclass(slots=True)
class PerTrial(Generic[T]):
    """A pure function of a record, computed once for each state of a trial.

    A record is frozen and a changed trial is another object, so that identity tells whether the
    value still holds. What is remembered is one value for each number and ``key``.

    Attributes:
        function: Called with the record, ``key`` and ``given``.
    """

    function: Callable[[TrialRecord, Any, Any], T]
    _known: dict[tuple[int, Any], tuple[TrialRecord, Any, T]] = field(default_factory=dict)
    _columns: dict[Any, tuple[Sequence[TrialRecord], Any, list[T]]] = field(default_factory=dict)

    def __call__(self, record: TrialRecord, key: Any, given: Any) -> T:
        """Return the function's value.

        Args:
            record: The trial.
            key: What several values of the same trial differ in; hashable.
            given: What else the value depends on; compared by identity, then by equality.
        """
        place = (record.number, key)
        found = self._known.get(place)
        if found is not None and found[0] is record and (found[1] is given or found[1] == given):
            return found[2]
        value = self.function(record, key, given)
        self._known[place] = (record, given, value)
        return value

    def over(self, history: Sequence[TrialRecord], key: Any, given: Any) -> list[T]:
        """Return the function's value for each trial of a history; not to be changed."""
        before, known_given, values = self._columns.get(key, ((), None, []))
        if known_given is not given and known_given != given:
            before, values = (), []
        rows = _changed(before, history)
        if rows or len(before) != len(history):
            # Another list: who has the one before may still read it.
            values = values[: len(history)]
            for row in rows:
                values[row : row + 1] = [self(history[row], key, given)]
        self._columns[key] = (tuple(history), given, values)
        return values


@dataclass(slots=True)
class RowPerTrial:
    """A pure function of a record that gives some numbers, as an array with a row for each trial.

    Attributes:
        function: Called with the record, ``key`` and ``given``; gives always as many numbers, or
            None where there is nothing to say.
    """

    function: Callable[[TrialRecord, Any, Any], Sequence[float] | None]
    _each: PerTrial[Sequence[float] | None] = field(init=False)
    _arrays: dict[Any, tuple[Sequence[TrialRecord], Any, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember the numbers of single trials too."""
        self._each = PerTrial(self.function)

    def __call__(self, record: TrialRecord, key: Any, given: Any) -> Sequence[float] | None:
        """Return the numbers of one trial; the arguments are those of :class:`PerTrial`."""
        return self._each(record, key, given)

    def over(self, history: Sequence[TrialRecord], key: Any, given: Any, *, width: int) -> Array:
        """Return the numbers of each trial of a history, NaN where there is nothing to say.

        Returns:
            Shape ``(n_trials, width)``, not to be written to.
        """
        empty = np.empty((0, width))
        before, known_given, array = self._arrays.get(key, ((), None, empty))
        if known_given is not given and known_given != given:
            before, array = (), empty
        rows = _changed(before, history)
        if rows or len(before) != len(history):
            n_kept = min(len(before), len(history))
            array = np.concatenate([array[:n_kept], np.empty((len(history) - n_kept, width))])
            for row in rows:
                numbers = self(history[row], key, given)
                array[row] = np.nan if numbers is None else numbers
            array.flags.writeable = False
        self._arrays[key] = (tuple(history), given, array)
        return array


def is_known(rows: Array) -> NDArray[np.bool_]:
    """Tell which trials of :meth:`RowPerTrial.over` have something to say."""
    return np.asarray(~np.isnan(rows).any(axis=1))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Where two histories differ: rows of the second, ascending."""

    before: Sequence[TrialRecord]
    after: Sequence[TrialRecord]
    rows: Sequence[int]


_last = [_Comparison((), (), ())]
"""A decision asks for many functions of one history, each with the same one before."""


def _changed(before: Sequence[TrialRecord], after: Sequence[TrialRecord]) -> Sequence[int]:
    """Return the places at which another record stands than before, or none stood."""
    last = _last[0]
    # A list may have changed since and still be the same one.
    if last.before is before and last.after is after and isinstance(after, tuple):
        return last.rows
    rows = list(compress(range(len(before)), map(is_not, before, after)))
    rows += range(len(before), len(after))
    _last[0] = _Comparison(before, after, rows)
    return rows
