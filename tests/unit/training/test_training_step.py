"""One step: only what it needs is computed, and only that moves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl.config import (
    AlternatingSchedule,
    FixedWeighting,
    GradNormWeighting,
    OptimizerConfig,
    PCGradWeighting,
    SharingConfig,
    UncertaintyWeighting,
    UPGradWeighting,
    single_task,
)
from automtl.data.table import IGNORED, make_batch
from automtl.testing.small_training import (
    CPU,
    TASKS,
    learner_of,
    moved,
    small_config,
    small_splits,
    snapshot,
    without,
)
from automtl.training.step import losses_again, take_step, task_losses
from automtl.training.weighting.base import Stateless, total

APART = SharingConfig(split_after=(0, 0))


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.fixture
def batch(data):
    return make_batch(data.train, np.arange(6), device=CPU)


def of_task(state, task, learner):
    """Return the tensors of one task out of a network that shares nothing."""
    names = learner.network.state_dict()
    return {name: state[name] for name in names}


@pytest.mark.parametrize("task", ["detection", "tracking", "segmentation"])
@pytest.mark.parametrize("state", ["shared", "per_task"])
def test_an_alternating_step_touches_one_head_only(data, batch, task, state):
    schedule = AlternatingSchedule(optimizer_state=state)
    learner = learner_of(small_config(schedule=schedule), data)
    for other in learner.tasks:
        take_step(learner, batch, [other], step=0)
    before = snapshot(learner)
    result = take_step(learner, batch, [task], step=1)
    names = moved(before, learner)
    assert {name.split(".")[1] for name in names if name.startswith("heads.")} == {task}
    assert any(name.startswith("stages.") for name in names)
    assert (set(result.losses), result.n_branches) == ({task}, 1)


def test_per_task_moments_are_each_tasks_own(data, batch):
    schedule = AlternatingSchedule(optimizer_state="per_task")
    learner = learner_of(small_config(schedule=schedule), data)
    take_step(learner, batch, ["detection"], step=0)
    assert learner.optimizer_for(["detection"]).state
    assert not learner.optimizer_for(["tracking"]).state
    assert not learner.optimizer_for(["segmentation"]).state


@pytest.mark.parametrize(
    "weighting",
    [FixedWeighting(), UncertaintyWeighting(), UPGradWeighting(), PCGradWeighting()],
    ids=lambda w: w.kind,
)
def test_a_task_without_labels_takes_no_part(data, batch, weighting):
    learner = learner_of(small_config(weighting=weighting), data)
    before = snapshot(learner)
    learned = [p.detach().clone() for p in learner.weighting.parameters("tracking")]
    result = take_step(learner, without(batch, "tracking"), learner.config.tasks, step=0)
    assert set(result.losses) == set(result.weights) == {"detection", "segmentation"}
    assert result.n_branches == 2
    names = moved(before, learner)
    assert not any(name.startswith("heads.tracking") for name in names)
    assert any(name.startswith("heads.detection") for name in names)
    after = learner.weighting.parameters("tracking")
    assert all(torch.equal(p, q) for p, q in zip(learned, after, strict=True))


def test_a_loss_without_a_valid_target_stays_out_of_the_gradient(data, batch):
    learner = learner_of(small_config(weighting=UPGradWeighting()), data)
    blank = replace(batch, semantic=torch.full_like(batch.semantic, IGNORED))
    result = take_step(learner, blank, learner.config.tasks, step=0)
    assert result.losses["segmentation"] == 0.0
    assert set(result.weights) == {"detection", "tracking"}
    assert result.problem is None


@pytest.mark.parametrize(
    "weighting",
    [UPGradWeighting(at="features"), UPGradWeighting(every=3), GradNormWeighting()],
    ids=["features", "every", "gradnorm"],
)
def test_a_task_without_a_valid_target_moves_the_end_of_the_shared_part(data, batch, weighting):
    """A stage that two tasks share is one task's own where the other has nothing to learn."""
    config = small_config(weighting=weighting)
    one, other = learner_of(config, data), learner_of(config, data)
    blank = replace(batch, semantic=torch.full_like(batch.semantic, IGNORED))
    for step in range(2):
        result = take_step(one, blank, TASKS, step=step)
        expected = take_step(other, without(batch, "segmentation"), TASKS, step=step)
        assert result.weights == expected.weights
    differing = moved(snapshot(other), one)
    assert all("segmentation" in name for name in differing)


