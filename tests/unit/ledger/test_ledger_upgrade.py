"""Ledgers of earlier versions are brought up to date by whoever opens them, on both databases."""

import pytest
from sqlalchemy import inspect, text

from automtl.errors import LedgerError
from automtl.ledger.database import connect, writing
from automtl.ledger.rows import read_left_out
from automtl.ledger.runs import read_runs
from automtl.ledger.stop import Stop, ask_stop, stop_asked
from automtl.ledger.studies import open_ledger
from automtl.ledger.tables import SCHEMA_VERSION, metadata
from automtl.ledger.upgrade import STEPS

BACK = {
    4: ("DROP TABLE left_out",),
    3: ("DROP TABLE trial_run", "ALTER TABLE study DROP COLUMN mlflow_experiment"),
    2: ("ALTER TABLE lease DROP COLUMN stop",),
}
"""By version, what leads to it from the next one."""


def earlier(url: str, version: int) -> None:
    """Make a ledger as an earlier version knew it."""
    engine = connect(url, create=False)
    with writing(engine) as connection:
        for step in range(SCHEMA_VERSION - 1, version - 1, -1):
            for statement in BACK[step]:
                connection.execute(text(statement))
        connection.execute(text(f"UPDATE schema_version SET version = {version}"))
    engine.dispose()


def columns(engine) -> dict[str, set[str]]:
    found = inspect(engine)
    return {name: {c["name"] for c in found.get_columns(name)} for name in metadata.tables}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("version", sorted(STEPS))
def test_what_it_holds_is_read_and_written_as_before(
    held, propose, url, clock, version, read_only
) -> None:
    propose(held, 0)
    held.start_attempt(0, worker="w")
    before, token = (held.study(), held.history(), held.outbox.pulse()), held._lease.token
    complete = columns(held.engine)
    held.engine.dispose()
    earlier(url, version)
    with open_ledger(url, study="street", clock=clock, read_only=read_only) as found:
        assert (found.study(), found.history(), found.outbox.pulse()) == before
        assert read_runs(found.engine, "street") == {}
        assert read_left_out(found.engine, "street") == ()
    with open_ledger(url, study="street", clock=clock) as found:
        assert columns(found.engine) == complete
        with found.engine.connect() as connection:
            stated = connection.execute(text("SELECT version FROM schema_version")).scalar_one()
        assert stated == SCHEMA_VERSION
        assert ask_stop(found.engine, "street", Stop.NOW, clock=clock).is_new
        assert stop_asked(found.engine, "street", token) is Stop.NOW


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION + 1])
def test_other_versions_are_refused(url, version) -> None:
    engine = connect(url, create=False)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE schema_version SET version = {version}"))
    engine.dispose()
    with pytest.raises(LedgerError, match=f"has version {version}, this automtl reads"):
        open_ledger(url, study="street")
