"""What is remembered of a trial holds for that very state of it."""

from automtl.controller.memo import PerTrial
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