def test_a_batch_without_any_label_moves_nothing(data, batch):
    learner = learner_of(small_config(), data)
    before = snapshot(learner)
    for task in learner.config.tasks:
        batch = without(batch, task)
    result = take_step(learner, batch, learner.config.tasks, step=0)
    assert (dict(result.losses), result.n_branches, result.problem) == ({}, 0, None)
    assert moved(before, learner) == set()


def test_a_loss_that_is_not_a_number_moves_no_parameter(data, batch):
    learner = learner_of(small_config(), data)
    name, parameter = next(
        (n, p) for n, p in learner.network.named_parameters() if n.startswith("heads.seg")
    )
    with torch.no_grad():
        parameter.fill_(torch.nan)
    before = {n: p.detach().clone() for n, p in learner.network.named_parameters() if n != name}
    result = take_step(learner, batch, learner.config.tasks, step=12)
    assert result.problem == "loss of segmentation is nan at step 12"
    after = dict(learner.network.named_parameters())
    assert all(torch.equal(before[n], after[n]) for n in before)


@pytest.mark.parametrize("what", ["loss", "gradient", "no target"])
def test_a_step_not_taken_leaves_every_statistic_as_it_was(data, batch, what):
    learner = learner_of(small_config(), data)
    take_step(learner, batch, TASKS, step=0)
    tasks = TASKS
    if what == "loss":
        with torch.no_grad():
            next(learner.network.heads["segmentation"].parameters()).fill_(torch.nan)
    elif what == "gradient":
        next(learner.network.heads["segmentation"].parameters()).register_hook(
            lambda g: g * torch.nan
        )
    else:
        batch, tasks = (
            replace(batch, semantic=torch.full_like(batch.semantic, IGNORED)),
            ["segmentation"],
        )
    before = {n: b.clone() for n, b in learner.network.named_buffers()}
    result = take_step(learner, batch, tasks, step=1)
    assert (result.problem is None) == (what == "no target")
    after = dict(learner.network.named_buffers())
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_task_of_weight_0_does_not_run(data, batch):
    without_it = learner_of(small_config(), data)
    with_it = learner_of(
        small_config(weighting=FixedWeighting(weights={"segmentation": 0.0})), data
    )
    others = ("detection", "tracking")
    for step in range(2):
        result = take_step(with_it, batch, TASKS, step=step)
        expected = take_step(without_it, batch, others, step=step)
        assert set(result.losses) == set(result.weights) == set(others)
        assert result.passes == expected.passes
    assert moved(snapshot(without_it), with_it) == set()


def test_nothing_shared_jointly_equals_the_tasks_alone_to_the_bit(data, batch):
    optimizer = OptimizerConfig(name="sgd", lr=0.01, grad_clip=0.0, batch_size=4)
    config = small_config(sharing=APART, optimizer=optimizer)
    joint = learner_of(config, data)
    start = snapshot(joint)
    alone = {task: learner_of(single_task(config, task), data) for task in config.tasks}
    for task, learner in alone.items():
        learner.network.load_state_dict(of_task(start, task, learner))
    for step in range(3):
        take_step(joint, batch, config.tasks, step=step)
        for task, learner in alone.items():
            take_step(learner, batch, [task], step=step)
    after = snapshot(joint)
    assert moved(start, joint)
    for task, learner in alone.items():
        expected = of_task(after, task, learner)
        found = learner.network.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("weighting", [UPGradWeighting(), PCGradWeighting()], ids=lambda w: w.kind)
