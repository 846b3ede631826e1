"""A search that used Ray leaves it without ending its own process."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]

LEAVE = """\
import gc
import ray
from ray._private.worker import global_worker
from automtl.dispatch.ray_cluster import LOCAL, connected

class Busy:
    # Another thread makes objects while Ray shuts down, until the collector runs.
    def __init__(self, worker):
        self.worker = worker
    def __getattr__(self, name):
        return getattr(self.worker, name)
    def shutdown_driver(self):
        self.worker.shutdown_driver()
        if gc.isenabled():
            gc.collect()

with connected(LOCAL, n_cpus=1):
    cycle = [ray.put(1)]
    cycle.append(cycle)
    gc.collect()  # now it is old, and not collected again soon
    del cycle
    global_worker.core_worker = Busy(global_worker.core_worker)
print("left", gc.isenabled())
"""


def test_references_in_cycles_do_not_end_the_process_when_ray_is_left() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "left True\n"), done.stderr
