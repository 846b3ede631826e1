"""DWA against TorchJD's, and what becomes of its history where labels lack."""

import pytest
import torch
from torchjd.scalarization import DWA

from automtl.config import DWAWeighting
from automtl.testing.small_tree import TASKS, SmallTree
from automtl.training.weighting import build_weighting

GRAPH = SmallTree(seed=0).graph()


def build(tasks=TASKS, temperature=2.0):
    config = DWAWeighting(temperature=temperature)
    return build_weighting(config, tasks, seed=0, device=torch.device("cpu"))


def weigh(weighting, **losses):
    return weighting.backward(
        {t: torch.tensor(v, requires_grad=True) for t, v in losses.items()}, GRAPH
    )


def test_equals_torchjds_over_epochs():
    ours, theirs = build(temperature=0.7), DWA(temperature=0.7)
    generator = torch.Generator().manual_seed(0)
    for epoch in range(5):
        for _ in range(3):
            values = torch.rand(3, generator=generator) * torch.tensor([9.0, 1.0, 0.1]) + 0.01
            losses = values.clone().requires_grad_()
            theirs(losses).backward()
            found = weigh(ours, **dict(zip(TASKS, values.tolist(), strict=True)))
            assert list(found.values()) == pytest.approx(losses.grad.tolist(), rel=1e-5)
            assert (max(found.values()) > 1.01) == (epoch >= 2)
        ours.end_epoch()
        theirs.step()


def test_history_of_an_absent_task_waits_for_it():
    weighting = build()
    for value in (4.0, 2.0):
        weigh(weighting, a=value, b=1.0, c=3 * value)
        weighting.end_epoch()
    before = weighting.state_dict()
    for _ in range(3):
        weigh(weighting, a=1.0, b=1.0)
        weighting.end_epoch()
    after = weighting.state_dict()
    place = TASKS.index("c")
    assert all(torch.equal(before[key][place], after[key][place]) for key in before)
    assert not torch.equal(before["older"], after["older"])
    # `c` fell to a half, `a` and `b` have stood still since.
    again = weigh(weighting, a=1.0, b=1.0, c=1.0)
    expected = 3 * torch.softmax(torch.tensor([1.0, 1.0, 0.5]) / 2.0, dim=0)
    assert list(again.values()) == pytest.approx(expected.tolist())


def test_an_epoch_without_steps_changes_nothing():
    weighting = build()
    weigh(weighting, a=1.0, b=2.0, c=3.0)
    weighting.end_epoch()
    before = weighting.state_dict()
    weighting.end_epoch()
    after = weighting.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_negative_and_zero_means_are_weighed_too():
    weighting = build(("a", "b"))
    for value in (-1.0, 0.0):
        weigh(weighting, a=value, b=2.0)
        weighting.end_epoch()
    assert weigh(weighting, a=1.0, b=1.0) == pytest.approx({"a": 1.0, "b": 1.0})


def test_a_loss_that_explodes_takes_all_weight_but_gives_no_nan():
    weighting = build(("a", "b"))
    for value in (1e-3, 1e30):
        weigh(weighting, a=value, b=1.0)
        weighting.end_epoch()
    assert weigh(weighting, a=1.0, b=1.0) == pytest.approx({"a": 2.0, "b": 0.0})


def test_state_of_other_tasks_is_refused():
    with pytest.raises(ValueError, match="in the shape of these tasks"):
        build().load_state_dict(build(("a", "b")).state_dict())
