"""A kill while MLflow makes its tables leaves no database that it cannot open."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from automtl.experiment_log.making import LEFT_S, make_whole

# MLflow's own database code: not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MAKE = """\
import sys
from automtl.experiment_log.making import make_whole
make_whole(sys.argv[1])
"""


class Client:
    """Makes a database in two steps, as MLflow does in many."""

    fails = False

    def __init__(self, tracking_uri: str) -> None:
        self.path = tracking_uri.removeprefix("sqlite:///")

    def search_experiments(self, max_results: int) -> None:
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE one (id INTEGER)")
        if self.fails:
            connection.close()
            msg = "the disk is full"
            raise OSError(msg)
        connection.execute("CREATE TABLE two (id INTEGER)")
        connection.close()


def tables_of(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return found


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    monkeypatch.setattr(mlflow, "MlflowClient", Client)
    monkeypatch.setattr(Client, "fails", False)
    return Client


def test_what_was_not_made_whole_gets_no_name(tmp_path: Path, client: type[Client]) -> None:
    path = tmp_path / "mlflow.db"
    client.fails = True
    with pytest.raises(OSError, match="disk is full"):
        make_whole(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []
    client.fails = False
    make_whole(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == [path]
    assert tables_of(path) == {"one", "two"}


def test_what_is_there_is_left_alone(tmp_path: Path, client: type[Client]) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("of somebody")
    make_whole(f"sqlite:///{path}")
    assert path.read_text() == "of somebody"


def test_another_maker_that_was_first_wins(
    tmp_path: Path, client: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    make = client.search_experiments

    def slowly(self: Client, max_results: int) -> None:
        make(self, max_results)
        path.write_text("of another")

    monkeypatch.setattr(client, "search_experiments", slowly)
    make_whole(f"sqlite:///{path}")
    assert path.read_text() == "of another"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_maker_left_goes_with_time(tmp_path: Path, client: type[Client]) -> None:
    old, young = tmp_path / "mlflow.db.1.new", tmp_path / "mlflow.db.2.new"
    for left in (old, young):
        left.touch()
    then = time.time() - LEFT_S - 1
    os.utime(old, (then, then))
    make_whole(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "sqlite://", "sqlite:///:memory:"])
def test_other_addresses_are_left_to_mlflow(address: str, client: type[Client]) -> None:
    make_whole(address)


@pytest.mark.slow
def test_a_maker_that_is_killed_is_followed_by_one_that_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    command = [sys.executable, "-c", MAKE, f"sqlite:///{path}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    new = path.with_name(f"{path.name}.{process.pid}.new")
    deadline = time.monotonic() + 120
    while not (new.exists() and len(tables_of(new)) > 12):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not path.exists()
    subprocess.run(command, check=True, timeout=120)
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").create_experiment("works")
