"""What must be true of a training: tasks kept apart, accumulated, and drawn at random."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chi2, chisquare, ncx2

from automtl.config import (
    BackboneConfig,
    FixedWeighting,
    HeadsConfig,
    OptimizerConfig,
    ProportionalSchedule,
    SharingConfig,
    TrialConfig,
    single_task,
)
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler
from automtl.data.table import make_batch
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.device import plan_for
from automtl.training.epoch import Feed
from automtl.training.learner import build_learner
from automtl.training.loop import train
from automtl.training.optimizer import step_optimizer
from automtl.training.schedule import Course, phase_of_epoch
from automtl.training.step import take_step, task_losses
from automtl.training.weighting import StepGraph

CPU = torch.device("cpu")
SIZE = (32, 48)
TASKS = ("detection", "segmentation", "tracking")
RATES = {"detection": 0.2, "segmentation": 0.5, "tracking": 0.3}
N_DRAWS = 3000


@pytest.fixture(scope="module")
def data():
    sources = [ShapesSource(clips=3, frames=3, seed=seed, n_objects=(2, 3)) for seed in (0, 1)]
    config = DataConfig(train=(sources[0],), validation=(sources[1],))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def batch(data):
    return make_batch(data.train, np.arange(6), device=CPU)


def make_config(optimizer="sgd", **changes) -> TrialConfig:
    base = {
        "backbone": BackboneConfig(image_size=SIZE, width=0.25),
        "sharing": SharingConfig(order=TASKS, split_after=(9, 9)),
        "heads": HeadsConfig(channels=8, embedding_dim=4),
        "optimizer": OptimizerConfig(
            name=optimizer,
            lr=0.01,
            weight_decay=0.0,
            grad_clip=0.0,
            batch_size=4,
            epochs=2,
            steps_per_epoch=3,
        ),
    }
    return TrialConfig(**{**base, **changes})


def learner_of(config, data):
    learner = build_learner(config, data.info, seed=3, device=CPU)
    learner.to_training()
    return learner


def trained(config, data, folder):
    """Return the last epoch's tensors and every report."""
    reports = []

    def report(epoch, values):
        reports.append(dict(values))
        return Decision.CONTINUE

    train(config, data, report, seed=1, folder=folder, device=CPU)
    return torch.load(kept_checkpoints(folder)[0], weights_only=True)["network"], reports


def test_nothing_shared_joint_and_fixed_is_each_task_alone_to_the_bit(tmp_path, data):
    weights = {"detection": 2.0, "segmentation": 0.5, "tracking": 1.0}
    apart = SharingConfig(order=TASKS, split_after=(0, 0))
    config = make_config(sharing=apart, weighting=FixedWeighting(weights=weights))
    together, values = trained(config, data, tmp_path / "together")
    for task in TASKS:
        alone = single_task(config, task).model_copy(
            update={"weighting": FixedWeighting(weights={task: weights[task]})}
        )
        state, own_values = trained(alone, data, tmp_path / task)
        assert state
        assert all(torch.equal(tensor, together[name]) for name, tensor in state.items())
        for of_both, of_one in zip(values, own_values, strict=True):
            assert of_both[f"loss/{task}"] == of_one[f"loss/{task}"]
            shared = {k for k in of_one if k.startswith(f"{task}/")}
            assert {k: of_one[k] for k in shared} == {
                k: of_both[k] for k in shared if k in of_both
            }


def test_something_shared_is_not(tmp_path, data):
    together, _ = trained(make_config(), data, tmp_path / "together")
    alone, _ = trained(single_task(make_config(), "tracking"), data, tmp_path / "alone")
    heads = [name for name in alone if name.startswith("heads.")]
    assert any(not torch.equal(alone[name], together[name]) for name in heads)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_accumulated_alternating_steps_are_one_joint_step(data, batch, optimizer):
    config = make_config(optimizer, weighting=FixedWeighting(weights={"detection": 3.0}))
    joint, accumulated = learner_of(config, data), learner_of(config, data)
    take_step(joint, batch, TASKS, step=0)
    for task in TASKS:
        losses, boundary = task_losses(accumulated, batch, [task])
        graph = StepGraph(network=accumulated.network, boundary=boundary)
        accumulated.weighting.backward(losses, graph)
    lr = joint.optimizer_for(TASKS).param_groups[0]["lr"]
    step_optimizer(accumulated.optimizer_for(TASKS), lr=lr, grad_clip=0.0)
    expected = dict(joint.network.named_parameters())
    for name, parameter in accumulated.network.named_parameters():
        # AdamW's first step divides a gradient by its size: where that is all rounding, so is it.
        close = torch.isclose(parameter, expected[name], rtol=1e-4, atol=1e-6)
        assert close.float().mean() == 1.0 if optimizer == "sgd" else close.float().mean() > 0.98


