"""How busy slots are, and how large the driver gets, with many trials at a time."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from automtl.dispatch.base import Dispatcher
from automtl.dispatch.ray_cluster import LOCAL, connected
from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.experiment_log import ExperimentLog
from automtl.results import TrialRecord, TrialStatus
from automtl.space.parts import Budget
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from benchmarks.sleep_training import SleepTraining
from benchmarks.threads_dispatcher import ThreadsDispatcher

LENGTH_S = 20.0
MB = 2**20
WORKER_MB = 230
SPARE_MB = 3000
"""What a Ray worker that trains nothing takes at most, and what is left to everybody else."""

SAMPLE_S = 0.2


@dataclass(slots=True)
class Peak:
    """The largest memory that this process held while it was watched, in MB.

    Attributes:
        largest_mb: Resident set; the processes of Ray, of trials and of MLflow are not in it.
    """

    largest_mb: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look several times a second."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            self.largest_mb = max(self.largest_mb, own.memory_info().rss / MB)
            if self._ended.wait(SAMPLE_S):
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """What so many trials at a time gave.

    Attributes:
        whole: Share of slot time in training, start of the processes and end included.
        steady: The same from when every slot had a trial until the last trial was begun.
        is_ray: Whether each slot was a process of Ray's; else threads of this one.
    """

    whole: float
    steady: float
    is_ray: bool


def measure_slots(root: Path, *, n_slots: int, rounds: int) -> Slots:
    """Run trials of 20 seconds, ``rounds`` after one another in each slot."""
    free_mb = psutil.virtual_memory().available / MB
    is_ray = n_slots * WORKER_MB + SPARE_MB < free_mb
    if not is_ray:
        return _measured(root, ThreadsDispatcher(slots=n_slots), n_slots, rounds, is_ray=False)
    with connected(LOCAL, n_cpus=n_slots):
        dispatcher = RayTuneDispatcher(slots=n_slots)
        return _measured(root, dispatcher, n_slots, rounds, is_ray=True)


def _measured(
    root: Path, dispatcher: Dispatcher, n_slots: int, rounds: int, *, is_ray: bool
) -> Slots:
    recipe = recipe_of(n_slots * rounds)
    training = SleepTraining(metrics_of(recipe), LENGTH_S)
    history = search(root, recipe, dispatcher, training)
    trainings = [_training_of(record) for record in history]
    begins = sorted(begin for begin, _ in trainings)
    asked = min(r.created_s for r in history)
    last_end = max(end for _, end in trainings)
    steady = (begins[n_slots - 1], max(r.created_s for r in history))
    return Slots(
        whole=busy_share(trainings, asked, last_end, n_slots),
        steady=busy_share(trainings, *steady, n_slots),
        is_ray=is_ray,
    )


def busy_share(
    trainings: Sequence[tuple[float, float]], start: float, end: float, n_slots: int
) -> float:
    """Return the share of slot time between two moments that was training.

    >>> busy_share([(0, 2), (1, 5)], 0, 4, 2)
    0.625
    """
    spent = sum(max(0.0, min(e, end) - max(b, start)) for b, e in trainings)
    return spent / (n_slots * (end - start))


def search(
    root: Path, recipe: Recipe, dispatcher: Dispatcher, training: SleepTraining
) -> tuple[TrialRecord, ...]:
    """Run a whole search but for the training: proposals, ledger, outbox, MLflow's process."""
    folder = StudyFolder(root)
    create(recipe, folder, Settings(study=recipe.name))
    with opened(folder) as ledger, held(ledger):
        log = ExperimentLog(
            tracking_uri=folder.mlflow_uri, artifacts=folder.mlflow_artifacts, ledger=ledger
        )
        log.start()
        controller = StudyController(
            recipe=recipe, ledger=ledger, folder=folder, observer=Silent()
        )
        dispatcher.run(controller, training)
        log.close(timeout_s=5)
        history = ledger.history()
    ended = [record for record in history if record.status is TrialStatus.COMPLETED]
    if len(ended) != recipe.budget.trials:
        failures = {record.failure.message for record in history if record.failure}
        msg = f"{len(ended)} of {recipe.budget.trials} trials were completed {failures or ''}"
        raise RuntimeError(msg)
    return history


def recipe_of(n_trials: int) -> Recipe:
    """Return the quickstart recipe with another budget."""
    recipe = load_recipe(find_recipe("quickstart"))
    return recipe.model_copy(update={"budget": Budget(trials=n_trials)})


def metrics_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the metrics that a training reports."""
    return tuple(objective.metric for objective in recipe.objectives)


def _training_of(record: TrialRecord) -> tuple[float, float]:
    """Return when a training began and ended, by the worker's own clock."""
    first, *_, last = record.reports
    return first.time_s - LENGTH_S / 2, last.time_s
