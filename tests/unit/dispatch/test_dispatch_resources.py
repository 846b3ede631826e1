"""How many trials fit."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.dispatch.resources import fitting_slots, usable_cores
from automtl.errors import DispatchError


@pytest.mark.parametrize(
    ("nodes", "share", "expected"),
    [
        ([{"cpu": 2.0, "gpu": 0.0}], {"cpu": 1.0, "gpu": 0.0}, 2),
        ([{"cpu": 8.0, "gpu": 0.0}], {"cpu": 3.0}, 2),
        ([{"cpu": 2.0, "gpu": 0.0}], {"cpu": 0.5, "gpu": 0.0}, 4),
        ([{"cpu": 1.0, "gpu": 0.0}], {"cpu": 1 / 3, "gpu": 0.0}, 3),
        ([{"cpu": 16.0, "gpu": 2.0}], {"cpu": 1.0, "gpu": 0.6}, 2),
        ([{"cpu": 16.0, "gpu": 2.0}], {"cpu": 1.0, "gpu": 1 / 3}, 6),
        ([{"cpu": 16.0, "gpu": 4.0}], {"cpu": 1.0, "gpu": 2.0}, 2),
        ([{"cpu": 3.0, "gpu": 8.0}], {"cpu": 1.0, "gpu": 0.5}, 3),
        ([{"cpu": 1.0, "gpu": 1.0}, {"cpu": 3.0, "gpu": 0.0}], {"cpu": 2.0}, 1),
    ],
)
def test_slots(nodes, share, expected):
    assert fitting_slots(nodes, share) == expected


def test_cores_are_those_that_this_process_may_use():
    before = os.sched_getaffinity(0)
    assert usable_cores() == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.ray
@pytest.mark.slow
def test_a_ray_that_is_started_has_the_cores_that_this_process_may_use():
    code = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from automtl.dispatch.ray_cluster import LOCAL, connected\n"
        "for n_cpus in (0, 3):\n"
        "    with connected(LOCAL, n_cpus=n_cpus) as (node,):\n"
        "        print(node['cpu'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["1.0", "3.0"]), done.stderr


@given(st.integers(1, 64), st.integers(1, 16))
def test_a_share_of_one_nth_fits_n_times_on_each_core(n_cores, n):
    assert fitting_slots([{"cpu": float(n_cores)}], {"cpu": 1 / n}) == n_cores * n


@pytest.mark.parametrize(
    ("share", "where", "words"),
    [
        ({"cpu": 1.0, "gpu": 1.0}, "resources.gpu", "asks for 1 GPU"),
        ({"cpu": 3.0, "gpu": 0.0}, "resources.cpu", "asks for 3 CPUs"),
    ],
)
def test_what_fits_nowhere_is_named_with_the_way_out(share, where, words):
    with pytest.raises(DispatchError) as caught:
        fitting_slots([{"cpu": 2.0, "gpu": 0.0}], share)
    assert caught.value.where == where
    assert words in str(caught.value)
    assert "Set `resources:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_asking_for_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="must ask for a CPU or a GPU"):
        fitting_slots([{"cpu": 2.0}], {"cpu": 0.0, "gpu": 0.0})
