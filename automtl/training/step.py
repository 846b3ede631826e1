"""One optimizer step: only what it needs is computed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from automtl.data.table import MultiTaskBatch
from automtl.model.boundary import Boundary
from automtl.model.network import Call, plainly
from automtl.training.costs import FORWARD, Ledger, PassCounter
from automtl.training.halves import TaughtBatchNorms, computed_twice, part_rows
from automtl.training.learner import Learner
from automtl.training.optimizer import lr_at, step_optimizer
from automtl.training.weighting import StepGraph
from automtl.training.weighting.base import total


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one step did.

    Attributes:
        losses: Loss of each task whose branch ran.
        weights: Weight in force of each task that took part in the gradient.
        passes: Forward and backward passes, as a ledger of costs.
        diagnostics: What else the weighting found, by the name to report it under.
        problem: Why no step was taken although there were labels, or None.
    """

    losses: Mapping[str, float]
    weights: Mapping[str, float]
    passes: Ledger
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None

    @property
    def n_branches(self) -> int:
        """Task branches run forward."""
        return int(self.passes.get(FORWARD, 0.0))


def take_step(
    learner: Learner,
    batch: MultiTaskBatch,
    tasks: Sequence[str],
    *,
    step: int,
    lr_factor: float = 1.0,
    n_parts: int = 1,
) -> StepResult:
    """Train ``tasks`` on ``batch`` for one step.

    Args:
        learner: Changed in place.
        batch: Frames; tasks without labels in them take no part.
        tasks: What the schedule says for this step; those whose fixed weight is 0 do not run.
        step: Number of the step from 0, which sets the learning rate.
        lr_factor: Multiplies the learning rate.
        n_parts: In how many parts the batch is taken, to save memory (``halves.py``).

    Returns:
        What happened. Nothing of the network moves where a loss or the gradient is not finite,
        its batch norms included, nor does the weighting's state.
    """
    trained = learner.config.trained
    present = [task for task in tasks if task in trained and batch.has(task)]
    if not present:
        return StepResult(losses={}, weights={}, passes={})
    learner.statistics.keep()
    weighting = learner.weighting.state_dict()
    result = _step_of(learner, batch, present, step=step, lr_factor=lr_factor, n_parts=n_parts)
    if result.problem is not None or not result.weights:
        learner.statistics.put_back()
        learner.weighting.load_state_dict(weighting)
    return result


def _step_of(
    learner: Learner,
    batch: MultiTaskBatch,
    present: Sequence[str],
    *,
    step: int,
    lr_factor: float,
    n_parts: int,
) -> StepResult:
    """Train tasks that all have labels in the batch."""
    counter = PassCounter(learner.network)
    losses, boundary = losses_of(learner, batch, present, n_parts=n_parts)
    counter.forward(present)
    values = dict(
        zip(present, torch.stack([losses[t].detach() for t in present]).tolist(), strict=True)
    )
    bad = [f"loss of {t} is {v} at step {step}" for t, v in values.items() if not math.isfinite(v)]
    # A loss of exactly 0 had no valid target; its gradient is 0 and must not enter a weighting.
    live = {task: losses[task] for task in present if values[task] != 0.0}
    if bad or not live:
        problem = bad[0] if bad else None
        return StepResult(losses=values, weights={}, passes=counter.passes, problem=problem)
    if boundary and len(live) < len(present):
        # What is shared by these tasks alone ends elsewhere.
        with TaughtBatchNorms(learner.network):
            live, boundary = losses_of(learner, batch, tuple(live), n_parts=n_parts)
        counter.forward(tuple(live))
    optimizer = learner.optimizer_for(present)
    optimizer.zero_grad(set_to_none=True)
    with counter.backward(live):
        graph = StepGraph(network=learner.network, boundary=boundary)
        weights = learner.weighting.backward(live, graph)
    if n_parts > 1:
        counter.forward(tuple(live))  # what was forgotten was computed again
    norm = _move(learner, optimizer, step=step, lr_factor=lr_factor)
    problem = None if math.isfinite(norm) else _sick_gradient(learner, tuple(live), norm, step)
    if problem is None and learner.weighting.needs_new_losses:
        again = losses_again(learner, batch, tuple(live), n_parts=n_parts)
        learner.weighting.after_step(again)
        counter.forward(tuple(live))
    return StepResult(
        losses=values,
        weights=weights,
        passes=counter.passes,
        diagnostics=dict(learner.weighting.diagnostics),
        problem=problem,
    )


