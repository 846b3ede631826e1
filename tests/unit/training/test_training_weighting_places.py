"""Gradients at the parameters and at the features, and weights that are kept."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn
from torchjd.aggregation import ExcessMTL as TorchJDExcessMTL
from torchjd.aggregation import GradDrop as TorchJDGradDrop

from automtl.config import (
    ExcessMTLWeighting,
    GradDropWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    UPGradWeighting,
)
from automtl.model.boundary import SharedFeature
from automtl.testing.combining import COMBINING
from automtl.testing.small_tree import TASKS, SmallTree, gradients_of, plain_gradients
from automtl.training.weighting import StepGraph, build_weighting
from automtl.training.weighting.gradients import GradientCombining

AT_BOTH = [config for config in COMBINING if not isinstance(config, ExcessMTLWeighting)]


FEATURES = {"at": "features"}


class Counted(torch.autograd.Function):
    """The identity, which counts how often it is differentiated."""

    @staticmethod
    def forward(ctx, x, counter):
        ctx.counter = counter
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.counter.append(1)
        return gradient.clone(), None


class OneTensor:
    """A shared tensor, turned by ``turn``; the tasks' gradients of it are the rows of a matrix."""

    def __init__(self, n, turn=None):
        self.theta = nn.Parameter(torch.zeros(n))
        self.turn = torch.eye(n) if turn is None else turn
        self.passes = []

    def shared_parameters(self, tasks):
        return [self.theta] if len(tasks) > 1 else []

    def parameters_of(self, tasks):
        return [self.theta]

    def step(self, weighting, matrix, tasks=TASKS):
        self.theta.grad = None
        feature = self.turn @ Counted.apply(self.theta, self.passes)
        views = {task: feature.view_as(feature) for task in tasks}
        rows = torch.as_tensor(matrix, dtype=torch.float32)
        losses = {task: views[task] @ row for task, row in zip(tasks, rows, strict=True)}
        boundary = (SharedFeature(feature=feature, views=views),)
        weights = weighting.backward(losses, StepGraph(network=self, boundary=boundary))
        return weights, self.theta.grad


class Counting:
    """A rule that gives the weights 1, 2, 3 .. times the number of its solutions."""

    def __init__(self):
        self.problems = []

    def solve(self, problem):
        self.problems.append(problem)
        return np.arange(1.0, 1 + len(problem.tasks)) * len(self.problems)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        assert not state


def build(config, tasks=TASKS):
    return build_weighting(config, tasks, seed=5, device=torch.device("cpu"))


def matrix_of(seed, n=6):
    return np.random.default_rng(seed).normal(size=(3, n))


matrices = arrays(
    np.float64, (3, 5), elements=st.floats(-3, 3, width=32).map(lambda x: round(x, 2))
)


@pytest.mark.parametrize("config", AT_BOTH, ids=lambda c: c.kind)
@given(matrix=matrices)
@settings(max_examples=20, deadline=None)
def test_one_shared_tensor_makes_both_places_equal(config, matrix):
    found = [
        OneTensor(5).step(build(config.model_copy(update={"at": at})), matrix)
        for at in ("parameters", "features")
    ]
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("config", AT_BOTH[:-1], ids=lambda c: c.kind)
def test_a_shared_part_that_turns_all_gradients_alike_makes_both_places_equal(config):
    # Masks of coordinates (GradDrop) do not turn with them.
    turn = torch.linalg.qr(torch.from_numpy(matrix_of(1).T @ matrix_of(2)).float())[0]
    found = [
        OneTensor(6, turn).step(build(config.model_copy(update={"at": at})), matrix_of(3))[1]
        for at in ("parameters", "features")
    ]
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("config", [*AT_BOTH, ExcessMTLWeighting()], ids=lambda c: c.kind)
def test_weights_do_not_depend_on_the_unit_of_all_losses(config):
    weights = [
        list(OneTensor(6).step(build(config), scale * matrix_of(4))[0].values())
        for scale in (1.0, 1e-4, 1e4)
    ]
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-3)
    np.testing.assert_allclose(weights[0], weights[2], rtol=1e-3)


