"""Each invariant names its violation: the database is damaged by hand."""

import pytest

from automtl.results import EpochReport, TrialStatus


@pytest.fixture
def lived(held, propose):
    """Trial 0 completed, trial 1 runs, trial 2 waits."""
    for number in range(3):
        propose(held, number)
    for number in range(2):
        held.start_attempt(number, worker="")
        held.add_report(number, EpochReport(attempt=1, epoch=1, values={"a": 0.5}, time_s=2_000.0))
    held.end_trial(0, status=TrialStatus.COMPLETED, values={"a": 0.5}, best_epoch=1, failure=None)
    return held


def test_a_ledger_in_order_has_no_violation(lived):
    assert lived.check() == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM trial WHERE number = 1", "not dense: [0, 2]"),
        ("DELETE FROM attempt WHERE number = 0", "trial 0 counts 1 attempts, 0 are recorded"),
        (
            "UPDATE attempt SET outcome = 'lost' WHERE number = 1",
            "trial 1 is running, its running attempts are []",
        ),
        (
            "UPDATE attempt SET outcome = 'running' WHERE number = 0",
            "trial 0 is completed, its running attempts are [1]",
        ),
        ("UPDATE trial SET ended_s = NULL WHERE number = 0", "trial 0 is completed, its end is"),
        ("UPDATE trial SET ended_s = 2000 WHERE number = 2", "trial 2 is queued, its end is"),
        (
            "UPDATE trial SET failure_kind = 'error' WHERE number = 0",
            "trial 0 is completed, its failure is error",
        ),
        (
            """UPDATE trial SET "values" = '{"a":1.0}' WHERE number = 2""",
            "trial 2 is queued and has final values",
        ),
        (
            """UPDATE trial SET "values" = '{}' WHERE number = 0""",
            "trial 0 is completed and has no values",
        ),
        (
            "UPDATE outbox SET id = 99 WHERE kind = 'reported' AND body LIKE '%:0,%'",
            "trial 0 reported epoch 1 after its end",
        ),
        (
            """UPDATE trial SET "values" = '{"a":NaN}' WHERE number = 0""",
            "trial 0 has final values that are no numbers",
        ),
        (
            """UPDATE report SET "values" = '{"a":Infinity}' WHERE number = 1""",
            "epoch 1 of trial 1 has values that are no numbers",
        ),
        (
            "DELETE FROM outbox WHERE kind = 'trial_started'",
            "attempt 1 of trial 1 was not announced",
        ),
        (
            "DELETE FROM outbox WHERE kind = 'reported'",
            "epoch 1 of trial 0 was not announced",
        ),
        (
            "DELETE FROM outbox WHERE kind = 'trial_ended'",
            "the end of trial 0 was not announced",
        ),
    ],
)
def test_each_damage_is_named(lived, damage, said):
    off = {
        "sqlite": "PRAGMA foreign_keys=OFF",
        "postgresql": "SET session_replication_role = replica",
    }
    with lived.engine.connect() as connection:
        # Both are settings of a connection outside of a transaction.
        connection.connection.rollback()
        cursor = connection.connection.cursor()
        cursor.execute(off[lived.engine.dialect.name])
        cursor.execute(damage)
        connection.connection.commit()
        connection.invalidate()
    assert any(said in violation for violation in lived.check())
