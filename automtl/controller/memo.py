"""Remember what pure functions gave for trials that have not changed since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from automtl.results import TrialRecord

T = TypeVar("T")


@dataclass(slots=True)
class PerTrial(Generic[T]):
    """A pure function of a record, computed once for each state of a trial.

    A record is frozen and a changed trial is another object, so that identity tells whether the
    value still holds. What is remembered is one value for each number and ``key``: with some
    thousand trials a decision would else spend its time on looking at the same reports again.

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
        """Return the function's value for each trial of a history; not to be changed.

        From one decision to the next few trials change, and where they stand is found faster by
        comparing two histories than by asking for each trial.
        """
        before, known_given, values = self._columns.get(key, ((), None, []))
        if before is history and known_given is given:
            return values
        if known_given is not given and known_given != given:
            before = ()
        found = [
            value if old is new else self(new, key, given)
            for old, new, value in zip(before, history, values, strict=False)
        ]
        found += [self(record, key, given) for record in history[len(found) :]]
        self._columns[key] = (tuple(history), given, found)
        return found
