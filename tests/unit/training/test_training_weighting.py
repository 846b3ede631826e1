"""Gradients against plain computations, for full, partial and no sharing."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torchjd.aggregation import PCGrad as TorchJdPCGrad
from torchjd.aggregation import UPGrad as TorchJdUPGrad
from torchjd.autojac import jac_to_grad, mtl_backward

from automtl.config import (
    FixedWeighting,
    PCGradWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
)
from automtl.testing.small_tree import (
    TASKS,
    SmallTree,
    gradients_of,
    plain_gradients,
)
from automtl.training.projector import NnlsProjector
from automtl.training.weighting import StepGraph, build_weighting

CPU = torch.device("cpu")
COMBINING = [UPGradWeighting(), PCGradWeighting()]


class Full(SmallTree):
    """``c`` uses the branch too: everything but the heads is shared by all."""

    def users(self):
        all_tasks = frozenset(TASKS)
        return [(p, u if len(u) == 1 else all_tasks) for p, u in super().users()]

    def losses(self, tasks, *, step):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 4, generator=generator)
        features = self.features(x)
        wanted = {t: torch.randn(8, 2, generator=generator) for t in TASKS}
        return {t: (self.heads[t](features) - wanted[t]).square().mean() for t in tasks}

    def features(self, x):
        return torch.tanh(self.branch(torch.tanh(self.trunk(x))))


class Apart(nn.Module):
    """Nothing is shared."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.nets = nn.ModuleDict({task: nn.Linear(4, 2) for task in TASKS})

    def shared_parameters(self, tasks):
        return []

    def parameters_of(self, tasks):
        return [p for task in tasks for p in self.nets[task].parameters()]

    def losses(self, tasks, *, step):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return {task: self.nets[task](x).square().mean() for task in tasks}


def aggregator_of(config):
    if isinstance(config, UPGradWeighting):
        return TorchJdUPGrad(pref_vector=torch.ones(3), projector=NnlsProjector())
    return TorchJdPCGrad()


def build(config, tasks=TASKS):
    return build_weighting(config, tasks, seed=5, device=CPU)


@pytest.mark.parametrize("config", COMBINING, ids=lambda c: c.kind)
@pytest.mark.parametrize("tree_type", [SmallTree, Full])
def test_shared_gradient_is_the_aggregator_of_k_plain_gradients(config, tree_type):
    tree = tree_type(seed=1)
    plain = plain_gradients(tree, TASKS)
    shared = [n for n, _ in tree.named_parameters() if not n.startswith("heads")]
    matrix = torch.stack([torch.cat([plain[t][n].flatten() for n in shared]) for t in TASKS])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = aggregator_of(config)(matrix)
    build(config).backward(tree.losses(TASKS, step=0), tree.graph())
    found = gradients_of(tree)
    together = torch.cat([found[n].flatten() for n in shared])
    torch.testing.assert_close(together, expected)
    for task in TASKS:
        for name in (f"heads.{task}.weight", f"heads.{task}.bias"):
            torch.testing.assert_close(found[name], plain[task][name])


def test_full_sharing_equals_torchjd_itself():
    tree, other = Full(seed=2), Full(seed=2)
    build(UPGradWeighting()).backward(tree.losses(TASKS, step=0), tree.graph())
    generator = torch.Generator().manual_seed(0)
    features = other.features(torch.randn(8, 4, generator=generator))
    wanted = {t: torch.randn(8, 2, generator=generator) for t in TASKS}
    losses = [(other.heads[t](features) - wanted[t]).square().mean() for t in TASKS]
    trunk = [*other.trunk.parameters(), *other.branch.parameters()]
    mtl_backward(losses, features=[features], shared_params=trunk, parallel_chunk_size=1)
    jac_to_grad(trunk, aggregator_of(UPGradWeighting()))
    expected = gradients_of(other)
    for name, gradient in gradients_of(tree).items():
        torch.testing.assert_close(gradient, expected[name])


