"""Passwords in the addresses of a database and of a server: in no output and no process list."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from automtl.errors import LedgerError
from automtl.ledger.studies import open_ledger

OF_THE_LEDGER = "pl4nted@ledger"
OF_MLFLOW = "pl4ntedmlflow"
PLANTED = (OF_THE_LEDGER, OF_THE_LEDGER.replace("@", "%40"), "4nted@", OF_MLFLOW)


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Ray's own files; its sockets' paths must be short."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def found_in(content: bytes) -> list[str]:
    return [word for word in PLANTED if word.encode() in content]


def command_lines(own_child: int) -> dict[str, bytes]:
    """Return the command lines of all descendants of a process, itself included."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(after[1])
    found = {own_child}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            break
        found |= more
    lines = {}
    for pid in found:
        try:
            lines[str(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
    return lines


@pytest.mark.slow
@pytest.mark.ray
def test_planted_passwords_are_in_no_output_of_a_search(
    write_recipe, tmp_path: Path, postgres_url: str, ray_folder: Path, automtl
) -> None:
    recipe = write_recipe(("budget: {trials: 3}", "budget: {trials: 1}"), (SINGLE, ""))
    folder = tmp_path / "study"
    ledger = make_url(postgres_url).set(password=OF_THE_LEDGER)
    addresses = {
        "AUTOMTL_LEDGER": ledger.render_as_string(hide_password=False),
        # Nobody listens: what MLflow and its libraries say of that is searched too.
        "AUTOMTL_MLFLOW": f"http://me:{OF_MLFLOW}@127.0.0.1:9",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", str(recipe), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **addresses, "OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(ray_folder)},
    )
    seen: dict[str, bytes] = {}
    while process.poll() is None:
        seen |= command_lines(process.pid)
        time.sleep(0.2)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, (out, err)
    assert b"events wait for MLflow" in out
    assert len(seen) > 3, "the search, MLflow's writer and Ray's processes"
    assert [line for line in seen.values() if found_in(line)] == []
    assert found_in(out + err) == []
    for command in (("status", folder, "--check"), ("report", folder), ("best", folder)):
        done = automtl(*command)
        assert (done.code, found_in((done.out + done.err).encode())) == (0, []), done
    files = [p for place in (folder, ray_folder) for p in place.rglob("*") if p.is_file()]
    assert folder / "report.html" in files
    leaks = {str(path): found_in(path.read_bytes()) for path in files}
    settings = str(folder / "settings.json")
    assert leaks.pop(settings), "kept for `automtl resume`"
    assert (folder / "settings.json").stat().st_mode & 0o077 == 0
    assert {path: words for path, words in leaks.items() if words} == {}
    assert found_in(dump(postgres_url)) == []


LEAKY = """
import os

from automtl.training.weighting.losses import Fixed


class Leaky(Fixed):
    def backward(self, losses, graph):
        raise ConnectionError(f"no answer from {os.environ['AUTOMTL_LEDGER']}")


def make(*, tasks, seed, device, options):
    return Leaky(dict.fromkeys(tasks, 1.0))
"""

OWN = """values: [fixed, custom], default: fixed}
  weighting.path:
    {type: categorical, values: ['leaky_of_mine:make'], when: {weighting.kind: custom}}"""


@pytest.mark.slow
def test_planted_passwords_are_in_nothing_of_a_server_that_answers_and_a_trial_that_tells_them(
    write_recipe, tmp_path: Path, postgres_url: str, mlflow_process, monkeypatch, automtl
) -> None:
    (tmp_path / "leaky_of_mine.py").write_text(LEAKY)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}:{Path.cwd() / 'dashboards'}")
    recipe = write_recipe(
        ("values: [fixed, uncertainty, upgrad, pcgrad], default: fixed}", OWN),
        ("budget: {trials: 3}", "budget: {trials: 2}"),
        (SINGLE, "enqueue: [{weighting.kind: custom}]\n"),
    )
    ledger = make_url(postgres_url).set(password=OF_THE_LEDGER)
    server = mlflow_process.url.removeprefix("http://")
    monkeypatch.setenv("AUTOMTL_LEDGER", ledger.render_as_string(hide_password=False))
    monkeypatch.setenv("AUTOMTL_MLFLOW", f"http://me:{OF_MLFLOW}@{server}")
    folder = tmp_path / "study"
    done = automtl("search", recipe, "--folder", folder, "--dispatcher", "local")
    assert (done.code, "wait for MLflow" in done.out) == (0, False), done
    status = automtl("status", folder, "--check")
    assert "1 error" in status.out
    assert "ConnectionError: no answer from postgresql" in status.out
    assert found_in((done.out + done.err + status.out + status.err).encode()) == []
    (told,) = folder.rglob("traceback.txt")
    assert "ConnectionError" in told.read_text()

    kept = [p for p in folder.rglob("*") if p.is_file() and p.name != "settings.json"]
    at_server = [mlflow_process.folder / "server.db"]
    at_server += [
        p for p in (mlflow_process.folder / "server-artifacts").rglob("*") if p.is_file()
    ]
    assert {"report.html", "recipe.json"} <= {path.name for path in (*kept, *at_server)}
    leaks = {str(path): found_in(path.read_bytes()) for path in (*kept, *at_server)}
    assert {path: words for path, words in leaks.items() if words} == {}
    assert b"no answer from postgresql" in at_server[0].read_bytes()
    assert found_in(dump(postgres_url)) == []


SINGLE = "baselines: {single_task: [detection]}\n"


def dump(url: str) -> bytes:
    """Return all that the database holds."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = [
            str(tuple(row))
            for t in tables
            for row in connection.execute(text(f'select * from "{t}"'))
        ]
    engine.dispose()
    assert len(rows) > 10
    return "\n".join(rows).encode()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:{}@127.0.0.1:9/db",
        "postgresql+psycopg://127.0.0.1:9/db?user=me&password={}",
        "nosuch+driver://me:{}@127.0.0.1/db",
        "not a url with {} in it",
    ],
)
def test_no_traceback_of_a_ledger_that_cannot_be_opened_has_the_password(url: str, monkeypatch):
    monkeypatch.setattr("automtl.ledger.database.RETRY_PAUSES_S", ())
    with pytest.raises(LedgerError) as caught:
        open_ledger(url.format(OF_THE_LEDGER.replace("@", "%40")))
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value)
    if "not a url" not in url:  # without a scheme nobody can tell a password from a name
        assert found_in(told.encode()) == []
