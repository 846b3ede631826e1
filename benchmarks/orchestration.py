"""What orchestration costs: seconds per trial beyond training, and the share of time in training.

Run it as `python -m benchmarks.orchestration --json [--quick]`.

Trials of a known length (a sleep with two reports) run on two slots, first through automtl with
everything that a search has - the quickstart recipe's proposals, the SQL ledger under its lease,
MLflow's outbox and its sender - then through Ray Tune with `OptunaSearch` at default settings.
Both use the same local Ray of this process; its start (3 to 5 s, once) is counted for neither.
Starting the worker processes is counted for both.

    overhead = (wall * slots - trials * length) / trials
    busy share = trials * length / (wall * slots)
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from automtl.dispatch.base import Controller
from automtl.dispatch.ray_cluster import LOCAL, connected
from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.experiment_log import ExperimentLog
from automtl.results import Decision, EpochReport, Failure, TrialOrder, TrialStatus
from automtl.space.parts import Budget
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from benchmarks.peers_orchestration import search_with_optuna
from benchmarks.record import Goal, print_record
from benchmarks.sleep_training import SleepTraining

SLOTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many trials of which length."""

    n_trials: int
    length_s: float

    def overhead_s(self, wall_s: float) -> float:
        """Slot seconds per trial that were not training."""
        return wall_s * SLOTS / self.n_trials - self.length_s

    def busy_share(self, wall_s: float) -> float:
        """Share of slot time spent training."""
        return self.n_trials * self.length_s / (wall_s * SLOTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """What is measured: many short trials, few long ones, and what the peer runs."""

    short: Load
    long: Load
    peer: Load


FULL = Loads(
    short=Load(n_trials=40, length_s=0.5),
    long=Load(n_trials=8, length_s=20),
    peer=Load(n_trials=40, length_s=0.5),
)
QUICK = Loads(
    short=Load(n_trials=40, length_s=0.1),
    long=Load(n_trials=4, length_s=20),
    peer=Load(n_trials=8, length_s=0.1),
)


@dataclass(slots=True)
class TimedController:
    """Passes everything on and notes how long answers take."""

    inner: Controller
    began_s: float = field(default_factory=time.time)
    first_report_s: float = 0.0
    propose_s: list[float] = field(default_factory=list)
    report_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    delivery_s: list[float] = field(default_factory=list)

    @property
    def stop_requested(self) -> bool:
        """Pass on."""
        return self.inner.stop_requested

    def next_order(self) -> TrialOrder | None:
        """Time a proposal, from the question to the committed answer."""
        with _timed(self.propose_s):
            return self.inner.next_order()

    def on_report(self, number: int, report: EpochReport) -> Decision:
        """Time a report's way to here, and what recording it takes."""
        self.first_report_s = self.first_report_s or report.time_s
        self.delivery_s.append(time.time() - report.time_s)
        with _timed(self.report_s):
            return self.inner.on_report(number, report)

    def on_end(self, number: int, attempt: int, failure: Failure | None) -> None:
        """Time the recording of an end."""
        with _timed(self.end_s):
            self.inner.on_end(number, attempt, failure)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record alone")
    parser.add_argument("--quick", action="store_true", help="shorter and fewer trials")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, connected(LOCAL, n_cpus=SLOTS):
        figures = _figures(QUICK if arguments.quick else FULL, Path(folder))
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:32} {value:.4f}")
    goals = {
        "overhead_s_per_trial": Goal(figures["overhead_s_per_trial"], 0.25, "<="),
        "busy_share": Goal(figures["busy_share"], 0.95, ">="),
    }
    print_record(figures, goals)


def _figures(loads: Loads, folder: Path) -> dict[str, float]:
    short, long, peer = loads.short, loads.long, loads.peer
    wall_s, timed = _search(short, folder / "short")
    long_wall_s, _ = _search(long, folder / "long")
    peer_wall_s = search_with_optuna(
        _metrics(_recipe(short)),
        n_trials=peer.n_trials,
        length_s=peer.length_s,
        folder=folder / "peer",
    )
    return {
        "overhead_s_per_trial": short.overhead_s(wall_s),
        "peer_overhead_s_per_trial": peer.overhead_s(peer_wall_s),
        "busy_share": long.busy_share(long_wall_s),
        "n_trials": short.n_trials,
        "trial_length_s": short.length_s,
        "peer_n_trials": peer.n_trials,
        "long_n_trials": long.n_trials,
        "long_trial_length_s": long.length_s,
        "start_s": timed.first_report_s - timed.began_s - short.length_s / 2,
        "propose_ms": 1e3 * median(timed.propose_s),
        "report_ms": 1e3 * median(timed.report_s),
        "end_ms": 1e3 * median(timed.end_s),
        "delivery_ms": 1e3 * median(timed.delivery_s),
    }


def _search(load: Load, root: Path) -> tuple[float, TimedController]:
    """Run a whole search but for the training; return its wall-clock seconds."""
    recipe = _recipe(load)
    folder = StudyFolder(root)
    training = SleepTraining(_metrics(recipe), load.length_s)
    create(recipe, folder, Settings(study=recipe.name))
    with opened(folder) as ledger, held(ledger):
        log = ExperimentLog(
            tracking_uri=folder.mlflow_uri, artifacts=folder.mlflow_artifacts, ledger=ledger
        )
        log.start()
        controller = StudyController(
            recipe=recipe, ledger=ledger, folder=folder, observer=Silent()
        )
        timed = TimedController(controller)
        began = time.perf_counter()
        RayTuneDispatcher(slots=SLOTS, scratch=root).run(timed, training)
        wall_s = time.perf_counter() - began
        log.close(timeout_s=30)
        history = ledger.history()
    n_done = sum(record.status is TrialStatus.COMPLETED for record in history)
    if n_done != load.n_trials:
        failures = {record.failure.message for record in history if record.failure}
        msg = f"{n_done} of {load.n_trials} trials were completed {failures or ''}"
        raise RuntimeError(msg)
    return wall_s, timed


def _recipe(load: Load) -> Recipe:
    recipe = load_recipe(find_recipe("quickstart"))
    return recipe.model_copy(update={"budget": Budget(trials=load.n_trials)})


def _metrics(recipe: Recipe) -> tuple[str, ...]:
    return tuple(objective.metric for objective in recipe.objectives)


@contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        into.append(time.perf_counter() - began)


if __name__ == "__main__":
    main()
