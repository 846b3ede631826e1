"""Weightings of the losses alone: equal to TorchJD's where it has them, and never a NaN."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchjd.scalarization import COSMOS, IMTLL, PBI, STCH, UW, GeometricMean

from automtl.config import (
    FixedWeighting,
    GeometricMeanWeighting,
    IMTLLWeighting,
    RLWWeighting,
    STCHWeighting,
    UncertaintyWeighting,
)
from automtl.testing.small_tree import TASKS, SmallTree
from automtl.training.weighting import build_weighting

CPU = torch.device("cpu")
GRAPH = SmallTree(seed=0).graph()
KINDS = [
    FixedWeighting(weights={"a": 0.5}),
    UncertaintyWeighting(),
    IMTLLWeighting(),
    RLWWeighting(),
    GeometricMeanWeighting(),
    STCHWeighting(mu=0.1),
]
positive = st.lists(st.floats(0.01, 100), min_size=3, max_size=3)
any_sign = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=3)


def build(config, tasks=TASKS, seed=5):
    return build_weighting(config, tasks, seed=seed, device=CPU)


def leaves(values):
    return {
        t: torch.tensor(float(v), requires_grad=True) for t, v in zip(TASKS, values, strict=False)
    }


def weights_of(config, values):
    """The weights in force, which are also the gradients of the losses."""
    losses = leaves(values)
    weights = build(config).backward(losses, GRAPH)
    for task, loss in losses.items():
        assert loss.grad.item() == pytest.approx(weights[task], rel=1e-6, abs=1e-30)
    return list(weights.values())


def torchjd_weights(scalarizer, values):
    losses = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    scalarizer.double()(losses).backward()
    return losses.grad.tolist()


@given(positive)
def test_geometric_mean_is_k_times_torchjds(values):
    expected = [3 * w for w in torchjd_weights(GeometricMean(), values)]
    assert weights_of(GeometricMeanWeighting(), values) == pytest.approx(expected, rel=1e-5)


@given(positive, st.floats(0.05, 10))
def test_stch_is_k_times_torchjds(values, mu):
    preferences = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    expected = [3 * w for w in torchjd_weights(STCH(mu, weights=preferences), values)]
    found = weights_of(STCHWeighting(mu=mu, weights={"b": 2.0, "c": 0.5}), values)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("config", "theirs"), [(IMTLLWeighting(), IMTLL(3)), (UncertaintyWeighting(), UW(3))]
)
def test_learned_scales_move_as_torchjds(config, theirs):
    """UW halves our sum in the losses' term; with doubled losses both sums are the same."""
    factor = 2.0 if isinstance(theirs, UW) else 1.0
    ours = build(config)
    mine = torch.optim.Adam([ours.parameters(t)[0] for t in TASKS], lr=0.1)
    other = torch.optim.Adam(theirs.parameters(), lr=0.1)
    for step in range(20):
        values = [4.0 + step, 0.5, 0.02]
        mine.zero_grad()
        other.zero_grad()
        losses = leaves(values)
        ours.backward(losses, GRAPH)
        copies = [torch.tensor(factor * v, requires_grad=True) for v in values]
        theirs(torch.stack(copies)).backward()
        for loss, copy in zip(losses.values(), copies, strict=True):
            torch.testing.assert_close(loss.grad, factor * copy.grad)
        mine.step()
        other.step()


def test_learned_scales_of_a_negative_loss_stay_finite():
    weighting = build(IMTLLWeighting(), ("a",))
    optimizer = torch.optim.Adam(weighting.parameters("a"), lr=0.5)
    weight = {}
    for _ in range(200):
        optimizer.zero_grad()
        weight = weighting.backward({"a": torch.tensor(-1e6, requires_grad=True)}, GRAPH)
        optimizer.step()
    assert weight["a"] == pytest.approx(1e4, rel=0.05)


@given(any_sign, st.sampled_from(KINDS))
def test_weights_are_finite_and_not_negative_whatever_the_losses(values, config):
    found = weights_of(config, values)
    assert all(math.isfinite(w) and w >= 0 for w in found)


@pytest.mark.parametrize("config", KINDS[1:], ids=lambda c: c.kind)
@pytest.mark.parametrize("tasks", [TASKS, ("a", "b"), ("b",)], ids=len)
def test_equal_losses_have_weight_one(config, tasks):
    """So that one learning rate fits all; random weights are 1 on average."""
    weighting = build(config)
    losses = {task: torch.tensor(0.7, requires_grad=True) for task in tasks}
    weights = [weighting.backward(losses, GRAPH) for _ in range(3)][-1]
    if config.kind == "rlw":
        assert sum(weights.values()) == pytest.approx(len(tasks))
    else:
        assert weights == pytest.approx(dict.fromkeys(tasks, 1.0))


def test_random_weights_are_softmax_of_normals():
    """The mean is 1, and the logarithms of two weights differ by N(0, 2)."""
    weighting = build(RLWWeighting())
    drawn = torch.tensor(
        [list(weighting.backward(leaves([1.0, 1, 1]), GRAPH).values()) for _ in range(4000)]
    )
    # Five standard errors: a right implementation fails once in a million seeds.
    assert (drawn.mean(dim=0) - 1).abs().max() < 5 * drawn.std(dim=0).max() / 4000**0.5
    differences = (drawn[:, 0] / drawn[:, 1]).log()
    assert differences.mean().abs() < 5 * (2 / 4000) ** 0.5
    assert differences.var().item() == pytest.approx(2.0, abs=5 * 2 * (2 / 4000) ** 0.5)


def test_random_weights_depend_on_their_seed_only():
    first, again, other = (
        build(RLWWeighting(), seed=seed).backward(leaves([1.0, 2, 3]), GRAPH) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_random_stream_moves_only_for_the_tasks_of_a_step():
    three, two = build(RLWWeighting()), build(RLWWeighting(), ("a", "b"))
    for weighting in (three, two):
        weighting.backward(leaves([1.0, 2.0]), GRAPH)
    assert torch.equal(three.state_dict()["rng"], two.state_dict()["rng"])


def test_why_pbi_and_cosmos_are_left_out():
    """Both would push a loss up at an ordinary point: no task weight may be negative."""
    equal = torch.ones(3, dtype=torch.float64)
    assert min(torchjd_weights(PBI(5.0, weights=equal), [1.0, 1.0, 0.3])) < 0
    assert min(torchjd_weights(COSMOS(8.0, weights=equal), [1.0, 1.0, 0.3])) < 0