@pytest.mark.parametrize("config", COMBINING, ids=lambda c: c.kind)
def test_no_conflict_with_any_task_on_a_partial_tree(config):
    tree = SmallTree(seed=3)
    plain = plain_gradients(tree, TASKS)
    build(config).backward(tree.losses(TASKS, step=0), tree.graph())
    found = gradients_of(tree)
    if isinstance(config, UPGradWeighting):
        shared = [n for n in found if not n.startswith("heads")]
        for task in TASKS:
            inner = sum((found[n] * plain[task][n]).sum() for n in shared)
            length = sum(plain[task][n].square().sum() for n in shared).sqrt()
            assert inner >= -1e-5 * length


@pytest.mark.parametrize("config", COMBINING, ids=lambda c: c.kind)
def test_nothing_shared_is_the_plain_sum_to_the_bit(config):
    one, other = Apart(), Apart()
    weights = build(config).backward(one.losses(TASKS, step=0), StepGraph(network=one))
    sum(other.losses(TASKS, step=0).values()).backward()
    assert weights == dict.fromkeys(TASKS, 1.0)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


def test_upgrad_without_conflict_is_the_plain_sum():
    tree = SmallTree(seed=0)
    loss = tree.losses(("a",), step=0)["a"]
    weights = build(UPGradWeighting(), ("a", "b")).backward(
        {"a": loss, "b": 2 * loss}, tree.graph()
    )
    assert weights == pytest.approx({"a": 1.0, "b": 1.0})


def test_fixed_is_the_weighted_sum():
    tree, other = SmallTree(seed=0), SmallTree(seed=0)
    config = FixedWeighting(weights={"a": 2.0, "c": 0.5})
    assert build(config).backward(tree.losses(TASKS, step=0), tree.graph()) == {
        "a": 2,
        "b": 1,
        "c": 0.5,
    }
    losses = other.losses(TASKS, step=0)
    (2.0 * losses["a"] + losses["b"] + 0.5 * losses["c"]).backward()
    for p, q in zip(tree.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_uncertainty_learns_the_stationary_variance():
    # d/ds (exp(-s) L + s/2) = 0 at exp(-s) = 1 / (2 L).
    weighting = build(UncertaintyWeighting(), ("a", "b"))
    logs = [p for task in ("a", "b") for p in weighting.parameters(task)]
    optimizer = torch.optim.Adam(logs, lr=0.05)
    weights = {}
    for _ in range(400):
        optimizer.zero_grad()
        losses = {"a": torch.tensor(4.0, requires_grad=True), "b": torch.tensor(0.25)}
        weights = weighting.backward(losses, SmallTree(seed=0))
        optimizer.step()
    assert weights == pytest.approx({"a": 1 / 8, "b": 2.0}, rel=1e-2)


def test_uncertainty_of_a_task_without_labels_does_not_drift():
    weighting = build(UncertaintyWeighting())
    tree = SmallTree(seed=0)
    weighting.backward(tree.losses(("a", "b"), step=0), tree.graph())
    assert weighting.parameters("c")[0].grad is None
    assert weighting.parameters("a")[0].grad is not None


def test_pcgrad_depends_on_its_own_seed_only():
    losses_of = deepcopy(SmallTree(seed=4))
    found = []
    for seed, noise in ((1, 10), (1, 20), (2, 10)):
        tree = deepcopy(losses_of)
        weighting = build_weighting(PCGradWeighting(), TASKS, seed=seed, device=CPU)
        torch.manual_seed(noise)
        states = []
        for step in range(4):
            tree.zero_grad()
            states.append(
                tuple(weighting.backward(tree.losses(TASKS, step=step), tree.graph()).values())
            )
        found.append((tuple(states), weighting.state_dict()["rng"]))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][1], found[2][1])


@pytest.mark.parametrize("config", COMBINING, ids=lambda c: c.kind)
def test_an_infinite_gradient_is_not_hidden(config):
    tree = SmallTree(seed=0)
    losses = tree.losses(TASKS, step=0)
    losses["b"] = losses["b"] * torch.inf
    build(config).backward(losses, tree.graph())
    assert not torch.isfinite(tree.trunk.weight.grad).all()


@pytest.mark.parametrize("config", COMBINING, ids=lambda c: c.kind)
def test_frozen_parameters_are_left_out(config):
    tree = SmallTree(seed=0)
    tree.trunk.requires_grad_(False)
    weights = build(config).backward(tree.losses(TASKS, step=0), tree.graph())
    assert tree.trunk.weight.grad is None
    assert tree.branch.weight.grad is not None
    assert set(weights) == set(TASKS)