def test_combining_gradients_where_nothing_is_shared_is_the_sum(data, batch, weighting):
    plain = learner_of(small_config(sharing=APART), data)
    combined = learner_of(small_config(sharing=APART, weighting=weighting), data)
    for step in range(2):
        take_step(plain, batch, plain.config.tasks, step=step)
        take_step(combined, batch, plain.config.tasks, step=step)
    assert moved(snapshot(plain), combined) == set()


def test_the_rate_is_that_of_the_step(data, batch):
    learner = learner_of(small_config(), data)
    optimizer = learner.optimizer_for(learner.config.tasks)
    take_step(learner, batch, learner.config.tasks, step=8)
    late = optimizer.param_groups[0]["lr"]
    take_step(learner, batch, learner.config.tasks, step=0)
    assert late < optimizer.param_groups[0]["lr"] == learner.config.optimizer.lr


class Spy(Stateless):
    """Equal weights that want the losses after the step, and keep what they are told."""

    needs_new_losses = True

    def __init__(self) -> None:
        self.before, self.after = [], []

    def backward(self, losses, graph):
        self.before.append({task: loss.item() for task, loss in losses.items()})
        torch.autograd.backward(total(list(losses.values())))
        return dict.fromkeys(losses, 1.0)

    def after_step(self, losses):
        assert not any(loss.requires_grad for loss in losses.values())
        self.after.append({task: loss.item() for task, loss in losses.items()})


def spied(data, **changes):
    learner = replace(learner_of(small_config(**changes), data), weighting=Spy())
    return learner, learner.weighting


def test_a_weighting_that_learns_from_the_step_is_told_the_losses_after_it(data, batch):
    learner, spy = spied(data)
    plain = learner_of(small_config(), data)
    passes = take_step(learner, batch, TASKS, step=5).passes
    take_step(plain, batch, TASKS, step=5)
    # The same bits as without: batch norms have not learned the batch twice.
    assert moved(snapshot(plain), learner) == set()
    expected, _ = task_losses(plain, batch, TASKS)
    assert spy.after == [{task: expected[task].item() for task in TASKS}]
    assert all(spy.after[0][task] != spy.before[0][task] for task in TASKS)
    assert passes["cost/forward_passes"] == 6.0
    assert passes["cost/backward_passes"] == 3.0


def test_only_tasks_that_took_part_are_looked_at_again(data, batch):
    learner, spy = spied(data)
    blank = replace(batch, semantic=torch.full_like(batch.semantic, IGNORED))
    take_step(learner, without(blank, "tracking"), TASKS, step=0)
    assert [set(losses) for losses in spy.after] == [{"detection"}]


def test_a_step_not_taken_teaches_nothing(data, batch):
    learner, spy = spied(data)
    for parameter in learner.network.heads["segmentation"].parameters():
        parameter.register_hook(lambda g: g * torch.nan)
    assert "norm" in take_step(learner, batch, TASKS, step=0).problem
    assert spy.after == []


def test_looking_again_changes_no_buffer_and_no_mode(data, batch):
    learner = learner_of(small_config(), data)
    learner.to_training(("trunk",))
    before = snapshot(learner)
    modes = [module.training for module in learner.network.modules()]
    losses_again(learner, batch, TASKS)
    assert moved(before, learner) == set()
    assert modes == [module.training for module in learner.network.modules()]
    take_step(learner, batch, TASKS, step=0)
    learned = {name for name in moved(before, learner) if "running" in name}
    assert learned == {n for n in before if "running" in n and n.startswith("heads.")}


def test_a_factor_multiplies_the_rate(data, batch):
    learner = learner_of(small_config(), data)
    take_step(learner, batch, TASKS, step=4, lr_factor=0.5)
    halved = learner.optimizer_for(TASKS).param_groups[0]["lr"]
    take_step(learner, batch, TASKS, step=4)
    assert halved == learner.optimizer_for(TASKS).param_groups[0]["lr"] / 2
