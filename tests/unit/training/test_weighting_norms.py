"""GradNorm and DB-MTL against plain computations on trees that share in part."""

import numpy as np
import pytest
import torch
from torch import nn

from automtl.config import DBMTLWeighting, GradNormWeighting
from automtl.testing.small_tree import TASKS, SmallTree, gradients_of, plain_gradients
from automtl.training.weighting import StepGraph, build_weighting
from automtl.training.weighting.rows import rows_at_parameters

SHARED = ("trunk.weight", "trunk.bias", "branch.weight", "branch.bias")
PLACES = ["parameters", "features"]


def build(config, tasks=TASKS):
    return build_weighting(config, tasks, seed=0, device=torch.device("cpu"))


def take(weighting, tree, tasks=TASKS, step=0):
    tree.zero_grad()
    losses = tree.losses(tasks, step=step)
    return weighting.backward(losses, tree.graph()), {t: v.item() for t, v in losses.items()}


def row_of(gradients):
    return torch.cat([gradients[name].flatten() for name in SHARED])


def lengths_at_parameters(tree):
    plain = plain_gradients(tree, TASKS)
    return {task: row_of(plain[task]).norm().item() for task in TASKS}


def lengths_of(place):
    """Length of each task's gradient, one plain differentiation after the other."""
    tree = SmallTree(seed=1)
    if place == "parameters":
        return lengths_at_parameters(tree)
    losses = tree.losses(TASKS, step=0)
    boundary = tree.graph().boundary
    found = {}
    for task, loss in losses.items():
        views = [point.views[task] for point in boundary if task in point.views]
        gradients = torch.autograd.grad(loss, views, retain_graph=True, allow_unused=True)
        found[task] = sum(g.square().sum() for g in gradients if g is not None).sqrt().item()
    return found


@pytest.mark.parametrize("place", PLACES)
def test_db_mtl_follows_log_losses_with_gradients_of_one_length(place):
    lengths = lengths_of(place)
    tree = SmallTree(seed=1)
    weights, losses = take(build(DBMTLWeighting(at=place)), tree)
    of_logs = {task: lengths[task] / losses[task] for task in TASKS}
    longest = max(of_logs.values())
    expected = {task: longest / of_logs[task] / losses[task] for task in TASKS}
    assert weights == pytest.approx(expected, rel=1e-5)
    plain = plain_gradients(SmallTree(seed=1), TASKS)
    total = sum(expected[task] * row_of(plain[task]) for task in TASKS)
    torch.testing.assert_close(row_of(gradients_of(tree)), total, rtol=1e-4, atol=1e-5)
    for task in TASKS:
        name = f"heads.{task}.weight"
        torch.testing.assert_close(
            gradients_of(tree)[name], plain[task][name] / losses[task], rtol=1e-4, atol=1e-6
        )


