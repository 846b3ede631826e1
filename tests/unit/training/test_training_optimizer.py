"""The learning rate, the decay, and clipping."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from automtl.config import OptimizerConfig
from automtl.training.optimizer import build_optimizer, lr_at, step_optimizer


@given(
    warmup=st.floats(0, 0.9),
    epochs=st.integers(1, 5),
    steps=st.integers(1, 60),
    lr=st.floats(1e-5, 1),
)
def test_rate_rises_linearly_then_falls_as_a_cosine(warmup, epochs, steps, lr):
    config = OptimizerConfig(lr=lr, warmup=warmup, epochs=epochs, steps_per_epoch=steps)
    rates = [lr_at(config, step) for step in range(epochs * steps)]
    peak = rates.index(max(rates))
    assert all(0 < rate <= lr * (1 + 1e-12) for rate in rates)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(lr)


def test_rate_by_hand():
    config = OptimizerConfig(lr=2.0, warmup=0.2, epochs=2, steps_per_epoch=5)
    expected = [1.0, 2.0, *(1 + math.cos(math.pi * i / 8) for i in range(8))]
    assert [lr_at(config, step) for step in range(10)] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_only_weights_of_layers_are_decayed(name):
    layer = nn.Linear(2, 2)
    log_variance = nn.Parameter(torch.tensor(1.0))
    config = OptimizerConfig(name=name, lr=0.1, weight_decay=0.5)
    optimizer = build_optimizer(config, layer.parameters(), undecayed=[log_variance])
    before = {"weight": layer.weight.detach().clone(), "bias": layer.bias.detach().clone()}
    for parameter in (layer.weight, layer.bias, log_variance):
        parameter.grad = torch.zeros_like(parameter)
    step_optimizer(optimizer, lr=0.1, grad_clip=0.0)
    torch.testing.assert_close(layer.weight, before["weight"] * (1 - 0.1 * 0.5))
    assert torch.equal(layer.bias, before["bias"])
    assert log_variance.item() == 1.0


def test_parameters_without_gradient_do_not_move():
    still, moved = nn.Linear(2, 2), nn.Linear(2, 2)
    config = OptimizerConfig(weight_decay=0.5)
    optimizer = build_optimizer(config, [*still.parameters(), *moved.parameters()])
    before = still.weight.detach().clone()
    moved(torch.ones(1, 2)).sum().backward()
    step_optimizer(optimizer, lr=0.1, grad_clip=1.0)
    assert torch.equal(still.weight, before)
    assert not optimizer.state[still.weight]


def test_frozen_parameters_are_not_held():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    optimizer = build_optimizer(OptimizerConfig(), layer.parameters())
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(held) == 1
    assert held[0] is layer.bias


@given(clip=st.floats(0.1, 10))
def test_clipped_to_the_largest_norm_and_told_the_norm_before(clip):
    layer = nn.Linear(1, 1, bias=False)
    optimizer = build_optimizer(OptimizerConfig(name="sgd", weight_decay=0), layer.parameters())
    layer.weight.data.zero_()
    layer.weight.grad = torch.full((1, 1), 3.0)
    assert step_optimizer(optimizer, lr=1.0, grad_clip=clip) == pytest.approx(3.0)
    assert layer.weight.item() == pytest.approx(-min(clip, 3.0), rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_step_on_a_gradient_that_is_not_finite(bad):
    layer = nn.Linear(2, 1)
    optimizer = build_optimizer(OptimizerConfig(), layer.parameters())
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.full_like(layer.weight, bad)
    layer.bias.grad = torch.zeros_like(layer.bias)
    assert not math.isfinite(step_optimizer(optimizer, lr=0.1, grad_clip=1.0))
    assert torch.equal(layer.weight, before)


def test_a_parameter_may_join_later_under_sgd():
    """Tasks take turns: a head's first gradient comes after the trunk's."""
    start = [torch.full((2,), 0.5), torch.full((3,), 0.5)]
    fused, plain = ([nn.Parameter(t.clone()) for t in start] for _ in range(2))
    config = OptimizerConfig(name="sgd", weight_decay=0.0)
    optimizer = build_optimizer(config, fused)
    reference = torch.optim.SGD(plain, lr=0.1, momentum=0.9, fused=False)
    for step, present in enumerate([(0,), (0, 1), (1,), (0, 1)]):
        for parameters in (fused, plain):
            for i, parameter in enumerate(parameters):
                gradient = torch.full_like(parameter, 0.3 + step)
                parameter.grad = gradient if i in present else None
        step_optimizer(optimizer, lr=0.1, grad_clip=0.0)
        reference.step()
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other)
