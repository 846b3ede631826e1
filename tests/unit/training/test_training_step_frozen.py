"""Frozen parts of a network keep their bits in a step, and the rest learns."""

import numpy as np
import pytest
import torch

from automtl.config import (
    FixedWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
)
from automtl.data.table import make_batch
from automtl.testing.small_training import (
    CPU,
    TASKS,
    learner_of,
    moved,
    small_config,
    small_splits,
    snapshot,
)
from automtl.training.step import take_step


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.fixture
def batch(data):
    return make_batch(data.train, np.arange(6), device=CPU)


@pytest.mark.parametrize(
    ("frozen", "tasks"),
    [
        (("trunk",), TASKS),
        (("trunk",), ("segmentation",)),
        (("head:detection",), TASKS),
        (("head:detection", "head:tracking"), ("detection", "segmentation")),
        (("branch:detection",), ("tracking", "segmentation")),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "weighting",
    [FixedWeighting(), UncertaintyWeighting(), UPGradWeighting()],
    ids=lambda w: w.kind,
)
def test_frozen_parts_keep_their_bits_and_the_rest_learns(data, batch, weighting, frozen, tasks):
    learner = learner_of(small_config(weighting=weighting), data)
    take_step(learner, batch, TASKS, step=0)  # moments exist: they must not move what is frozen
    before = snapshot(learner)
    learner.to_training(frozen)
    take_step(learner, batch, tasks, step=1)
    names = moved(before, learner)
    kept = {n for part in frozen for n in names_of_part(learner, part)}
    assert kept
    assert not names & kept
    for task in tasks:
        free = set(names_of_part(learner, f"branch:{task}")) - kept
        assert names & free
    learner.to_training()
    assert all(p.requires_grad for p in learner.network.parameters())
    assert all(module.training for module in learner.network.modules())


def names_of_part(learner, part):
    """Return the tensors of a part by what its name says, without the learner's own rule."""
    names = list(learner.network.state_dict())
    kind, _, task = part.partition(":")
    stages = [n for n in names if n.startswith("stages.")]
    if part == "trunk":
        return stages
    own = [n for n in names if n.startswith(f"heads.{task}.")]
    runs = [n for n in stages if task in n.split(".")[1].partition("-")[2].split("+")]
    return own if kind == "head" else [*own, *runs]


def test_a_branch_that_stays_gives_the_same_outputs(data, batch):
    learner = learner_of(small_config(), data)
    learner.network.eval()
    before = learner.network(batch.images, ["detection"])["detection"]
    learner.to_training(("branch:detection",))
    for step in range(2):
        take_step(learner, batch, ("tracking", "segmentation"), step=step)
    learner.network.eval()
    after = learner.network(batch.images, ["detection"])["detection"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_trunk_frozen_for_good_is_never_freed(data):
    learner = learner_of(small_config(), data, frozen=("trunk",))
    learner.to_training(("head:tracking",))
    learner.to_training()
    assert not any(p.requires_grad for p in learner.network.stages.parameters())
    assert all(p.requires_grad for p in learner.network.heads.parameters())
