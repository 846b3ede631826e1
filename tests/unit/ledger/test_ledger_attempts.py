"""When each execution began and ended, on SQLite and PostgreSQL."""

from automtl.ledger.attempts import read_attempts
from automtl.results import EpochReport, Failure, FailureKind, TrialStatus

HUNG = Failure(kind=FailureKind.HUNG, message="silent")


def spans(ledger):
    return [
        (a.number, a.attempt, a.started_s, a.ended_s, a.outcome) for a in read_attempts(ledger)
    ]


def test_every_execution_has_its_own_times(held, opened, clock, propose) -> None:
    def at(now_s, change, *args, **kwargs):
        clock.now_s = now_s
        return change(*args, **kwargs)

    end = {"values": {"a": 0.5}, "best_epoch": 1, "failure": None}
    propose(held, 0)
    propose(held, 1)
    propose(held, 2)
    at(2_000, held.start_attempt, 0, worker="w")
    at(2_010, held.pause, 0)
    at(2_015, held.start_attempt, 1, worker="w")
    at(2_020, held.requeue, 1, HUNG)
    at(2_030, held.requeue, 0)
    at(2_031, held.start_attempt, 0, worker="w")
    at(2_040, held.end_trial, 0, status=TrialStatus.COMPLETED, **end)
    at(2_041, held.start_attempt, 1, worker="v")
    assert spans(opened()) == [
        (0, 1, 2_000, 2_010, "paused"),
        (0, 2, 2_031, 2_040, "completed"),
        (1, 1, 2_015, 2_020, "lost"),
        (1, 2, 2_041, None, "running"),
    ]
    assert [a.failure for a in read_attempts(held)] == [None, None, FailureKind.HUNG, None]
    assert [a.worker for a in read_attempts(held)] == ["w", "w", "w", "v"]


def test_a_paused_trial_that_is_given_up_ran_until_its_pause(held, clock, propose) -> None:
    propose(held, 0)
    held.start_attempt(0, worker="")
    clock.now_s += 5
    held.pause(0)
    clock.now_s += 500
    end = {"values": {"a": 0.5}, "best_epoch": 1, "failure": None}
    held.end_trial(0, status=TrialStatus.STOPPED, **end)
    assert spans(held) == [(0, 1, 2_000, 2_005, "stopped")]


def test_what_was_lost_with_its_controller_ran_until_its_last_report(held, clock, propose) -> None:
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.add_report(0, EpochReport(attempt=1, epoch=1, values={"a": 0.1}, time_s=2_007.5))
    clock.now_s += 5_000
    held.requeue(0)
    assert spans(held) == [(0, 1, 2_000, 2_007.5, "lost")]
