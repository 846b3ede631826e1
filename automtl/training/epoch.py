"""The steps of one epoch, each a function of the seed and its number."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from automtl.data.held import HeldFrames, bytes_of, hold
from automtl.data.sampling import BatchSampler, draw_variation, vary
from automtl.data.table import FrameTable, MultiTaskBatch, make_batch
from automtl.errors import TrialFailedError
from automtl.results import FailureKind
from automtl.training.costs import Ledger, forget_peak, of_step, peak_mb, total_of
from automtl.training.device import DevicePlan, free_bytes, holds_frames
from automtl.training.learner import Learner
from automtl.training.schedule import Phase
from automtl.training.step import StepResult, take_step

MAX_STRIKES = 3
"""Steps in a row whose loss or gradient is not finite before a training fails."""

_LIGHT = 0x116E
"""Keeps the draws of the augmentation apart from those of frames, which have the same seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Batches of a training split: the same for the same seed and step.

    Attributes:
        table: The frames.
        sampler: Draws frames.
        seed: Decides the augmentation.
        plan: Where batches go, and how many are made ahead.
        micro_batches: In how many parts a step takes its batch.
        held: The frames on that device, if they stay there; else each batch is sent.
    """

    table: FrameTable
    sampler: BatchSampler
    seed: int
    plan: DevicePlan
    micro_batches: int = 1
    held: HeldFrames | None = None

    def batch(self, step: int, tasks: Sequence[str]) -> MultiTaskBatch:
        """Return the augmented batch of ``step`` for ``tasks``."""
        indices = self.sampler.sample(step, tasks)
        rng = np.random.default_rng([self.seed % 2**63, step, _LIGHT])
        variation = draw_variation(self.table.clip[indices], rng=rng)
        if self.held is not None:
            return vary(self.held.batch(indices), variation)
        return vary(make_batch(self.table, indices, device=self.plan.device), variation)

    def batches(self, phase: Phase, steps: range) -> Generator[MultiTaskBatch]:
        """Yield the batches of some steps of a phase, made ahead where the plan says so."""
        if not self.plan.n_ahead:
            yield from (self.batch(step, phase.tasks_of_step(step)) for step in steps)
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
            waiting: deque[Future[MultiTaskBatch]] = deque()
            for step in steps:
                waiting.append(pool.submit(self.batch, step, phase.tasks_of_step(step)))
                if len(waiting) > self.plan.n_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def make_feed(
    table: FrameTable,
    sampler: BatchSampler,
    *,
    seed: int,
    plan: DevicePlan,
    gpu_share: float,
    micro_batches: int,
) -> Feed:
    """Return the batches of a training, whose frames stay on its device if they fit there.

    Args:
        table: The frames.
        sampler: Draws them.
        seed: Decides the augmentation.
        plan: Of the device, on which the network is already.
        gpu_share: The training's share of it.
        micro_batches: In how many parts a step takes its batch.
    """
    free = free_bytes(plan.device)
    fits = holds_frames(bytes_of(table), free=free, gpu_share=gpu_share)
    held = hold(table, plan.device) if fits else None
    return Feed(
        table=table,
        sampler=sampler,
        seed=seed,
        plan=plan,
        micro_batches=micro_batches,
        held=held,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """What the steps of one epoch did.

    Attributes:
        values: Mean ``loss/TASK`` over the steps that ran the task's branch, mean
            ``weight/TASK`` over those in which it took part, mean of the weighting's
            diagnostics over those that gave them.
        costs: What the steps took, as a ledger.
        strikes: Steps in a row, at the end, that could not be taken.
    """

    values: Mapping[str, float]
    costs: Ledger
    strikes: int


def train_epoch(
    learner: Learner, feed: Feed, phase: Phase, *, epoch: int, strikes: int
) -> EpochResult:
    """Take the steps of epoch ``epoch`` (from 0).

    Args:
        learner: Changed in place.
        feed: Gives the batches.
        phase: What the schedule says for this epoch.
        epoch: Which steps.
        strikes: Steps in a row, before this epoch, that could not be taken.

    Raises:
        TrialFailedError: At the third step in a row whose numbers are not finite.
    """
    n_steps = learner.config.optimizer.steps_per_epoch
    learner.to_training(phase.frozen)
    results, costs = [], []
    steps = range(epoch * n_steps, (epoch + 1) * n_steps)
    with closing(feed.batches(phase, steps)) as batches:
        for step in steps:
            result, cost = _timed_step(learner, feed, batches, phase, step)
            strikes = _strikes_after(result, strikes)
            results.append(result)
            costs.append(cost)
    learner.weighting.end_epoch()
    return EpochResult(
        values=_means(_values_of(result) for result in results if result.problem is None),
        costs=total_of(costs),
        strikes=strikes,
    )


def _timed_step(
    learner: Learner, feed: Feed, batches: Iterator[MultiTaskBatch], phase: Phase, step: int
) -> tuple[StepResult, Ledger]:
    device = learner.device
    forget_peak(device)
    started = time.perf_counter()
    tasks = phase.tasks_of_step(step)
    # Dropout and the like draw from torch's stream: own numbers for each step.
    torch.manual_seed(_mixed(feed.seed, step))
    result = take_step(
        learner,
        next(batches),
        tasks,
        step=step,
        lr_factor=phase.lr_factor,
        n_parts=feed.micro_batches,
    )
    seconds = time.perf_counter() - started
    moved = tuple(result.weights) if result.problem is None else ()
    return result, of_step(moved, result.passes, seconds=seconds, peak_mb=peak_mb(device))


def _strikes_after(result: StepResult, strikes: int) -> int:
    if result.problem is None:
        return 0
    if strikes + 1 >= MAX_STRIKES:
        msg = f"{result.problem}, the third step in a row that could not be taken"
        raise TrialFailedError(FailureKind.NON_FINITE, msg)
    return strikes + 1


def _values_of(result: StepResult) -> dict[str, float]:
    losses = {f"loss/{task}": loss for task, loss in result.losses.items()}
    weights = {f"weight/{task}": weight for task, weight in result.weights.items()}
    return {**losses, **weights, **result.diagnostics}


def _means(steps: Iterable[Mapping[str, float]]) -> dict[str, float]:
    gathered: dict[str, list[float]] = {}
    for step in steps:
        for name, value in step.items():
            gathered.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in gathered.items()}


def _mixed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed % 2**63, step]).generate_state(1)[0])