def trunk_of(learner):
    return torch.cat([p.detach().flatten() for p in learner.network.stages.parameters()]).double()


def updates_of(learner, batch, weights):
    """Return how a step of each task, and a joint step under ``weights``, moves the trunk."""
    before = trunk_of(learner)
    found = {}
    for task in TASKS:
        one = copy.deepcopy(learner)
        take_step(one, batch, [task], step=0)
        found[task] = trunk_of(one) - before
    weighted = copy.deepcopy(learner)
    for task, loss_weight in weights.items():
        weighted.weighting._weights[task] = loss_weight
    take_step(weighted, batch, TASKS, step=0)
    return found, trunk_of(weighted) - before


def drawn(rates):
    """Return how often each task is drawn in the steps of a long epoch."""
    course = Course(
        schedule=ProportionalSchedule(rates=rates),
        tasks=TASKS,
        steps_per_epoch=N_DRAWS,
        seed=11,
        n_labelled={},
    )
    phase = phase_of_epoch(course, 0, ())
    counts = Counter(phase.tasks_of_step(step)[0] for step in range(N_DRAWS))
    return np.array([counts[task] for task in TASKS])


def mean_of(shares, updates):
    return sum(share * updates[task] for task, share in zip(TASKS, shares, strict=True))


def test_proportional_is_weighted_joint_in_expectation_under_sgd(data, batch):
    """The expected step is the joint one, and the draws have the stated probabilities.

    The mean of drawn steps is linear in how often each task was drawn, so its distance from the
    joint step, in units of its own covariance, is the chi-square statistic of the draws. Tested
    at a level of .001 on 3,000 draws; power: two rates that are off by .05 are found with a
    probability above .999.
    """
    shares = np.array([RATES[task] for task in TASKS])
    updates, joint = updates_of(learner_of(make_config(), data), batch, RATES)
    rounding = 1e-3 * float(joint.abs().max())
    torch.testing.assert_close(mean_of(shares, updates), joint, rtol=1e-3, atol=rounding)
    critical = chi2.isf(0.001, df=len(TASKS) - 1)
    assert chisquare(drawn(RATES), N_DRAWS * shares).statistic < critical
    off = shares + np.array([0.05, -0.05, 0.0])
    shift = N_DRAWS * float(((off - shares) ** 2 / shares).sum())
    assert ncx2.sf(critical, len(TASKS) - 1, shift) > 0.999
    others = dict(zip(TASKS, off.tolist(), strict=True))
    assert chisquare(drawn(others), N_DRAWS * shares).statistic > critical


def test_proportional_is_not_weighted_joint_under_adam_with_shared_state(data, batch):
    learner = learner_of(make_config("adamw"), data)
    for step, task in enumerate(TASKS):
        take_step(learner, batch, [task], step=step)
    updates, joint = updates_of(learner, batch, RATES)
    shares = np.array([RATES[task] for task in TASKS])
    expected = mean_of(shares, updates)
    spread = mean_of(shares, {t: (updates[t] - expected).square().sum() for t in TASKS})
    error = (float(spread) / N_DRAWS) ** 0.5
    assert float((mean_of(drawn(RATES) / N_DRAWS, updates) - joint).norm()) > 10 * error


def test_whether_a_frame_is_mirrored_does_not_follow_from_which_frame_it_is(data):
    table = data.train
    feed = Feed(
        table=table,
        sampler=BatchSampler(table, batch_size=4, seed=5),
        seed=5,
        plan=plan_for(CPU, OptimizerConfig()),
    )
    seen = Counter()
    for step in range(200):
        batch = feed.batch(step, ("segmentation",))
        row = int(feed.sampler.sample(step, ("segmentation",))[0])
        is_same = np.array_equal(batch.semantic[0].numpy(), table.semantic[row])
        seen[row * 2 < len(table), is_same] += 1
    shares = [seen[half, True] / (seen[half, True] + seen[half, False]) for half in (True, False)]
    assert all(0.3 < share < 0.7 for share in shares)
