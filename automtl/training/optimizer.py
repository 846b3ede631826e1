"""The optimizer, its learning rate as a function of the step, and the clipping of gradients."""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from automtl.config import OptimizerConfig

BETAS = (0.9, 0.99)
"""AdamW's decay rates. The second is below the usual .999: trials are a few hundred steps long."""

MOMENTUM = 0.9

FACTOR = "lr_factor"
"""Key of a group of parameters: what multiplies the learning rate of the step."""


def lr_at(config: OptimizerConfig, step: int) -> float:
    """Return the learning rate of step ``step`` (from 0): linear warm-up, then a cosine to 0.

    >>> config = OptimizerConfig(lr=1.0, warmup=0.5, epochs=1, steps_per_epoch=4)
    >>> [round(lr_at(config, step), 3) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    total = config.epochs * config.steps_per_epoch
    n_warm = math.floor(config.warmup * total)
    if step < n_warm:
        return config.lr * (step + 1) / n_warm
    progress = (step - n_warm) / max(1, total - n_warm)
    return config.lr * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def build_optimizer(
    config: OptimizerConfig,
    parameters: Iterable[nn.Parameter],
    *,
    undecayed: Iterable[nn.Parameter] = (),
    factors: Mapping[nn.Parameter, float] = MappingProxyType({}),
) -> Optimizer:
    """Return the optimizer of ``config``.

    Args:
        config: Method, rate and decay.
        parameters: Of the network; those that need no gradient are left out. Vectors (biases,
            norms) are not decayed.
        undecayed: Further parameters, such as learned loss weights.
        factors: What multiplies the rate of a parameter; 1 for those that are not named.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    kinds = [
        ([p for p in trained if p.ndim > 1], config.weight_decay),
        ([*(p for p in trained if p.ndim <= 1), *undecayed], 0.0),
    ]
    groups = [
        {"params": same, "weight_decay": decay, FACTOR: factor}
        for members, decay in kinds
        for factor in sorted({factors.get(p, 1.0) for p in members})
        if (same := [p for p in members if factors.get(p, 1.0) == factor])
    ]
    match config.name:
        case "adamw":
            return AdamW(groups, lr=config.lr, betas=BETAS, fused=True)
        case "sgd":
            made = SGD(groups, lr=config.lr, momentum=MOMENTUM, fused=True)
            # The fused step wants a momentum of all parameters or of none, also where a task's
            # first step comes after another's. From 0 the first step is the same to the bit.
            for parameter in (p for group in made.param_groups for p in group["params"]):
                made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            return made


def step_optimizer(optimizer: Optimizer, *, lr: float, grad_clip: float) -> float:
    """Take one step at ``lr`` unless the gradient is not finite; return its norm before clipping.

    Args:
        optimizer: Only parameters with a gradient move.
        lr: Learning rate of this step.
        grad_clip: Largest norm; 0 leaves gradients alone.
    """
    moved = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm([p.grad for p in moved])
    length = float(norm)
    if not math.isfinite(length):
        return length
    if grad_clip > 0:
        torch.nn.utils.clip_grads_with_norm_(moved, grad_clip, norm)
    for group in optimizer.param_groups:
        # A state that an earlier version kept has no factors.
        group["lr"] = lr * group.get(FACTOR, 1.0)
    optimizer.step()
    return length
