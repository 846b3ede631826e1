"""Train one configuration: a function from a configuration and data to a model.

Every random draw is a function of the seed and the step's number, so a training that was killed
and resumed ends with the same bits as one that was not (on one thread).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from automtl.config import TrialConfig
from automtl.data.sampling import BatchSampler
from automtl.data.table import DataInfo, SplitData
from automtl.data.view_cache import splits_with_views
from automtl.dispatch.base import Report
from automtl.dispatch.notes import leave_note
from automtl.model.cost import measure_costs
from automtl.model.network import MultiTaskNetwork
from automtl.results import OVER, Decision
from automtl.training.artifacts import SavedModel, save_model
from automtl.training.checkpoint import (
    Best,
    Checkpoint,
    Identity,
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from automtl.training.checkpoint_files import kept_checkpoints, remove_leftovers
from automtl.training.costs import merged
from automtl.training.epoch import Feed, make_feed, train_epoch
from automtl.training.evaluation import BATCH_SIZE, evaluate
from automtl.training.learner import Learner, build_learner
from automtl.training.schedule import Course, Phase, course_of, phase_of_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """What a training gives.

    Attributes:
        network: With the weights of the best epoch, in eval mode.
        config: What was trained.
        info: Classes and picture size.
        epochs: Finished epochs.
        best_epoch: The epoch with the largest ``score``; the first of equal ones.
        values: What the best epoch reported.
    """

    network: MultiTaskNetwork
    config: TrialConfig
    info: DataInfo
    epochs: int
    best_epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What stays in place during a training."""

    learner: Learner
    data: SplitData
    feed: Feed
    course: Course
    folder: Path | None
    kept: Callable[[], None]
    identity: Identity


def _nothing() -> None:
    """Do nothing: the folder is where files stay."""


def train(  # noqa: PLR0913  # each says something that the others cannot
    config: TrialConfig,
    data: SplitData,
    report: Report,
    *,
    seed: int,
    folder: Path | None,
    device: torch.device,
    resume: bool = False,
    initial: Mapping[str, Tensor] | None = None,
    frozen: Sequence[str] = (),
    lr_factors: Mapping[str, float] = MappingProxyType({}),
    view_cache: Path | None = None,
    micro_batches: int = 1,
    gpu_share: float = 1.0,
    kept: Callable[[], None] = _nothing,
) -> TrainedModel:
    """Train ``config`` on ``data`` and report after each epoch.

    Args:
        config: What to train.
        data: Trained on ``train``, evaluated on ``validation``; ``test`` is not touched.
        report: Told the values of each epoch; anything but ``CONTINUE`` ends the training.
        seed: Decides the initial weights, the batches and every other draw.
        folder: For the best weights and the checkpoint; None keeps nothing.
        device: Where to train.
        resume: Whether to continue the checkpoint in ``folder``, if there is one.
        initial: Tensors to start from instead of the configuration's own.
        frozen: Parts of the network that stay as they are, as in ``Stage.frozen``.
        lr_factors: What multiplies the learning rate of a part, by the same names.
        view_cache: Folder in which views of the frames are kept for other trainings; None
            computes them for this one.
        micro_batches: In how many parts a step takes its batch, and as much less an evaluation's
            forward pass, to save memory (``halves.py`` says what changes).
        gpu_share: This training's share of its GPU, where it has one.
        kept: Called after each checkpoint that was written.

    Raises:
        TrialFailedError: If losses or gradients stay non-finite.
        DataError: If no training frame has labels of a task.
        AutomtlError: If a checkpoint or ``initial`` does not fit.
    """
    sampler = BatchSampler(data.train, batch_size=config.optimizer.batch_size, seed=seed)
    sampler.check(config.trained)
    data = splits_with_views(data, config.backbone.views, folder=view_cache)
    with _own_random_stream(device):
        torch.manual_seed(seed)
        learner = build_learner(
            config,
            data.info,
            seed=seed,
            device=device,
            initial=initial,
            frozen=frozen,
            lr_factors=lr_factors,
        )
        run = _Run(
            learner=learner,
            data=data,
            feed=make_feed(
                data.train,
                sampler,
                seed=seed,
                plan=learner.plan,
                gpu_share=gpu_share,
                micro_batches=micro_batches,
            ),
            course=course_of(config, data.train.labels, seed=seed),
            folder=folder,
            kept=kept,
            identity=Identity(config=config.digest, data=data.info.digest, seed=seed),
        )
        return _to_the_end(run, _begin(run, resume=resume), report)