def _sick_gradient(learner: Learner, tasks: Sequence[str], norm: float, step: int) -> str:
    """Say that the gradient is not finite, and whose it is where that can be told.

    A head's gradient is its task's own, whatever the weighting. Where all heads are sick, or none,
    it is in what the tasks share.
    """
    sick = [task for task in tasks if _is_sick(learner.network.heads[task])]
    named = tasks if len(tasks) == 1 else sick
    whose = f" of {', '.join(named)}" if len(tasks) == 1 or 0 < len(sick) < len(tasks) else ""
    return f"the gradient's norm{whose} is {norm} at step {step}"


def _is_sick(head: nn.Module) -> bool:
    return any(p.grad is not None and not p.grad.isfinite().all() for p in head.parameters())


def _move(learner: Learner, optimizer: Optimizer, *, step: int, lr_factor: float) -> float:
    settings = learner.config.optimizer
    lr = lr_at(settings, step) * lr_factor
    return step_optimizer(optimizer, lr=lr, grad_clip=settings.grad_clip)


def losses_again(
    learner: Learner, batch: MultiTaskBatch, tasks: Sequence[str], *, n_parts: int = 1
) -> dict[str, Tensor]:
    """Return the losses of a batch that has been trained on, and leave no trace.

    Batch norms use the batch's statistics, as in the step, and do not learn them a second time.
    """
    with torch.no_grad(), TaughtBatchNorms(learner.network):
        return losses_of(learner, batch, tasks, n_parts=n_parts)[0]


def losses_of(
    learner: Learner, batch: MultiTaskBatch, tasks: Sequence[str], *, n_parts: int
) -> tuple[dict[str, Tensor], Boundary]:
    """Return what :func:`task_losses` returns, with more than one part at the memory of a part.

    Args:
        learner: Whose network and tasks.
        batch: Frames.
        tasks: Those whose losses are asked for; each has labelled frames in the batch.
        n_parts: In how many parts the batch is taken.
    """
    if n_parts == 1:
        return task_losses(learner, batch, tasks, call=learner.call)
    terms: dict[str, list[Tensor]] = {task: [] for task in tasks}
    boundary: Boundary = ()
    for rows in part_rows(len(batch.images), n_parts):
        part = batch.part(rows)
        labelled = [task for task in tasks if part.has(task)]
        if not labelled:
            continue
        # Without the branches that have no labels here, what tasks share might end elsewhere.
        running = tasks if learner.weighting.needs_boundary else labelled
        losses, ends = task_losses(learner, part, running, labelled=labelled, call=computed_twice)
        boundary += ends
        for task, loss in losses.items():
            terms[task].append(loss * part.labels[task].sum() / batch.labels[task].sum())
    return {task: total(losses) for task, losses in terms.items()}, boundary


def task_losses(
    learner: Learner,
    batch: MultiTaskBatch,
    tasks: Sequence[str],
    *,
    labelled: Sequence[str] | None = None,
    call: Call = plainly,
) -> tuple[dict[str, Tensor], Boundary]:
    """Return the float32 losses of tasks, and the boundary if the weighting needs it.

    Args:
        learner: Whose network and tasks.
        batch: Frames.
        tasks: Those whose branches run.
        labelled: Those of them whose losses are computed; all if None.
        call: How stages, heads and losses are run.
    """
    half = learner.plan.precision == "bfloat16"
    with torch.autocast(batch.images.device.type, dtype=torch.bfloat16, enabled=half):
        if learner.weighting.needs_boundary:
            outputs, boundary = learner.network.forward_with_boundary(
                batch.images, tasks, call=call
            )
        else:
            outputs, boundary = learner.network(batch.images, tasks, call=call), ()
    losses = {
        task: call(
            learner.tasks[task].loss,
            {name: tensor.float() for name, tensor in outputs[task].items()},
            batch,
            learner.info,
        )
        for task in (tasks if labelled is None else labelled)
    }
    return losses, boundary