def test_graddrop_draws_the_masks_of_torchjd():
    matrix = torch.from_numpy(matrix_of(0, n=50)).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5 * 1_000_003)
        expected = TorchJDGradDrop()(matrix)
    weights, found = OneTensor(50).step(build(GradDropWeighting()), matrix)
    torch.testing.assert_close(found, expected)
    assert all(0 < weight < 1 for weight in weights.values())


MATRICES = arrays(np.float64, (3, 8), elements=st.integers(-3, 3).map(float))


@given(matrix=MATRICES)
@settings(max_examples=25, deadline=None)
def test_graddrop_keeps_of_each_coordinate_the_gradients_of_one_sign(matrix):
    weights, found = OneTensor(8).step(build(GradDropWeighting()), matrix)
    kept = found.numpy()
    above, below = matrix.clip(0).sum(axis=0), matrix.clip(max=0).sum(axis=0)
    assert (np.isclose(kept, above) | np.isclose(kept, below)).all()
    # Where no gradient disagrees, nothing is dropped.
    agreed = (above == 0) | (below == 0)
    np.testing.assert_allclose(kept[agreed], matrix.sum(axis=0)[agreed])
    assert all(0 <= weight <= 1 for weight in weights.values())


@given(matrices=st.lists(MATRICES, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_excess_mtl_stays_in_the_cone_of_the_gradients(matrices):
    weighting, net = build(ExcessMTLWeighting()), OneTensor(8)
    for matrix in matrices:
        weights, found = net.step(weighting, matrix)
        values = np.array(list(weights.values()))
        assert (values >= 0).all()
        assert values.mean() == pytest.approx(1)
        np.testing.assert_allclose(found.numpy(), values @ matrix, atol=1e-4)


def test_excess_mtl_takes_the_steps_of_torchjd_after_one_to_warm_up():
    peer, ours = TorchJDExcessMTL(n_warmup_steps=1), build(ExcessMTLWeighting())
    net = OneTensor(6)
    for seed in range(5):
        expected = peer(torch.from_numpy(matrix_of(seed)).float())
        torch.testing.assert_close(net.step(ours, matrix_of(seed))[1], 3 * expected)


def test_excess_mtl_leaves_the_share_of_a_task_that_is_away():
    weighting, net = build(ExcessMTLWeighting()), OneTensor(6)
    net.step(weighting, matrix_of(0))
    before = weighting.state_dict()
    net.step(weighting, matrix_of(1)[:2], tasks=("a", "b"))
    after = weighting.state_dict()
    shares = [torch.softmax(state["log_shares"], 0)[2].item() for state in (before, after)]
    assert shares[0] == pytest.approx(shares[1])
    assert torch.equal(before["squares"][2], after["squares"][2])
    assert not torch.equal(before["squares"], after["squares"])


@pytest.mark.parametrize("at", ["parameters", "features"])
def test_a_solution_costs_a_pass_per_task_or_one_and_a_step_between_costs_one(at):
    rule, net = Counting(), OneTensor(6)
    weighting = GradientCombining(rule, TASKS, config=UPGradWeighting(every=3, at=at))
    passes = []
    for seed in range(7):
        net.passes.clear()
        weights, gradient = net.step(weighting, matrix_of(seed))
        passes.append(len(net.passes))
        n_solved = 1 + seed // 3
        assert list(weights.values()) == [n_solved, 2 * n_solved, 3 * n_solved]
        expected = np.array(list(weights.values())) @ matrix_of(seed)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5)
    at_solution = 3 if at == "parameters" else 1
    assert passes == [at_solution, 1, 1, at_solution, 1, 1, at_solution]


def test_weights_are_kept_for_each_set_of_tasks():
    rule, net = Counting(), OneTensor(6)
    weighting = GradientCombining(rule, TASKS, config=UPGradWeighting(every=2))
    sets = [TASKS, ("a", "b"), TASKS, ("a", "b"), ("a", "b"), TASKS, ("b", "c")]
    for tasks in sets:
        net.step(weighting, matrix_of(0)[: len(tasks)], tasks=tasks)
    solved = [problem.tasks for problem in rule.problems]
    assert solved == [(0, 1, 2), (0, 1), (0, 1), (0, 1, 2), (1, 2)]


def test_a_zero_gradient_is_no_part_of_the_problem():
    rule, net, matrix = Counting(), OneTensor(6), matrix_of(0)
    matrix[1] = 0
    weighting = GradientCombining(rule, TASKS, config=UPGradWeighting())
    assert net.step(weighting, matrix)[0] == {"a": 1.0, "b": 1.0, "c": 2.0}
    assert rule.problems[0].tasks == (0, 2)
    assert rule.problems[0].gramian.max() == pytest.approx(1.0)


@pytest.mark.parametrize("at", ["parameters", "features"])
def test_heads_get_their_plain_gradient_between_solutions_too(at):
    tree = SmallTree(seed=0)
    weighting = build(IMTLGWeighting(every=5, at=at))
    plain = plain_gradients(tree, TASKS)
    for _ in range(2):
        tree.zero_grad()
        weights = weighting.backward(tree.losses(TASKS, step=0), tree.graph())
        found = gradients_of(tree)
        for task in TASKS:
            torch.testing.assert_close(
                found[f"heads.{task}.weight"], plain[task][f"heads.{task}.weight"]
            )
        expected = sum(weights[task] * plain[task]["trunk.weight"] for task in TASKS)
        torch.testing.assert_close(found["trunk.weight"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "config", [UPGradWeighting(at="features"), GradDropWeighting(at="features")]
)
def test_at_features_a_frozen_trunk_is_left_out(config):
    tree = SmallTree(seed=0)
    tree.trunk.requires_grad_(False)
    weights = build(config).backward(tree.losses(TASKS, step=0), tree.graph())
    assert tree.trunk.weight.grad is None
    assert tree.branch.weight.grad is not None
    assert set(weights) == set(TASKS)


@pytest.mark.parametrize(
    "config", [UPGradWeighting(log_similarity=True), GradDropWeighting(log_similarity=True)]
)
def test_similarities_are_those_of_the_plain_gradients(config):
    weighting, net, matrix = build(config), OneTensor(6), matrix_of(7)
    net.step(weighting, matrix)
    a, b = matrix[:2]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    expected = {
        "similarity/cosine/a+b": a @ b / lengths[0] / lengths[1],
        "similarity/magnitude/a+b": 2 * lengths[0] * lengths[1] / (a @ a + b @ b),
    }
    assert len(weighting.diagnostics) == 6
    for name, value in expected.items():
        assert weighting.diagnostics[name] == pytest.approx(value, rel=1e-5)
    net.step(weighting, matrix[:1], tasks=("a",))
    assert weighting.diagnostics == {}


def test_without_the_request_no_similarity_is_told():
    weighting = build(UPGradWeighting())
    OneTensor(6).step(weighting, matrix_of(7))
    assert weighting.diagnostics == {}


def test_gradients_of_two_parameters_do_not_share_memory():
    # The derivative of a sum is one tensor for both addends; clipping would meet it twice.
    class Sum(OneTensor):
        def __init__(self):
            super().__init__(6)
            self.one, self.two = nn.Parameter(torch.zeros(6)), nn.Parameter(torch.zeros(6))

        def parameters_of(self, tasks):
            return [self.theta, self.one, self.two]

    net = Sum()
    shared = net.theta.clone()
    losses = {
        "a": (1 + shared + net.one + net.two).square().sum(),
        "b": shared.sum(),
    }
    build(UPGradWeighting(), ("a", "b")).backward(losses, StepGraph(network=net))
    before = net.two.grad.clone()
    net.one.grad.mul_(2.0)
    net.theta.grad.mul_(2.0)
    assert torch.equal(net.two.grad, before)


def test_kept_weights_do_not_depend_on_the_order_of_tasks_nor_on_a_resume():
    """A stage of a schedule names its tasks in any order."""
    made = [
        build_weighting(MGDAWeighting(every=3), TASKS, seed=0, device=torch.device("cpu"))
        for _ in range(2)
    ]
    first, resumed = made
    tree = SmallTree(seed=0)
    solved = first.backward(tree.losses(("c", "a"), step=0), tree.graph())
    assert solved["a"] != solved["c"]
    resumed.load_state_dict(first.state_dict())
    for weighting in made:
        for step, order in enumerate((("c", "a"), ("a", "c")), start=1):
            tree.zero_grad()
            assert weighting.backward(tree.losses(order, step=step), tree.graph()) == solved
