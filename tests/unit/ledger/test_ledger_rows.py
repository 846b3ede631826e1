"""Which reports of several attempts count."""

from automtl.ledger.rows import newest_by_epoch
from automtl.results import EpochReport


def report(attempt: int, epoch: int) -> EpochReport:
    return EpochReport(attempt=attempt, epoch=epoch, values={}, time_s=0.0)


def seen(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return [(r.attempt, r.epoch) for r in newest_by_epoch(report(*pair) for pair in pairs)]


def test_a_resumed_attempt_goes_on_from_the_one_before() -> None:
    assert seen((1, 1), (1, 2), (2, 3)) == [(1, 1), (1, 2), (2, 3)]


def test_an_attempt_that_starts_lower_voids_later_epochs_of_the_one_before() -> None:
    assert seen((1, 1), (1, 2), (1, 3), (2, 1)) == [(2, 1)]


def test_the_same_epoch_counts_once_and_by_its_newest_attempt() -> None:
    assert seen((1, 1), (1, 2), (2, 2), (2, 3)) == [(1, 1), (2, 2), (2, 3)]
