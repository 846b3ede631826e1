"""One optimizer step: only what it needs is computed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from automtl.data.table import MultiTaskBatch
from automtl.model.boundary import Boundary
from automtl.training.learner import Learner
from automtl.training.optimizer import lr_at, step_optimizer
from automtl.training.weighting import StepGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one step did.

    Attributes:
        losses: Loss of each task whose branch ran.
        weights: Weight in force of each task that took part in the gradient.
        n_branches: Task branches run forward.
        problem: Why no step was taken although there were labels, or None.
    """

    losses: Mapping[str, float]
    weights: Mapping[str, float]
    n_branches: int
    problem: str | None = None


def take_step(
    learner: Learner, batch: MultiTaskBatch, tasks: Sequence[str], *, step: int
) -> StepResult:
    """Train ``tasks`` on ``batch`` for one step.

    Args:
        learner: Changed in place.
        batch: Frames; tasks without labels in them take no part.
        tasks: What the schedule says for this step.
        step: Number of the step from 0, which sets the learning rate.

    Returns:
        What happened. Nothing moves where a loss or the gradient is not finite.
    """
    present = [task for task in tasks if batch.has(task)]
    if not present:
        return StepResult(losses={}, weights={}, n_branches=0)
    losses, boundary = task_losses(learner, batch, present)
    values = dict(
        zip(present, torch.stack([losses[t].detach() for t in present]).tolist(), strict=True)
    )
    bad = [f"loss of {t} is {v} at step {step}" for t, v in values.items() if not math.isfinite(v)]
    # A loss of exactly 0 had no valid target; its gradient is 0 and must not enter a weighting.
    live = {task: losses[task] for task in present if values[task] != 0.0}
    if bad or not live:
        problem = bad[0] if bad else None
        return StepResult(losses=values, weights={}, n_branches=len(present), problem=problem)
    optimizer = learner.optimizer_for(present)
    optimizer.zero_grad(set_to_none=True)
    graph = StepGraph(network=learner.network, boundary=boundary)
    weights = learner.weighting.backward(live, graph)
    settings = learner.config.optimizer
    norm = step_optimizer(optimizer, lr=lr_at(settings, step), grad_clip=settings.grad_clip)
    problem = None if math.isfinite(norm) else f"the gradient's norm is {norm} at step {step}"
    return StepResult(losses=values, weights=weights, n_branches=len(present), problem=problem)


def task_losses(
    learner: Learner, batch: MultiTaskBatch, tasks: Sequence[str]
) -> tuple[dict[str, Tensor], Boundary]:
    """Return the float32 losses of ``tasks``, and the boundary if the weighting needs it."""
    half = learner.config.optimizer.precision == "bfloat16"
    with torch.autocast(batch.images.device.type, dtype=torch.bfloat16, enabled=half):
        if learner.weighting.needs_boundary:
            outputs, boundary = learner.network.forward_with_boundary(batch.images, tasks)
        else:
            outputs, boundary = learner.network(batch.images, tasks), ()
    losses = {
        task: learner.tasks[task].loss(
            {name: tensor.float() for name, tensor in outputs[task].items()}, batch, learner.info
        )
        for task in tasks
    }
    return losses, boundary
