"""What Ray Tune asks for proposals and decisions: thin adapters over one controller.

Only :mod:`automtl.dispatch.ray_tune` imports this module, and only when a search on Ray begins.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import ray
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import NoopStopper, Stopper
from typing_extensions import override

from automtl.dispatch.base import Controller
from automtl.dispatch.ray_failures import failure_of_trial, hung_failure
from automtl.dispatch.ray_worker import FAILURE, ORDER, REPORT, WAITS
from automtl.dispatch.resources import fitting_slots
from automtl.dispatch.starts import Starts
from automtl.dispatch.watchdog import Watchdog
from automtl.results import Decision, EpochReport, Failure, TrialOrder

T = TypeVar("T")


@dataclass(slots=True)
class Bridge:
    """The one place that talks to the controller, always from Tune's loop.

    Attributes:
        controller: Who decides.
        nodes: ``cpu`` and ``gpu`` of each machine.
        error: What the controller raised; Tune would hide it behind its own error.
        running: Orders that have not ended, by Tune's trial id, oldest first.
    """

    controller: Controller
    nodes: Sequence[Mapping[str, float]]
    error: Exception | None = None
    running: dict[str, TrialOrder] = field(default_factory=dict)
    _is_waiting: bool = False

    def next_order(self, trial_id: str) -> TrialOrder | Literal["over"] | None:
        """Return what to run as Tune's trial ``trial_id``; None means "ask again"."""
        if self._is_waiting and self.running:
            return None
        order = None
        if not self.controller.stop_requested:
            order = self._guarded(self.controller.next_order)
        if order is None:
            self._is_waiting = True
            return None if self.running else "over"
        self._guarded(lambda: fitting_slots(self.nodes, order.resources))
        self.running[trial_id] = order
        return order

    def report(self, trial_id: str, report: EpochReport) -> Decision:
        """Record a report and return the controller's decision."""
        self._is_waiting = False
        number = self.running[trial_id].number
        return self._guarded(lambda: self.controller.on_report(number, report))

    def end(self, trial_id: str, failure: Failure | None) -> None:
        """Record the end of an attempt, once."""
        self._is_waiting = False
        order = self.running.pop(trial_id, None)
        if order is not None:
            self._guarded(lambda: self.controller.on_end(order.number, order.attempt, failure))

    def _guarded(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except Exception as error:
            self.error = error
            raise


class OrderSearcher(Searcher):
    """Hands the controller's orders to Tune."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    @override
    def suggest(  # type: ignore[override] # Tune documents the string for "no more"
        self, trial_id: str
    ) -> dict[str, str] | str | None:
        """Return the next order; None means "ask again"."""
        order = self._bridge.next_order(trial_id)
        if order == "over":
            return Searcher.FINISHED
        return None if order is None else {ORDER: order.model_dump_json()}

    @override
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the scheduler is told first and tells the controller."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the ledger is the only truth."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: a search is resumed from the ledger."""


class OrderScheduler(TrialScheduler):
    """Takes reports to the controller and its decisions to the worker.

    Tune itself always hears "continue": a worker that is told to pause or stop returns from its
    training first, and only then does the trial end for Tune and for the controller. Left to
    Tune, a stop would drop the worker's last words, and a pause would wait for a checkpoint
    of Tune's own, which nobody reads.
    """

    def __init__(self, bridge: Bridge, watchdog: Watchdog) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge
        self._watchdog = watchdog
        self._starts = Starts(clock=watchdog.clock)
        self._trials: list[Trial] = []

    @override
    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Record a report and pass the decision on."""
        self._watchdog.heard(trial.trial_id)
        # Calls of one caller reach an actor in order: these are there before the next step.
        actor = trial.temporary_state.ray_actor
        is_needed = self._is_one_starting
        if actor is not None and is_needed != result.get(WAITS, False):
            actor.wait.remote(is_needed=is_needed)
        if WAITS in result:
            return TrialScheduler.CONTINUE
        decision = self._bridge.report(trial.trial_id, result[REPORT])
        if decision is not Decision.CONTINUE and actor is not None:
            actor.decide.remote(decision.value)
        return TrialScheduler.CONTINUE

    @property
    def _is_one_starting(self) -> bool:
        running = self._bridge.running
        pending = any(t.status == Trial.PENDING and t.trial_id in running for t in self._trials)
        up = {t.trial_id for t in self._trials if t.status == Trial.RUNNING}
        return pending and self._starts.are_hoped_for(up) and _have_room(running.values())

    @override
    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Record the end of an attempt."""
        self._watchdog.forget(trial.trial_id)
        self._bridge.end(trial.trial_id, result.get(FAILURE))

    @override
    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Record a failed attempt, by the first line of the real error."""
        self._watchdog.forget(trial.trial_id)
        hung = self._watchdog.was_hung(trial.trial_id)
        failure = hung_failure(self._watchdog.limit_s) if hung else failure_of_trial(trial)
        self._bridge.end(trial.trial_id, failure)

    @override
    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """Run trials in the order in which they were proposed."""
        live = tune_controller.get_live_trials()  # type: ignore[no-untyped-call]
        pending = {trial.trial_id: trial for trial in live if trial.status == Trial.PENDING}
        return next((pending[key] for key in self._bridge.running if key in pending), None)

    @override
    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Remember who may have a process."""
        over = (Trial.TERMINATED, Trial.ERROR)
        self._trials = [old for old in self._trials if old.status not in over] + [trial]

    @override
    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Do nothing: a trial that never ran is left for resume."""

    @override
    def debug_string(self) -> str:
        """Name the scheduler."""
        return "automtl"

    def end_the_hung(self) -> None:
        """End the processes of trials that have not reported for too long."""
        live = {t.trial_id: t for t in self._trials if t.status == Trial.RUNNING}
        for trial_id in self._watchdog.newly_hung(set(live)):
            actor = live[trial_id].temporary_state.ray_actor
            if actor is not None:
                ray.kill(actor)

    def abandon(self) -> None:
        """End the processes of all running trials; the controller hears of no end."""
        self._bridge.running.clear()
        for trial in self._trials:
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                ray.kill(actor)


class StopAfterGrace(Stopper):
    """Ends the run some time after the user asked to stop, or when the controller broke.

    Args:
        bridge: Knows both.
        scheduler: Knows the processes.
        grace_s: Seconds that running trials get to reach their next report.
    """

    def __init__(self, bridge: Bridge, scheduler: OrderScheduler, grace_s: float) -> None:
        self._bridge = bridge
        self._scheduler = scheduler
        self._grace_s = grace_s
        self._asked_s: float | None = None

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Stay behind when Tune writes its own state: the controller cannot travel."""
        return NoopStopper, ()

    @override
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Leave single trials to the scheduler."""
        return False

    @override
    def stop_all(self) -> bool:
        """Raise the controller's error, or say whether the time is over."""
        if self._bridge.error is not None:
            raise self._bridge.error
        self._scheduler.end_the_hung()
        if not self._bridge.controller.stop_requested:
            return False
        if self._asked_s is None:
            self._asked_s = time.monotonic()
        if time.monotonic() - self._asked_s <= self._grace_s:
            return False
        self._scheduler.abandon()
        return True


def _have_room(orders: Iterable[TrialOrder]) -> bool:
    """Return whether the cluster, as it is now, can hold all of these at the same time.

    Where a machine has died it cannot, and what is pending starts only after another one's end.
    """
    asked = [
        {"CPU": o.resources.get("cpu", 0.0), "GPU": o.resources.get("gpu", 0.0)} for o in orders
    ]
    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return all(sum(o[kind] for o in asked) <= there.get(kind, 0.0) for kind in ("CPU", "GPU"))
