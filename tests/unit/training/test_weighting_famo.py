"""FAMO against TorchJD's, its second look, and what absent tasks keep."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchjd.scalarization import FAMO

from automtl.config import FAMOWeighting
from automtl.testing.small_tree import TASKS, SmallTree
from automtl.training.weighting import build_weighting

GRAPH = SmallTree(seed=0).graph()


def build(tasks=TASKS, **options):
    config = FAMOWeighting(**options)
    return build_weighting(config, tasks, seed=0, device=torch.device("cpu"))


def leaves(values, tasks=TASKS):
    return {
        t: torch.tensor(float(v), requires_grad=True) for t, v in zip(tasks, values, strict=True)
    }


def step(weighting, before, after, tasks=TASKS):
    weights = weighting.backward(leaves(before, tasks), GRAPH)
    weighting.after_step({t: x.detach() for t, x in leaves(after, tasks).items()})
    return weights


def test_equals_k_times_torchjds_over_steps():
    ours, theirs = build(lr=0.05, weight_decay=0.01), FAMO(3, lr=0.05, weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        before = torch.rand(3, generator=generator) * torch.tensor([10.0, 1.0, 0.1]) + 0.01
        after = before * (0.5 + torch.rand(3, generator=generator))
        losses = before.clone().requires_grad_()
        theirs(losses).backward()
        theirs.update(after)
        found = step(ours, before.tolist(), after.tolist())
        assert list(found.values()) == pytest.approx((3 * losses.grad).tolist(), rel=1e-4)
    assert ours.state_dict()["logits"].tolist() == pytest.approx(theirs._w.tolist(), rel=1e-3)


def test_the_task_that_falls_least_gains():
    weighting = build()
    for _ in range(50):
        step(weighting, [1.0, 1.0, 1.0], [0.5, 0.7, 1.0])
    a, b, c = weighting.backward(leaves([1.0, 1.0, 1.0]), GRAPH).values()
    assert max(a, b) < 1 < c


def test_logit_and_moments_of_an_absent_task_stay():
    weighting = build()
    step(weighting, [1.0, 2.0, 3.0], [0.5, 1.0, 2.9])
    before = weighting.state_dict()
    for _ in range(5):
        step(weighting, [1.0, 2.0], [0.5, 1.9], tasks=("a", "b"))
    after = weighting.state_dict()
    assert all(torch.equal(before[key][2], after[key][2]) for key in before)
    assert not torch.equal(before["logits"][:2], after["logits"][:2])


def test_a_resume_between_step_and_second_look_is_exact():
    one, other = build(), build()
    step(one, [1.0, 2.0, 3.0], [0.5, 1.0, 2.9])
    one.backward(leaves([1.0, 2.0, 3.0]), GRAPH)
    other.load_state_dict(one.state_dict())
    for weighting in (one, other):
        weighting.after_step({t: x.detach() for t, x in leaves([0.9, 1.0, 3.5]).items()})
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())


any_loss = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.tuples(any_loss, any_loss, any_loss), min_size=2, max_size=6))
def test_weights_and_state_are_finite_whatever_the_losses(steps):
    weighting = build()
    for before, after in pairwise(steps):
        weights = step(weighting, before, after)
        assert min(weights.values()) >= 0
        assert sum(weights.values()) == pytest.approx(3.0)
    assert all(torch.isfinite(value).all() for value in weighting.state_dict().values())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_new_losses_that_are_not_finite_teach_nothing(bad):
    weighting = build()
    step(weighting, [1.0, 2.0, 3.0], [0.5, 1.0, 2.9])
    before = weighting.state_dict()
    step(weighting, [1.0, 2.0, 3.0], [0.5, bad, 2.9])
    after = weighting.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