def _to_the_end(run: _Run, progress: Progress, report: Report) -> TrainedModel:
    """Train until the last epoch, or until the schedule or ``report`` ends it.

    Files follow the report: killed between the two, a resume gives the same report again, which
    the ledger knows how to take; the other way round a report would be lost. And an attempt that
    was given up for lost, and lives, gets no answer: it writes nothing over its successor's.
    """
    decision, phase = Decision.CONTINUE, _next_phase(run, progress)
    while decision is Decision.CONTINUE and phase is not None:
        progress, values = _one_epoch(run, phase, progress)
        phase = _next_phase(run, progress)
        is_short = phase is None and progress.epoch < run.learner.config.optimizer.epochs
        decision = report(progress.epoch, {**values, **({OVER: 1.0} if is_short else {})})
        _save(run, progress)
    return _trained(run, progress)


def _next_phase(run: _Run, progress: Progress) -> Phase | None:
    """Return what the next epoch does, or None if there is none."""
    if progress.epoch >= run.learner.config.optimizer.epochs:
        return None
    return phase_of_epoch(run.course, progress.epoch, progress.history)


def _one_epoch(run: _Run, phase: Phase, progress: Progress) -> tuple[Progress, dict[str, float]]:
    """Train, evaluate, and remember the weights if they are the best so far."""
    learner = run.learner
    config = learner.config
    costs = progress.costs or measure_costs(learner.network, config.backbone.image_size)
    result = train_epoch(learner, run.feed, phase, epoch=progress.epoch, strikes=progress.strikes)
    metrics = evaluate(
        learner.network,
        run.data.validation,
        learner.info,
        config.tasks,
        batch_size=max(1, BATCH_SIZE // run.feed.micro_batches),
    )
    primary = {name: metrics[task.primary] for name, task in learner.tasks.items()}
    progress = replace(
        progress,
        epoch=progress.epoch + 1,
        spent=merged(progress.spent, result.costs),
        history=(*progress.history, primary),
        strikes=result.strikes,
        costs=costs,
    )
    values = {
        **metrics,
        **result.values,
        "score": sum(primary.values()) / len(primary),
        **costs,
        **progress.spent,
        "cost/steps": float(progress.epoch * config.optimizer.steps_per_epoch),
        **learner.plan.facts(frames_held=run.feed.held is not None),
    }
    return replace(progress, best=_better(run, progress, values)), values


def _better(run: _Run, progress: Progress, values: Mapping[str, float]) -> Best:
    """Return the best epoch so far."""
    score = values["score"] if math.isfinite(values["score"]) else -math.inf
    if progress.best is not None and score <= progress.best.score:
        return progress.best
    state = {
        name: tensor.detach().cpu().clone()
        for name, tensor in run.learner.network.state_dict().items()
    }
    return Best(epoch=progress.epoch, score=score, values=dict(values), state=state)


def _write_best(run: _Run, folder: Path, best: Best) -> None:
    saved = SavedModel(
        config=run.learner.config,
        info=run.learner.info,
        state=best.state,
        epoch=best.epoch,
        values=best.values,
    )
    save_model(folder, saved)


def _begin(run: _Run, *, resume: bool) -> Progress:
    """Continue the checkpoint in the folder, or start over."""
    if run.folder is None:
        return Progress()
    remove_leftovers(run.folder)
    if not resume:
        for path in kept_checkpoints(run.folder):
            path.unlink()
        return Progress()
    resumed = load_checkpoint(run.folder, run.identity)
    if resumed.note:
        leave_note(run.folder, resumed.note)
    found = resumed.checkpoint
    if found is None:
        return Progress()
    learner = run.learner
    learner.network.load_state_dict(dict(found.network), strict=True)
    learner.weighting.load_state_dict(found.weighting)
    for optimizer, state in zip(learner.optimizers.values(), found.optimizers, strict=True):
        optimizer.load_state_dict(dict(state))
    if found.progress.best is not None:
        # A kill may have come between the weights and the checkpoint of a later epoch.
        _write_best(run, run.folder, found.progress.best)
    return found.progress


def _save(run: _Run, progress: Progress) -> None:
    if run.folder is None:
        return
    if progress.best is not None and progress.best.epoch == progress.epoch:
        _write_best(run, run.folder, progress.best)
    learner = run.learner
    checkpoint = Checkpoint(
        progress=progress,
        network=learner.network.state_dict(),
        optimizers=tuple(o.state_dict() for o in learner.optimizers.values()),
        weighting=learner.weighting.state_dict(),
    )
    save_checkpoint(run.folder, checkpoint, run.identity)
    run.kept()


def _trained(run: _Run, progress: Progress) -> TrainedModel:
    best = progress.best
    assert best is not None, "a training has at least one epoch"
    run.learner.network.load_state_dict(dict(best.state), strict=True)
    return TrainedModel(
        network=run.learner.network.eval(),
        config=run.learner.config,
        info=run.learner.info,
        epochs=progress.epoch,
        best_epoch=best.epoch,
        values=best.values,
    )


@contextmanager
def _own_random_stream(device: torch.device) -> Iterator[None]:
    """Leave torch's global random streams as they were found."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
