"""A Ray cluster of two nodes, on loopback addresses of one machine; one of them dies."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = [pytest.mark.slow, pytest.mark.ray]

QUICK_DEATH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture
def two_nodes() -> Iterator:
    """A head and a second node with one CPU each."""
    from ray.cluster_utils import Cluster

    # Ray takes 127.0.0.1 for the machine's network address; other loopback addresses it leaves.
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "include_dashboard": False,
            "node_ip_address": "127.0.0.2",
            "_system_config": QUICK_DEATH,
        },
    )
    try:
        cluster.add_node(num_cpus=1, node_ip_address="127.0.0.3")
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


def test_a_node_that_dies_takes_its_trials_to_another(
    two_nodes, write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = write_recipe(
        ("epochs: 2, steps_per_epoch: 4", "epochs: 12, steps_per_epoch: 10"),
        ("trials: 3", "trials: 2"),
        ("baselines: {single_task: [detection]}\n", ""),
    )
    folder = StudyFolder(tmp_path / "study")
    options = ["--folder", folder.root, "--slots", "2", "--ray-address", two_nodes.address]
    process = subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", recipe, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_until(lambda: len(running_with_reports(folder)) == 2, process)
        (victim,) = [
            node for node in two_nodes.list_all_nodes() if node.node_ip_address == "127.0.0.3"
        ]
        two_nodes.remove_node(victim, allow_graceful=False)
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, (out, err)
    with opened(folder) as ledger:
        history = ledger.history()
        assert ledger.check() == []
    assert [record.number for record in history] == list(range(len(history)))
    assert {record.status for record in history} == {TrialStatus.COMPLETED}
    moved = [record for record in history if record.attempts == 2]
    assert len(moved) == 1
    # Continued from the checkpoint: no epoch is there twice.
    assert [r.epoch for r in moved[0].reports] == list(range(1, 13))
    assert {r.attempt for r in moved[0].reports} == {1, 2}


def running_with_reports(folder: StudyFolder) -> list[int]:
    if not folder.settings.exists():
        return []
    with opened(folder) as ledger:
        return [
            record.number
            for record in ledger.history()
            if record.status is TrialStatus.RUNNING and record.reports
        ]


def wait_until(condition, process: subprocess.Popen, timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.2)
