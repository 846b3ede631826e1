"""A search on Ray with two slots: what its trials are, and who can reach its processes."""

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load_file

from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@dataclass
class Searched:
    """What a search left, and the addresses at which its processes listened, by their names."""

    folder: StudyFolder
    listened: dict[str, set[str]] = field(default_factory=dict)

    def listen(self, pid: int) -> None:
        """Add where a process and its descendants listen now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    for one in process.net_connections(kind="inet"):
                        if one.status == psutil.CONN_LISTEN:
                            self.listened.setdefault(process.name(), set()).add(one.laddr.ip)


@pytest.fixture(scope="module")
def searched(mini_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """One search for all tests of this file: most of its time is Ray's start."""
    done = Searched(StudyFolder(tmp_path_factory.mktemp("on_ray") / "study"))
    options = ("--folder", str(done.folder.root), "--slots", "2")
    said = done.folder.root.with_suffix(".log")
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "automtl", "search", str(mini_recipe), *options],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    deadline = time.monotonic() + 400
    try:
        while process.poll() is None:
            assert time.monotonic() < deadline, said.read_text()
            done.listen(process.pid)
            time.sleep(0.5)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said.read_text()
    return done


def test_trials_side_by_side_are_what_the_ledger_says(searched: Searched) -> None:
    folder = searched.folder
    with opened(folder) as ledger:
        history = ledger.history()
        assert ledger.check() == []
    assert [r.number for r in history] == [0, 1, 2, 3]
    assert {r.status for r in history} == {TrialStatus.COMPLETED}
    for record in history:
        model = json.loads((folder.trial(record.number) / "model.json").read_text())
        assert model["config"] == record.config
    weights = [load_file(folder.trial(r.number) / "best.safetensors") for r in history]
    for left, right in combinations(weights, 2):
        shared = [k for k in left if k in right and left[k].shape == right[k].shape]
        assert set(left) != set(right) or any((left[k] != right[k]).any() for k in shared)


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("::1", True), ("::", False),
     ("0.0.0.0", False), ("192.0.2.2", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine_alone(address: str, *, own: bool) -> None:
    assert is_loopback(address) == own


def test_every_process_of_a_search_listens_to_this_machine_alone(searched: Searched) -> None:
    listened = searched.listened
    assert {"gcs_server", "raylet"} <= set(listened), listened
    assert {a for found in listened.values() for a in found if not is_loopback(a)} == set()


def is_loopback(address: str) -> bool:
    found = ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
