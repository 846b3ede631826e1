"""A database that is locked, away or full: tried again where it is safe, then said in one line."""

import sqlite3
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from automtl.errors import LedgerError
from automtl.ledger import database, lease
from automtl.ledger.database import LedgerUnreachableError, reading, writing
from automtl.ledger.holder import this_process
from automtl.ledger.redaction import first_line, redacted
from automtl.ledger.studies import open_ledger


@pytest.mark.parametrize(
    "spelled",
    [
        "postgresql://user:SECRET@host:5432/db",
        "could not connect to 'postgresql+psycopg://user:SEC@SECRET@host/db?x=1' (refused)",
        "user:SECRET@host/db",
        "https://:SECRET@mlflow.example/api",
        "host=h dbname=d password=SECRET sslmode=require",
        "postgresql://host/db?user=u&password=SECRET&x=1",
        "token=SECRET",
    ],
)
def test_a_password_is_hidden_wherever_it_stands(spelled):
    hidden = redacted(spelled)
    assert "SEC" not in hidden
    assert "***" in hidden
    assert redacted(hidden) == hidden


@pytest.mark.parametrize(
    "harmless", ["sqlite:////srv/a/ledger.db", "http://127.0.0.1:9/api", "disk is full: 3 MiB"]
)
def test_a_text_without_a_password_stays_as_it_is(harmless):
    assert redacted(harmless) == harmless


def test_an_error_is_told_by_its_first_line_or_its_type():
    assert first_line(ValueError("one user:SECRET@host\ntwo")) == "one user:***@host"
    assert first_line(ValueError()) == "ValueError"


@pytest.fixture
def impatient(monkeypatch):
    """Half a second of waiting for a lock instead of minutes."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(database, "RETRY_PAUSES_S", (0.05, 0.4))


@pytest.fixture
def locked(impatient, sqlite_url, tmp_path):
    """The study under a lease, opened impatiently; and another program that can lock the file."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    with open_ledger(sqlite_url) as ledger:
        ledger.acquire_lease(this_process(), ttl_s=60)
        yield ledger, other
    other.close()


def test_a_locked_ledger_is_tried_again(locked, propose):
    ledger, other = locked
    other.execute("BEGIN IMMEDIATE")
    opening = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    opening.start()
    propose(ledger, 0)
    opening.join()
    assert [record.number for record in ledger.history()] == [0]
    assert ledger.check() == []


def test_a_ledger_that_stays_locked_is_said_in_one_line_and_nothing_is_written(
    locked, sqlite_url, propose
):
    ledger, other = locked
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnreachableError, match="database is locked") as told:
        propose(ledger, 0)
    other.execute("ROLLBACK")
    assert "\n" not in str(told.value)
    assert "automtl resume" in str(told.value)
    with open_ledger(sqlite_url) as again:
        assert (ledger.history(), again.history()) == ((), ())
    propose(ledger, 0)


def test_a_broken_statement_is_no_transient_one(held):
    with (
        pytest.raises(LedgerError, match=r"(?i)unique constraint") as told,
        writing(held.engine) as c,
    ):
        c.execute(text("INSERT INTO schema_version SELECT version FROM schema_version"))
    assert not isinstance(told.value, LedgerUnreachableError)


class Renewals:
    """A lease whose renewals end as scripted; counts them."""

    def __init__(self, *script):
        self.script = list(script)
        self.done = threading.Event()

    def next(self):
        error = self.script.pop(0) if self.script else None
        if not self.script:
            self.done.set()
        if error is not None:
            raise error


def kept(held, monkeypatch, renewals):
    """Keep a lease of 80 ms in a thread, as the search does."""
    monkeypatch.setattr(lease, "RETRY_S", 0.01)
    monkeypatch.setattr(lease.Lease, "renew", lambda _lease: renewals.next())
    one = held.acquire_lease(this_process(), ttl_s=0.08, takeover=True)
    ended = threading.Event()
    thread = threading.Thread(target=one.keep, args=(ended,), daemon=True)
    thread.start()
    return thread, ended


@pytest.fixture
def free(held):
    held._lease.release()
    return held


def test_keeping_a_lease_outlives_a_database_that_is_away_for_a_while(free, monkeypatch):
    away = LedgerUnreachableError("away")
    renewals = Renewals(None, away, away, None)
    thread, ended = kept(free, monkeypatch, renewals)
    assert renewals.done.wait(5)
    assert thread.is_alive()
    ended.set()
    thread.join(5)
    assert not thread.is_alive()


def test_keeping_ends_when_another_controller_has_the_lease(free, monkeypatch):
    thread, _ = kept(free, monkeypatch, Renewals(None, LedgerError("lost"), None))
    thread.join(5)
    assert not thread.is_alive()


def test_keeping_renews_in_time(url):
    with open_ledger(url) as ledger:
        one = ledger.acquire_lease(this_process(), ttl_s=0.4)
        ended = threading.Event()
        thread = threading.Thread(target=one.keep, args=(ended,))
        thread.start()
        time.sleep(0.7)
        ended.set()
        thread.join()
        with reading(ledger.engine) as connection:
            expires_s = connection.scalar(text("SELECT expires_s FROM lease"))
        assert expires_s > time.time()


def test_a_password_in_the_databases_own_words_is_hidden(held, monkeypatch):
    words = "connection to postgresql://user:SECRET@host/db failed: refused"
    told_by_driver = OperationalError("SELECT 1", {}, Exception(words))

    def away(*_args):
        raise told_by_driver

    monkeypatch.setattr(database, "RETRY_PAUSES_S", ())
    monkeypatch.setattr(database, "_try_begin", away)
    with pytest.raises(LedgerUnreachableError) as told:
        held.set_data("x")
    assert "SECRET" not in str(told.value)
    assert "user:***@host" in str(told.value)
