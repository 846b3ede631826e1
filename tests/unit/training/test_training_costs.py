"""What training takes: counted against the network's own calls and gradients."""

import mmap
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from automtl.config import (
    BackboneConfig,
    FixedWeighting,
    HeadsConfig,
    OptimizerConfig,
    PCGradWeighting,
    SharingConfig,
    TrialConfig,
    UncertaintyWeighting,
    UPGradWeighting,
)
from automtl.data.load import load_data
from automtl.data.table import make_batch
from automtl.sources import DataConfig, ShapesSource
from automtl.training.costs import CLEAR, forget_peak, merged, of_step, peak_mb, total_of
from automtl.training.learner import build_learner
from automtl.training.step import take_step

CPU = torch.device("cpu")
SIZE = (32, 48)
TASKS = ("detection", "tracking", "segmentation")
LEDGERS = st.dictionaries(
    st.sampled_from(["cost/forward_passes", "cost/peak_memory_mb", "cost/peak_memory_mb/a"]),
    st.integers(0, 100).map(float),
)


@pytest.fixture(scope="module")
def data():
    source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=1, frames=2, seed=1),))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture
def batch(data):
    return make_batch(data.train, np.arange(6), device=CPU)


def learner_of(data, *, splits=(9, 9), weighting=None):
    config = TrialConfig(
        backbone=BackboneConfig(image_size=SIZE, width=0.25),
        sharing=SharingConfig(order=TASKS, split_after=splits),
        heads=HeadsConfig(channels=8, embedding_dim=4),
        optimizer=OptimizerConfig(batch_size=4),
        weighting=weighting or FixedWeighting(),
    )
    learner = build_learner(config, data.info, seed=3, device=CPU)
    learner.to_training()
    return learner


def calls_of(network):
    """Count the forward calls of every stage and head, and return the counter."""
    calls = Counter()
    named = [*network.stages.items(), *network.heads.items()]
    for name, module in named:
        module.register_forward_hook(lambda *_, name=name: calls.update([name]))
    return calls


@pytest.mark.parametrize("splits", [(9, 9), (2, 1), (0, 0), (9, 0)])
@pytest.mark.parametrize("tasks", [("detection",), ("tracking", "segmentation"), TASKS])
def test_a_step_runs_the_branches_of_its_tasks_and_no_other(data, batch, splits, tasks):
    learner = learner_of(data, splits=splits)
    calls = calls_of(learner.network)
    passes = take_step(learner, batch, tasks, step=0).passes
    heads = {name for name in calls if name in TASKS}
    stages = {name for name in calls if name not in TASKS}
    assert heads == set(tasks)
    assert all(set(name.partition("-")[2].split("+")) & set(tasks) for name in stages)
    assert set(calls.values()) == {1}
    for task in tasks:
        n_stages = sum(task in name.partition("-")[2].split("+") for name in stages)
        assert n_stages == len(learner.network.groups)
        assert passes[f"cost/forward_passes/{task}"] == 1.0
    assert passes["cost/forward_passes"] == len(tasks)
    assert passes["cost/trunk_forward_passes"] == sum(n.startswith("1-") for n in stages)


@pytest.mark.parametrize(
    ("weighting", "n_shared"),
    [
        (FixedWeighting(), 1),
        (UncertaintyWeighting(), 1),
        (UPGradWeighting(), 3),
        (PCGradWeighting(), 3),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_gradients_of_the_trunk_are_counted_as_often_as_they_are_made(
    data, batch, weighting, n_shared
):
    learner = learner_of(data, weighting=weighting)
    passes = take_step(learner, batch, TASKS, step=0).passes
    assert passes["cost/trunk_backward_passes"] == n_shared
    assert passes["cost/trunk_forward_passes"] == 1
    assert passes["cost/backward_passes"] == 3
    assert {passes[f"cost/backward_passes/{task}"] for task in TASKS} == {1.0}


def test_tasks_kept_apart_have_a_trunk_each(data, batch):
    passes = take_step(learner_of(data, splits=(0, 0)), batch, TASKS, step=0).passes
    assert passes["cost/trunk_forward_passes"] == passes["cost/trunk_backward_passes"] == 3.0


def test_a_frozen_trunk_sees_no_gradient(data, batch):
    learner = learner_of(data)
    learner.to_training(("trunk",))
    passes = take_step(learner, batch, TASKS, step=0).passes
    assert "cost/trunk_backward_passes" not in passes
    assert passes["cost/backward_passes"] == 3.0


def test_a_second_step_is_counted_by_itself(data, batch):
    learner = learner_of(data)
    first = take_step(learner, batch, TASKS, step=0).passes
    assert take_step(learner, batch, TASKS, step=1).passes == first


def test_a_step_that_moves_nothing_has_time_and_passes_and_no_step():
    ledger = of_step((), {"cost/forward_passes": 1.0}, seconds=2.0, peak_mb=5.0)
    assert ledger == {
        "cost/forward_passes": 1.0,
        "cost/optimizer_steps": 0.0,
        "cost/train_s": 2.0,
        "cost/peak_memory_mb": 5.0,
    }


def test_the_tasks_of_a_step_share_its_seconds():
    ledger = of_step(("a", "b"), {}, seconds=2.0, peak_mb=5.0)
    assert (ledger["cost/train_s"], ledger["cost/train_s/a"], ledger["cost/train_s/b"]) == (
        2,
        1,
        1,
    )
    assert ledger["cost/peak_memory_mb/a"] == ledger["cost/peak_memory_mb"] == 5.0
    assert ledger["cost/optimizer_steps"] == ledger["cost/optimizer_steps/b"] == 1.0


@given(st.lists(LEDGERS, max_size=4), st.lists(LEDGERS, max_size=4))
def test_a_ledger_kept_in_two_parts_is_the_whole(first, second):
    parts = merged(total_of(first), total_of(second))
    assert parts == total_of([*first, *second])
    for name, value in parts.items():
        seen = [ledger[name] for ledger in (*first, *second) if name in ledger]
        assert value == (max(seen) if "peak" in name else sum(seen))


@pytest.mark.skipif(not CLEAR.exists(), reason="only Linux forgets")
def test_the_peak_sees_what_is_held_and_forgets_it():
    forget_peak(CPU)
    before = peak_mb(CPU)
    # Mapped, as an allocation may be given what the process freed before and still holds.
    held = mmap.mmap(-1, 64 * 2**20)
    held.write(b"1" * len(held))
    assert peak_mb(CPU) >= before + 60
    held.close()
    forget_peak(CPU)
    assert peak_mb(CPU) < before + 30


@pytest.mark.skipif(not CLEAR.exists(), reason="only Linux forgets")
def test_the_peak_is_not_that_of_the_process_that_started_this_one():
    held = torch.ones(2**30 // 4)
    code = (
        "import torch\n"
        "from automtl.training.costs import CLEAR, forget_peak, peak_mb\n"
        "forget_peak(torch.device('cpu'))\n"
        "print(peak_mb(torch.device('cpu')))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 1000
    del held
