"""A machine that is short of memory: Ray ends a trial's process, and the search goes on."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from automtl.dispatch.ray_ends import ProcessEndedError, known_ends
from automtl.dispatch.ray_failures import failure_of_ray

SEARCH = """
import json
import sys
import time
from pathlib import Path

import numpy as np

from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.testing.scripted_study import ScriptedController

MB = 2**20


def train(order, report):
    report(1, {"a": 1.0})
    held = []
    for _ in range(32 if order.number == 0 else 0):
        held.append(np.ones(256 * MB // 8))
        time.sleep(0.2)
    report(2, {"a": 2.0})


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    controller = ScriptedController(points=[{}] * 3, folder=folder)
    RayTuneDispatcher(slots=1, scratch=folder).run(controller, train)
    ends = [
        [end.number, end.failure and end.failure.kind.value, end.failure and end.failure.message]
        for end in controller.ends
    ]
    print(json.dumps(ends))
"""


def memory() -> dict[str, int]:
    """Return what the system says of its memory, in KiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux says")
def test_a_process_that_ray_ends_for_memory_costs_its_trial_alone(tmp_path: Path) -> None:
    now = memory()
    used = now["MemTotal"] - now["MemAvailable"]
    limit = used + 2 * 2**20  # of the 8 GiB that the trial asks for
    if now["MemAvailable"] < 4 * 2**20:
        pytest.skip("this machine is short of memory as it is")
    script = tmp_path / "search.py"
    script.write_text(SEARCH)
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={
            **os.environ,
            "RAY_memory_usage_threshold": f"{limit / now['MemTotal']:.4f}",
            "RAY_memory_monitor_refresh_ms": "100",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    first, *others = json.loads(run.stdout.splitlines()[-1])
    assert first[:2] == [0, "out_of_memory"]
    assert "low on memory" in first[2]
    assert "\n" not in first[2]
    assert [end[:2] for end in others] == [[1, None], [2, None]]


def test_what_is_patched_in_ray_is_there_and_put_back() -> None:
    from ray.air.execution._internal.actor_manager import RayActorManager

    names = ("_actor_task_failed", "_actor_start_failed")
    before = [getattr(RayActorManager, name) for name in names]
    with known_ends():
        assert not set(before) & {getattr(RayActorManager, name) for name in names}
    assert [getattr(RayActorManager, name) for name in names] == before


def test_the_reason_travels_to_whoever_names_the_failure() -> None:
    from ray.exceptions import OutOfDiskError, OutOfMemoryError, WorkerCrashedError

    memory_error = ProcessEndedError(OutOfMemoryError("the node is low on memory\nand more"))
    found = failure_of_ray(pickle.loads(pickle.dumps(memory_error)))
    assert (found.kind.value, "\n" in found.message) == ("out_of_memory", False)
    assert found.message.endswith("the node is low on memory")
    assert failure_of_ray(ProcessEndedError(OutOfDiskError("no room"))).kind.value == "disk_full"
    assert failure_of_ray(ProcessEndedError(WorkerCrashedError())).kind.value == "lost_worker"
