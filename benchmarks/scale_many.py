"""What a decision costs and what the driver holds as a history grows to thousands of trials."""

import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import mean

import psutil

from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.experiment_log import ExperimentLog
from automtl.results import TrialOrder
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from benchmarks.scale_slots import MB, metrics_of, recipe_of

EPOCHS = 3
N_FURTHER = 30
"""Metrics that a vision training reports beside its objectives, about."""


@dataclass(slots=True)
class InstantTraining:
    """Reports three epochs of as many metrics as a vision training does, and takes no time.

    Attributes:
        metrics: The objectives.
        began_s: When each training began: monotonic seconds.
        held_mb: What this process held then.
    """

    metrics: tuple[str, ...]
    began_s: list[float] = field(default_factory=list)
    held_mb: list[float] = field(default_factory=list)

    def __call__(self, order: TrialOrder, report: Report) -> None:
        """Report values that differ from trial to trial and from epoch to epoch."""
        self.began_s.append(time.perf_counter())
        self.held_mb.append(psutil.Process().memory_info().rss / MB)
        for epoch in range(1, EPOCHS + 1):
            values = {m: (order.seed >> i + epoch) % 97 / 97 for i, m in enumerate(self.metrics)}
            values |= {f"further/{i}": order.seed / (i + epoch) for i in range(N_FURTHER)}
            report(epoch, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What so many trials gave.

    Attributes:
        first_ms: Milliseconds of a trial at the beginning, all its decisions and writes.
        last_ms: At the end.
        kb_per_trial: What the driver held more for each trial.
        pending: Events that MLflow had not got at the end.
        wall_s: Of all trials.
    """

    first_ms: float
    last_ms: float
    kb_per_trial: float
    pending: int
    wall_s: float


def measure_many(root: Path, n_trials: int) -> Growth:
    """Run trials one after another: the controller, the ledger, the outbox and MLflow are real."""
    recipe = recipe_of(n_trials)
    folder = StudyFolder(root)
    training = InstantTraining(metrics_of(recipe))
    create(recipe, folder, Settings(study=recipe.name))
    with opened(folder) as ledger, held(ledger):
        log = ExperimentLog(
            tracking_uri=folder.mlflow_uri, artifacts=folder.mlflow_artifacts, ledger=ledger
        )
        log.start()
        controller = StudyController(
            recipe=recipe, ledger=ledger, folder=folder, observer=Silent()
        )
        InProcessDispatcher().run(controller, training)
        pending = log.close(timeout_s=1)
        assert len(ledger.history()) == n_trials, "every trial is in the ledger"
    return growth_of(training, pending)


def growth_of(training: InstantTraining, pending: int) -> Growth:
    """Compare the end of a search with its beginning, a twentieth of the trials each."""
    times, held_mb = training.began_s, training.held_mb
    spent = [1e3 * (b - a) for a, b in pairwise(times)]
    part = max(len(times) // 20, 1)
    return Growth(
        first_ms=mean(spent[part : 2 * part]),
        last_ms=mean(spent[-part:]),
        kb_per_trial=1024 * (held_mb[-1] - held_mb[part]) / (len(held_mb) - part),
        pending=pending,
        wall_s=times[-1] - times[0],
    )
