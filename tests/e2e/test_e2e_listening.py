"""Nothing of a search listens to other machines."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def listeners(pid: int) -> dict[str, set[str]]:
    """Return the addresses at which the processes of a search listen, by process."""
    found: dict[str, set[str]] = {}
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in process.net_connections(kind="inet"):
                if one.status == psutil.CONN_LISTEN:
                    found.setdefault(process.name(), set()).add(one.laddr.ip)
    return found


def is_loopback(address: str) -> bool:
    found = ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("::1", True), ("::", False),
     ("0.0.0.0", False), ("192.0.2.2", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine_alone(address: str, *, own: bool) -> None:
    assert is_loopback(address) == own


def test_every_process_of_a_search_listens_to_this_machine_alone(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = write_recipe(("steps_per_epoch: 4", "steps_per_epoch: 500"))
    folder = StudyFolder(tmp_path / "study")
    process = subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", recipe, "--folder", folder.root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        _wait_for_a_trial(folder, process)
        found = listeners(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert {"gcs_server", "raylet"} <= set(found), found
    assert {a for addresses in found.values() for a in addresses if not is_loopback(a)} == set()


def _wait_for_a_trial(folder: StudyFolder, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 150
    while True:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        if folder.settings.exists():
            with opened(folder) as ledger:
                if any(record.attempts for record in ledger.history()):
                    return
        time.sleep(0.3)
