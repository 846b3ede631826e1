"""A Ray cluster of two nodes, on loopback addresses of one machine; one of them dies.

With the real things around it: PostgreSQL has the ledger, a server MLflow's runs, another one the
artifacts.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automtl.results import TrialRecord, TrialStatus
from automtl.storage.choose import store_at
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = [pytest.mark.slow, pytest.mark.ray]

HEAD, OTHER = "127.0.0.2", "127.0.0.3"
"""Ray takes 127.0.0.1 for the machine's network address; other loopback addresses it leaves."""

CPUS = 2
"""Of each node, by what Ray is told: room for one trial of the study, or for two small ones."""

QUICK_DEATH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="module")
def two_nodes() -> Iterator:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": CPUS,
            "include_dashboard": False,
            "node_ip_address": HEAD,
            "_system_config": QUICK_DEATH,
        },
    )
    try:
        cluster.add_node(num_cpus=CPUS, node_ip_address=OTHER)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


ON_EACH_NODE = """\
import json, os, sys, time
from pathlib import Path

import numpy as np

from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.testing.scripted_study import ScriptedController

address, folder, n_slots = sys.argv[1:]
table = np.arange(1_000_000, dtype=np.float64)


def place_in_shared_memory(place):
    # The file that an address of this process lies in, and where in it.
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _mode, offset, _device, inode, *_ = line.split()
        begin, end = (int(word, 16) for word in span.split("-"))
        if begin <= place < end:
            return float(inode), float(int(offset, 16) + place - begin)
    return 0.0, float(place)


def train(order, report):
    import ray

    inode, offset = place_in_shared_memory(table.ctypes.data)
    # Long enough that all processes are needed at the same time.
    time.sleep(1.0)
    host = float(ray.util.get_node_ip_address().rpartition(".")[2])
    seen = {"node": host, "inode": inode, "offset": offset, "process": float(os.getpid())}
    report(1, {**seen, "sum": table.sum()})


controller = ScriptedController(points=[{}] * 12, folder=Path(folder))
RayTuneDispatcher(slots=int(n_slots), scratch=Path(folder), address=address).run(controller, train)
assert [end.failure for end in controller.ends] == [None] * 12
print(json.dumps([dict(report.values) for _, report in controller.reports]))
"""
"""In a process of its own: each is connected to one Ray, and other tests here to a local one."""


def test_data_reach_each_node_once(two_nodes, tmp_path: Path) -> None:
    """All trials of a node read the same bytes of its memory; the other node has its own."""
    done = subprocess.run(
        [sys.executable, "-c", ON_EACH_NODE, two_nodes.address, tmp_path, str(2 * CPUS)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {values["sum"] for values in seen} == {sum(range(1_000_000))}
    by_node = {n: [v for v in seen if v["node"] == n] for n in (2.0, 3.0)}
    assert sum(map(len, by_node.values())) == len(seen) == 12
    for there in by_node.values():
        assert len({v["process"] for v in there}) == CPUS
        assert len({(v["inode"], v["offset"]) for v in there}) == 1
    copies = {(v["inode"], v["offset"]) for v in seen}
    assert len(copies) == 2


def test_a_node_that_dies_takes_its_trials_to_another(
    two_nodes,
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    postgres_url: str,
    mlflow_server: str,
    ftp_server: str,
    expect_runs,
) -> None:
    recipe = write_recipe(
        ("epochs: 2, steps_per_epoch: 4", "epochs: 6, steps_per_epoch: 10"),
        ("trials: 3}", f"trials: 2}}\nresources: {{cpu: {CPUS}}}"),
        ("baselines: {single_task: [detection]}\n", ""),
    )
    folder = StudyFolder(tmp_path / "study")
    artifacts = f"{ftp_server}/studies/mini"
    elsewhere = ("--ledger", postgres_url, "--mlflow", mlflow_server, "--artifacts", artifacts)
    options = ["--folder", folder.root, "--ray-address", two_nodes.address, *elsewhere]
    process = subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", recipe, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_until_two_have_checkpoints(folder, process)
        (victim,) = [n for n in two_nodes.list_all_nodes() if n.node_ip_address == OTHER]
        two_nodes.remove_node(victim, allow_graceful=False)
        out, err = process.communicate(timeout=600)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, (out, err)
    with opened(folder) as ledger:
        history = ledger.history()
        assert ledger.check() == []
    assert [record.number for record in history] == [0, 1]
    assert {record.status for record in history} == {TrialStatus.COMPLETED}
    moved = [record for record in history if record.attempts == 2]
    assert len(moved) == 1
    # Continued from the checkpoint in the store: no epoch is there twice.
    assert [r.epoch for r in moved[0].reports] == list(range(1, 7))
    assert {r.attempt for r in moved[0].reports} == {1, 2}
    expect_runs(mlflow_server, history)
    assert set(store_at(artifacts).sizes()) == {
        "report.html",
        *(f"{folder.trial_name(n)}/{name}" for n in (0, 1) for name in MODEL_FILES),
    }
    assert not folder.ledger.exists()
    assert list(folder.root.rglob("checkpoint-*")) == []


MODEL_FILES = ("best.safetensors", "model.json")


def wait_until_two_have_checkpoints(folder: StudyFolder, process: subprocess.Popen[str]) -> None:
    """Return when two trials run that have reported twice: the first checkpoint is then kept."""
    deadline = time.monotonic() + 400
    while not folder.settings.exists():
        expect_going_on(process, deadline)
    with opened(folder) as ledger:
        while sum(_is_under_way(record) for record in ledger.history()) < 2:
            expect_going_on(process, deadline)


def _is_under_way(record: TrialRecord) -> bool:
    return record.status is TrialStatus.RUNNING and len(record.reports) >= 2


def expect_going_on(process: subprocess.Popen[str], deadline: float) -> None:
    assert process.poll() is None, process.communicate()
    assert time.monotonic() < deadline
    time.sleep(0.1)
