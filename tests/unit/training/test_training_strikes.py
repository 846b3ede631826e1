"""Numbers that are not finite: steps not taken, and the third in a row fails the trial."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from automtl.config import (
    CustomWeighting,
    GradDropWeighting,
    GradientWeightingConfig,
    UPGradWeighting,
    WeightingConfig,
)
from automtl.data.table import make_batch
from automtl.errors import TrialFailedError
from automtl.tasks.choose import task_named
from automtl.testing.small_training import (
    CPU,
    Reports,
    learner_of,
    moved,
    small_config,
    small_splits,
    snapshot,
)
from automtl.training import learner as learner_module
from automtl.training.loop import train
from automtl.training.step import take_step


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(config, data, report=None, *, folder=None, seed=1, **more):
    return train(config, data, report or Reports(), seed=seed, folder=folder, device=CPU, **more)


class Sick:
    """A task whose loss is not a number at some of its steps."""

    def __init__(self, task, sick_calls) -> None:
        self._task, self._sick, self._calls = task, sick_calls, 0

    def __getattr__(self, name):
        return getattr(self._task, name)

    def loss(self, output, batch, info):
        self._calls += 1
        factor = math.nan if self._calls - 1 in self._sick else 1.0
        return self._task.loss(output, batch, info) * factor


def sicken(monkeypatch, calls):
    def named(name, imports):
        task = task_named(name, imports)
        return Sick(task, calls) if name == "segmentation" else task

    monkeypatch.setattr(learner_module, "task_named", named)


def test_three_losses_in_a_row_that_are_not_numbers_fail_the_trial(monkeypatch, data):
    sicken(monkeypatch, {2, 3, 4})
    with pytest.raises(TrialFailedError, match="loss of segmentation is nan at step 4") as caught:
        run(small_config(), data)
    assert caught.value.kind == "non_finite"


def test_fewer_are_steps_not_taken(monkeypatch, data):
    sicken(monkeypatch, {1, 2, 4, 5})
    reports = Reports()
    model = run(small_config(), data, reports)
    assert model.epochs == 3
    assert all(math.isfinite(value) for value in reports.values[1].values())
    assert all(torch.isfinite(p).all() for p in model.network.parameters())


def test_strikes_are_counted_across_a_resume(monkeypatch, tmp_path, data):
    sicken(monkeypatch, {1, 2})
    run(small_config(), data, Reports(end_at=1), folder=tmp_path)
    sicken(monkeypatch, {0})
    with pytest.raises(TrialFailedError, match="at step 3"):
        run(small_config(), data, folder=tmp_path, resume=True)


class Overflowing:
    """A task whose loss is finite and whose gradient is not."""

    def __init__(self, task) -> None:
        self._task = task

    def __getattr__(self, name):
        return getattr(self._task, name)

    def loss(self, output, batch, info):
        # The slope of the square root at 0.
        return self._task.loss(output, batch, info) + sum(
            (tensor * 0).abs().sum().sqrt() for tensor in output.values()
        )


@pytest.mark.parametrize(
    ("sick", "says"),
    [
        (("segmentation",), "the gradient's norm of segmentation is nan at step 2"),
        (("detection", "segmentation", "tracking"), "the gradient's norm is nan at step 2"),
    ],
    ids=["one", "all"],
)
def test_a_gradient_that_is_not_finite_names_its_task_where_that_can_be_told(
    monkeypatch, data, sick, says
):
    def named(name, imports):
        task = task_named(name, imports)
        return Overflowing(task) if name in sick else task

    monkeypatch.setattr(learner_module, "task_named", named)
    with pytest.raises(TrialFailedError, match=says) as caught:
        run(small_config(), data)
    assert caught.value.kind == "non_finite"


def kinds(union):
    for one in get_args(union):
        yield from [one] if isinstance(one, type) else kinds(one)


# A user's own keeps its state as it likes.
KINDS = [kind for kind in kinds(WeightingConfig) if kind is not CustomWeighting]
COMBINING = [kind for kind in kinds(GradientWeightingConfig) if kind is not GradDropWeighting]
WEIGHTINGS = [
    *(kind() for kind in KINDS),
    *(kind(every=2) for kind in COMBINING),
    UPGradWeighting(every=3, at="features"),
]


# Those whose state is of another nature each; the rest are slow together.
CORE = ("rlw", "dwa", "famo", "graddrop-1", "db_mtl", "pcgrad-2")


def name_of(weighting):
    every = f"-{weighting.every}" if hasattr(weighting, "every") else ""
    return f"{weighting.kind}{every}"


@pytest.mark.parametrize(
    "weighting",
    [
        pytest.param(one, id=name_of(one), marks=[] if name_of(one) in CORE else pytest.mark.slow)
        for one in WEIGHTINGS
    ],
)
def test_a_step_not_taken_leaves_no_trace_in_the_weighting(data, weighting):
    learner = learner_of(small_config(weighting=weighting), data)
    batch = make_batch(data.train, np.arange(6), device=CPU)
    take_step(learner, batch, learner.config.trained, step=0)
    before, network = learner.weighting.state_dict(), snapshot(learner)
    overflowing = {**learner.tasks, "segmentation": Overflowing(learner.tasks["segmentation"])}
    result = take_step(replace(learner, tasks=overflowing), batch, learner.config.trained, step=1)
    assert result.problem is not None
    assert not moved(network, learner)
    after = learner.weighting.state_dict()
    assert before.keys() == after.keys()
    for key, tensor in before.items():
        assert torch.equal(tensor, after[key]), key
    again = take_step(learner, batch, learner.config.trained, step=1)
    assert again.problem is None
    assert all(math.isfinite(weight) for weight in again.weights.values())
