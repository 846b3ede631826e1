"""A step in parts: the same gradient as the whole batch's, at the memory of a part."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from automtl.config import (
    BackboneConfig,
    DWAWeighting,
    FAMOWeighting,
    FixedWeighting,
    GradDropWeighting,
    GradNormWeighting,
    HeadsConfig,
    NashMTLWeighting,
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
from automtl.training.halves import TaughtBatchNorms, part_rows
from automtl.training.learner import build_learner
from automtl.training.step import losses_of, take_step, task_losses

CPU = torch.device("cpu")
SIZE = (32, 48)
MEANS = ("classification", "depth")
"""Tasks whose loss is a mean over equal frames where every frame is labelled."""

WEIGHTINGS = {
    "fixed": FixedWeighting(),
    "uncertainty": UncertaintyWeighting(),
    "dwa": DWAWeighting(),
    "famo": FAMOWeighting(),
    "gradnorm": GradNormWeighting(),
    "gradnorm features": GradNormWeighting(at="features"),
    "pcgrad": PCGradWeighting(),
    "nash": NashMTLWeighting(),
    "upgrad": UPGradWeighting(),
    "upgrad features": UPGradWeighting(at="features"),
    "upgrad every 3": UPGradWeighting(every=3),
    "graddrop": GradDropWeighting(),
}


@pytest.fixture(scope="module")
def data():
    more = ("classification", "depth")
    source = ShapesSource(clips=3, frames=4, seed=0, n_objects=(2, 3), targets=more)
    other = ShapesSource(clips=1, frames=2, seed=1, targets=more)
    config = DataConfig(train=(source,), validation=(other,))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture
def batch(data):
    return make_batch(data.train, np.arange(8), device=CPU)


def learner_of(data, tasks, weighting=None, *, norms_learn=True, **changes):
    config = TrialConfig(
        backbone=BackboneConfig(image_size=SIZE, width=0.25),
        sharing=SharingConfig(order=tasks, split_after=(3,) * (len(tasks) - 1)),
        heads=HeadsConfig(channels=8, embedding_dim=4),
        weighting=weighting or FixedWeighting(),
        optimizer=OptimizerConfig(batch_size=8, grad_clip=0, **changes),
    )
    learner = build_learner(config, data.info, seed=3, device=CPU)
    learner.to_training()
    if not norms_learn:
        for module in learner.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    return learner


def gradients(learner):
    network = {n: p.grad for n, p in learner.network.named_parameters() if p.grad is not None}
    own = {
        f"weighting {task} {i}": p.grad
        for task in learner.tasks
        for i, p in enumerate(learner.weighting.parameters(task))
        if p.grad is not None
    }
    return {**network, **own}


@given(st.integers(1, 40), st.integers(1, 6))
def test_parts_are_all_frames_and_no_pair_is_torn(n_frames, n_parts):
    parts = part_rows(n_frames, n_parts)
    rows = [row for part in parts for row in range(n_frames)[part]]
    assert rows == list(range(n_frames))
    assert 1 <= len(parts) <= n_parts
    assert all(part.start % 2 == 0 and part.start < part.stop for part in parts)
    pairs = [-(-(part.stop - part.start) // 2) for part in parts]
    assert max(pairs) - min(pairs) <= 1


def test_a_part_of_a_batch_has_all_of_its_frames(batch):
    part = batch.part(slice(2, 6))
    for entry in (entry for entry in fields(part) if entry.init):
        value = getattr(part, entry.name)
        if entry.name == "views":
            assert value == batch.views
            continue
        whole = getattr(batch, entry.name)
        pairs = [(value, whole)] if not hasattr(value, "items") else []
        pairs = pairs or [(value[key], whole[key]) for key in whole]
        for one, of in pairs:
            assert len(one) == 4
            assert all(torch.equal(a, b) for a, b in zip(one, of[2:6], strict=True))


@pytest.mark.parametrize("weighting", WEIGHTINGS.values(), ids=WEIGHTINGS)
def test_the_step_is_that_of_the_whole_batch(data, batch, weighting):
    """Without batch statistics, and with losses that are means over frames, nothing differs."""
    found = []
    for n_parts in (1, 2, 3):
        learner = learner_of(data, MEANS, weighting, norms_learn=False)
        results = [
            take_step(learner, batch, MEANS, step=step, n_parts=n_parts) for step in (0, 1, 2)
        ]
        assert all(result.problem is None for result in results)
        found.append((gradients(learner), results, learner.weighting.state_dict()))
    (expected, results, state), *others = found
    assert len(expected) > 10
    for other, in_parts, other_state in others:
        assert set(other) == set(expected)
        for name, gradient in expected.items():
            torch.testing.assert_close(other[name], gradient, rtol=2e-3, atol=2e-5)
        for one, two in zip(results, in_parts, strict=True):
            assert two.losses == pytest.approx(one.losses, rel=1e-4)
            assert two.weights == pytest.approx(one.weights, rel=2e-2, abs=1e-3)
        torch.testing.assert_close(other_state, state, rtol=1e-3, atol=1e-4)


def test_the_first_step_is_bit_close(data, batch):
    found = []
    for n_parts in (1, 2):
        learner = learner_of(data, MEANS, norms_learn=False)
        take_step(learner, batch, MEANS, step=0, n_parts=n_parts)
        found.append(gradients(learner))
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-5, atol=1e-7)


def test_any_loss_is_the_mean_of_the_parts_by_their_labelled_frames(data, batch):
    tasks = ("detection", "segmentation", "tracking")
    labels = dict(batch.labels)
    labels["segmentation"] = torch.tensor([True] * 2 + [False] * 4 + [True] * 2)
    labels["detection"] = torch.tensor([True] * 4 + [True, False, False, False])
    partial = replace(batch.part(slice(0, 8)), labels=labels)
    learner = learner_of(data, tasks, norms_learn=False)
    found, _ = losses_of(learner, partial, tasks, n_parts=2)
    first, _ = task_losses(learner, partial.part(slice(0, 4)), tasks)
    second, _ = task_losses(learner, partial.part(slice(4, 8)), tasks)
    shares = {"detection": 0.8, "segmentation": 0.5, "tracking": 0.5}
    for task, share in shares.items():
        expected = share * first[task] + (1 - share) * second[task]
        torch.testing.assert_close(found[task], expected, rtol=1e-5, atol=1e-6)


def test_a_part_without_labels_of_a_task_takes_no_part(data, batch):
    half = torch.tensor([True] * 4 + [False] * 4)
    partial = replace(batch, labels={**batch.labels, "depth": half})
    for weighting in (FixedWeighting(), UPGradWeighting(), UPGradWeighting(at="features")):
        found = []
        for n_parts in (1, 2):
            learner = learner_of(data, MEANS, weighting, norms_learn=False)
            take_step(learner, partial, MEANS, step=0, n_parts=n_parts)
            found.append(gradients(learner))
        assert set(found[0]) == set(found[1])
        for name, gradient in found[0].items():
            torch.testing.assert_close(found[1][name], gradient, rtol=2e-3, atol=2e-5)


def test_batch_norms_learn_from_each_part_once(data, batch):
    learner = learner_of(data, MEANS)
    other = learner_of(data, MEANS)
    take_step(learner, batch, MEANS, step=0, n_parts=2)
    with torch.no_grad():
        for rows in part_rows(8, 2):
            task_losses(other, batch.part(rows), MEANS)
    found, expected = (
        {n: t for n, t in one.network.state_dict().items() if "running" in n or "tracked" in n}
        for one in (learner, other)
    )
    assert found
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_taught_norms_come_back_as_they_were(data):
    network = learner_of(data, MEANS).network
    before = [(m.momentum, m.num_batches_tracked) for m in _norms(network)]
    with TaughtBatchNorms(network):
        assert {m.momentum for m in _norms(network)} == {0.0}
    assert [(m.momentum, m.num_batches_tracked) for m in _norms(network)] == before


def _norms(network):
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


def test_what_is_kept_for_the_backward_pass_is_a_small_share(data, batch):
    kept = {}
    for n_parts in (1, 2):
        learner = learner_of(data, ("detection", "segmentation", "tracking"))
        parameters = {p.data_ptr() for p in learner.network.parameters()}
        tensors = {}

        def keep(tensor, parameters=parameters, tensors=tensors):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in parameters:
                tensors[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses, boundary = losses_of(learner, batch, learner.config.tasks, n_parts=n_parts)
        kept[n_parts] = sum(tensors.values())
        del losses, boundary
    assert kept[2] < 0.4 * kept[1]


@pytest.mark.parametrize(
    "weighting", [UPGradWeighting(), GradDropWeighting(at="features")], ids=lambda w: w.kind
)
def test_no_stage_sees_more_frames_than_a_part(data, batch, weighting):
    learner = learner_of(data, MEANS, weighting)
    seen = []
    for stage in learner.network.stages.values():
        stage.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    take_step(learner, batch, MEANS, step=0, n_parts=2)
    assert set(seen) == {4}


def test_computing_again_is_counted(data, batch):
    whole, parts = (
        take_step(learner_of(data, MEANS), batch, MEANS, step=0, n_parts=n).passes for n in (1, 2)
    )
    assert parts["cost/forward_passes"] == 2 * whole["cost/forward_passes"]
    assert parts["cost/backward_passes"] == whole["cost/backward_passes"]
