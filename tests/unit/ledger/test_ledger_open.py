"""Opening: what is no ledger of this version is named, and a password is never shown."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from automtl.errors import LedgerError
from automtl.ledger.database import reading
from automtl.ledger.studies import create_study, open_ledger
from automtl.ledger.tables import SCHEMA_VERSION


def test_a_ledger_of_a_newer_version_is_refused_by_name(url, held):
    newer = SCHEMA_VERSION + 1
    with held.engine.begin() as connection:
        connection.execute(text(f"UPDATE schema_version SET version = {newer}"))
    with pytest.raises(LedgerError) as refused:
        open_ledger(url)
    assert f"version {newer}" in str(refused.value)
    assert f"version {SCHEMA_VERSION}" in str(refused.value)


def test_another_database_is_no_ledger(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE thing (x)")
    connection.close()
    with pytest.raises(LedgerError, match="no ledger") as refused:
        open_ledger(f"sqlite:///{path}")
    assert str(path) in str(refused.value)


def test_a_study_is_made_once(url, held):
    with pytest.raises(LedgerError, match="already has a study 'street'"):
        create_study(url, held.study())


def test_the_only_study_needs_no_name_and_a_mistyped_one_finds_its_neighbour(url, held):
    with open_ledger(url) as ledger:
        assert ledger.name == "street"
    with pytest.raises(LedgerError, match="Did you mean 'street'"):
        open_ledger(url, study="stret")
    create_study(url, held.study().model_copy(update={"name": "other"}))
    with pytest.raises(LedgerError, match="several studies"):
        open_ledger(url)


@pytest.mark.parametrize(
    "broken",
    [
        "orakel://me:sEcret@host/db",
        "me:sEcret@host/db",
        # No server listens on port 9; where no driver is installed, that is said instead.
        "postgresql://me:sEcret@127.0.0.1:9/db?connect_timeout=1",
    ],
)
def test_what_cannot_be_opened_is_one_line_without_the_password(broken):
    with pytest.raises(LedgerError) as refused:
        open_ledger(broken)
    line = str(refused.value)
    assert "cannot be opened" in line
    assert "sEcret@" not in line
    assert "\n" not in line


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "nowhere" / "ledger.db"
    with pytest.raises(LedgerError) as refused:
        open_ledger(f"sqlite:///{path}")
    assert str(path) in str(refused.value)

    assert not path.parent.exists()


def test_looking_for_a_ledger_makes_no_file(tmp_path):
    path = tmp_path / "ledger.db"
    with pytest.raises(LedgerError, match="no such file"):
        open_ledger(f"sqlite:///{path}")
    assert not path.exists()


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database at all\n" * 200)
    with pytest.raises(LedgerError, match="file is not a database") as refused:
        open_ledger(f"sqlite:///{path}")
    assert str(path) in str(refused.value)


def test_one_reading_sees_one_moment(held, opened, propose):
    count = text("SELECT count(*) FROM trial")
    with reading(opened().engine) as connection:
        assert connection.execute(count).scalar() == 0
        propose(held, 0)
        assert connection.execute(count).scalar() == 0


def test_sqlite_writes_are_safe(sqlite_url):
    with open_ledger(sqlite_url) as ledger, ledger.engine.connect() as connection:
        pragma = connection.exec_driver_sql
        assert pragma("PRAGMA journal_mode").scalar() == "wal"
        assert pragma("PRAGMA synchronous").scalar() == 2
        assert pragma("PRAGMA foreign_keys").scalar() == 1
        assert pragma("PRAGMA busy_timeout").scalar() == 30_000


def test_readers_are_free(held, opened, propose):
    reader = opened()
    propose(held, 0)
    with held.engine.begin() as connection:
        connection.execute(text("UPDATE trial SET worker = 'half done'"))
        (seen,) = reader.history()
        assert seen.worker == ""
    assert reader.history()[0].worker == "half done"


MAKER = """
import sys
from automtl.ledger.studies import create_study
from automtl.results import StudyInfo

sys.stdin.readline()
info = StudyInfo(name=sys.argv[2], objectives=(), recipe={}, recipe_digest="", seed=0, created_s=0)
create_study(sys.argv[1], info)
"""


@pytest.mark.slow
def test_processes_that_make_a_new_database_at_once_all_get_their_study(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, url, f"study-{i}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    errors = [maker.communicate(timeout=60)[1] for maker in makers]
    assert errors == ["", "", ""]
    for i in range(3):
        with open_ledger(url, study=f"study-{i}") as ledger:
            assert ledger.check() == []