def test_db_mtl_does_not_see_the_scale_of_a_loss():
    found = []
    for scale in (1.0, 1000.0):
        tree = SmallTree(seed=1)
        losses = tree.losses(TASKS, step=0)
        losses["b"] = scale * losses["b"]
        build(DBMTLWeighting()).backward(losses, tree.graph())
        found.append(row_of(gradients_of(tree)))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_gradnorm_starts_with_the_sum_and_moves_down_its_own_loss(place):
    """The first step of Adam has the sign of the slope, found here by autograd."""
    alpha, lr = 1.5, 0.1
    weighting = build(GradNormWeighting(alpha=alpha, lr=lr, at=place))
    lengths = lengths_of(place)
    weights, losses = take(weighting, SmallTree(seed=1))
    assert weights == pytest.approx(dict.fromkeys(TASKS, 1.0))
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    shares = 3 * torch.softmax(logits, dim=0)
    found = shares * torch.tensor([lengths[t] for t in TASKS], dtype=torch.float64)
    # At the first step every task still has its whole loss.
    gap = (found - found.mean().detach()).abs().sum()
    (slopes,) = torch.autograd.grad(gap, logits)
    assert losses.keys() == weights.keys()
    expected = -lr * slopes / (slopes.abs() + 1e-8)
    torch.testing.assert_close(weighting.state_dict()["logits"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("place", PLACES)
def test_gradnorm_with_alpha_zero_ends_with_gradients_of_one_length(place):
    weighting = build(GradNormWeighting(alpha=0.0, lr=0.05, at=place))
    tree = SmallTree(seed=1)
    lengths = lengths_of(place)
    weights = {}
    for _ in range(250):
        weights, _ = take(weighting, tree)
    found = np.array([weights[task] * lengths[task] for task in TASKS])
    assert found == pytest.approx(found.mean(), rel=0.1)
    assert sum(weights.values()) == pytest.approx(3.0)


def test_gradnorm_gives_more_to_a_task_that_lags():
    found = {}
    for alpha in (0.0, 3.0):
        weighting = build(GradNormWeighting(alpha=alpha, lr=0.02))
        tree = SmallTree(seed=1)
        take(weighting, tree)
        for _ in range(100):
            tree.zero_grad()
            losses = tree.losses(TASKS, step=0)
            # `a` and `c` fell to a tenth without their gradients changing, `b` did not.
            fallen = {t: v if t == "b" else v - 0.9 * v.detach() for t, v in losses.items()}
            found[alpha] = weighting.backward(fallen, tree.graph())
    assert found[3.0]["b"] > 1.2 * found[0.0]["b"]


def test_gradnorm_keeps_what_it_knows_of_an_absent_task():
    weighting = build(GradNormWeighting())
    tree = SmallTree(seed=1)
    take(weighting, tree)
    before = weighting.state_dict()
    for step in range(1, 6):
        take(weighting, tree, tasks=("a", "b"), step=step)
    after = weighting.state_dict()
    assert all(torch.equal(before[key][2], after[key][2]) for key in before)
    assert not torch.equal(before["logits"][:2], after["logits"][:2])


@pytest.fixture
def looks(monkeypatch):
    """The steps at which a backward pass was made for each task."""
    seen = []

    def counted(*given):
        seen.append(1)
        return rows_at_parameters(*given)

    monkeypatch.setattr("automtl.training.weighting.norms.rows_at_parameters", counted)
    return seen


def test_db_mtl_keeps_the_stretches_between_two_looks_but_not_the_losses(looks):
    weighting = build(DBMTLWeighting(every=3))
    assert weighting.needs_boundary
    stretches = []
    for step in range(4):
        tree = SmallTree(seed=step)
        weights, losses = take(weighting, tree)
        stretches.append({task: weights[task] * losses[task] for task in TASKS})
        plain = plain_gradients(SmallTree(seed=step), TASKS)
        total = sum(weights[task] * row_of(plain[task]) for task in TASKS)
        torch.testing.assert_close(row_of(gradients_of(tree)), total, rtol=1e-4, atol=1e-5)
        for task in TASKS:
            name = f"heads.{task}.weight"
            own = plain[task][name] / losses[task]
            torch.testing.assert_close(gradients_of(tree)[name], own, rtol=1e-4, atol=1e-6)
    assert stretches[1] == pytest.approx(stretches[0], rel=1e-5)
    assert stretches[2] == pytest.approx(stretches[0], rel=1e-5)
    assert stretches[3] != pytest.approx(stretches[0], rel=1e-3)
    assert len(looks) == 2


def test_gradnorm_moves_its_weights_at_one_step_of_so_many(looks):
    weighting = build(GradNormWeighting(at="parameters", every=3))
    moved, gradients = [], []
    for _ in range(7):
        before = weighting.state_dict()["logits"]
        tree = SmallTree(seed=1)
        weights, _ = take(weighting, tree)
        moved.append(not torch.equal(before, weighting.state_dict()["logits"]))
        plain = plain_gradients(SmallTree(seed=1), TASKS)
        total = sum(weights[task] * row_of(plain[task]) for task in TASKS)
        torch.testing.assert_close(row_of(gradients_of(tree)), total, rtol=1e-4, atol=1e-5)
        gradients.append(weights)
    assert moved == [True, False, False, True, False, False, True]
    assert gradients[1] == gradients[2] == gradients[3] != gradients[4]
    assert len(looks) == 3


@pytest.mark.parametrize("kind", [GradNormWeighting, DBMTLWeighting], ids=lambda k: k.__name__)
def test_similarities_are_those_of_the_plain_gradients_on_request(kind):
    weighting = build(kind(at="parameters", every=2, log_similarity=True))
    take(weighting, SmallTree(seed=1))
    plain = plain_gradients(SmallTree(seed=1), TASKS)
    a, b = (row_of(plain[task]) for task in TASKS[:2])
    one, other = a.norm(), b.norm()
    pair = "+".join(TASKS[:2])
    found = weighting.diagnostics
    assert found[f"similarity/cosine/{pair}"] == pytest.approx(
        (a @ b / one / other).item(), abs=1e-5
    )
    size = (2 * one * other / (a @ a + b @ b)).item()
    assert found[f"similarity/magnitude/{pair}"] == pytest.approx(size, rel=1e-5)
    take(weighting, SmallTree(seed=1))
    assert weighting.diagnostics == {}, "a step between two looks compares nothing"
    silent = build(kind())
    take(silent, SmallTree(seed=1))
    assert silent.diagnostics == {}


@pytest.mark.parametrize("config", [GradNormWeighting(), DBMTLWeighting()], ids=lambda c: c.kind)
@pytest.mark.parametrize("place", PLACES)
def test_losses_of_any_sign_and_scale_give_finite_weights(config, place):
    weighting = build(config.model_copy(update={"at": place}))
    for shift, scale in ((-5.0, 1.0), (0.0, 0.0), (-1e6, 1e6), (1e-9, 1e-9), (0.0, 1e8)):
        tree = SmallTree(seed=1)
        losses = tree.losses(TASKS, step=0)
        losses["b"] = scale * losses["b"] + shift
        weights = weighting.backward(losses, tree.graph())
        assert all(np.isfinite(w) and w >= 0 for w in weights.values())
        assert all(torch.isfinite(g).all() for g in gradients_of(tree).values())
    assert all(torch.isfinite(value).all() for value in weighting.state_dict().values())


class Apart(nn.Module):
    """Nothing is shared."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.nets = nn.ModuleDict({task: nn.Linear(4, 2) for task in TASKS})

    def shared_parameters(self, tasks):
        return []

    def parameters_of(self, tasks):
        return [p for task in tasks for p in self.nets[task].parameters()]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_shared_is_equal_weights_for_gradnorm_and_logs_for_db_mtl(place):
    net = Apart()
    losses = {task: net.nets[task](torch.ones(1, 4)).square().sum() for task in TASKS}
    graph = StepGraph(network=net)
    gradnorm = build(GradNormWeighting(at=place))
    before = gradnorm.state_dict()["logits"]
    assert gradnorm.backward(losses, graph) == pytest.approx(dict.fromkeys(TASKS, 1.0))
    assert torch.equal(gradnorm.state_dict()["logits"], before)
    losses = {task: net.nets[task](torch.ones(1, 4)).square().sum() for task in TASKS}
    expected = {task: 1 / loss.item() for task, loss in losses.items()}
    assert build(DBMTLWeighting(at=place)).backward(losses, graph) == pytest.approx(expected)


class PartlyApart(Apart):
    """``a`` and ``b`` share a trunk, ``c`` has all to itself."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 4)

    def losses(self, x):
        read = {"a": self.trunk(x), "b": self.trunk(x), "c": x}
        return {task: (self.nets[task](read[task]) - 1).square().mean() for task in TASKS}

    def shared_parameters(self, tasks):
        return list(self.trunk.parameters()) if {"a", "b"} <= set(tasks) else []


def test_gradnorm_leaves_a_task_that_shares_nothing_alone():
    net, weighting = PartlyApart(), build(GradNormWeighting(at="parameters", lr=0.1))
    weights = {}
    for _ in range(200):
        net.zero_grad()
        weights = weighting.backward(net.losses(torch.ones(1, 4)), StepGraph(network=net))
    assert weighting.state_dict()["logits"][2] == 0.0
    assert weights["c"] == pytest.approx(1.0, abs=0.3)
