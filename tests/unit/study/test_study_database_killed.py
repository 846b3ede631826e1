"""Kill -9 of the database in the middle of a search: what was answered is there afterwards."""

import ast
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.chaos_study import Server

pytestmark = [
    pytest.mark.slow,
    # MLflow's own database code: not ours to mend.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SCRIPT = """\
import os, pathlib, signal, sys
from automtl import Study


folder, ledger, postmaster, answered = sys.argv[1:]
said = []

def train(params, report):
    for epoch in (1, 2, 3):
        report(epoch, {"q": params["x"] * epoch})
        said.append((params["x"], epoch))
        pathlib.Path(answered).write_text(repr(said))
        if len(said) == 8 and int(postmaster):  # the second epoch of the third trial
            os.kill(int(postmaster), signal.SIGKILL)

Study(
    folder,
    objectives=[{"metric": "q", "goal": "maximize", "reference": 0.0}],
    parameters={"x": {"type": "float", "min": 0.0, "max": 1.0, "default": 0.5}},
    budget={"trials": 5},
    ledger=ledger,
).run(train, dispatcher="local")
"""


@pytest.fixture
def server():
    # Not below pytest's own folder: PostgreSQL is another user, and each start of pytest closes
    # that folder to others for a moment.
    folder = Path(tempfile.mkdtemp())
    server = Server.start(folder / "postgres")
    yield server
    server.stop()
    shutil.rmtree(folder)


def search(tmp_path: Path, name: str, ledger: str = "", postmaster: int = 0):
    """Run the search in a process of its own; return its exit status, errors and answers."""
    answered = tmp_path / f"{name}.answered"
    arguments = [tmp_path / name / "s", ledger, postmaster, answered]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stderr, answered.read_text()


def history_of(folder: Path):
    with opened(StudyFolder(folder)) as ledger:
        assert ledger.check() == []
        return ledger.history()


def test_a_killed_database_loses_nothing_that_was_answered(tmp_path, server):
    assert search(tmp_path, "calm")[0] == 0
    code, errors, answered = search(tmp_path, "killed", server.url, server.pid)
    assert code != 0
    assert "the ledger cannot be opened, read or written" in errors

    server.start_again()
    known = history_of(tmp_path / "killed" / "s")
    kept = [(r.point["x"], p.epoch) for r in known for p in r.reports]
    said = ast.literal_eval(answered)
    assert kept[: len(said)] == said
    # The server may commit what it is asked while it dies, and not come to answer it.
    assert len(kept) <= len(said) + 1
    assert search(tmp_path, "killed", server.url)[0] == 0

    after, expected = (history_of(tmp_path / name / "s") for name in ("killed", "calm"))
    assert [r.number for r in after] == [0, 1, 2, 3, 4]
    assert {r.status for r in after} == {TrialStatus.COMPLETED}
    assert [(r.point, r.seed, r.values) for r in after] == [
        (r.point, r.seed, r.values) for r in expected
    ]
    assert [r.attempts for r in after] == [1, 1, 2, 1, 1]
