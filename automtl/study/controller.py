"""Between the ledger and the dispatcher: each decision is committed before it is answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from automtl.controller.baselines import nothing_remembered, turn_of
from automtl.controller.constraints import KnownCosts, nothing_known, violations
from automtl.controller.ending import ending_of
from automtl.controller.promotion import stopping_rule
from automtl.controller.propose import propose
from automtl.controller.replication import missing_replicates
from automtl.controller.rungs import best_report, epochs_done
from automtl.controller.stopping import Phase, StoppingRule
from automtl.controller.took import SearchTime, took_s
from automtl.controller.waiting import first_queued
from automtl.ledger.attempts import read_attempts
from automtl.ledger.stop import Stop
from automtl.ledger.store import Ledger
from automtl.results import (
    Decision,
    EpochReport,
    Failure,
    FailureKind,
    Note,
    TrialOrder,
    TrialRecord,
    TrialStatus,
)
from automtl.space.search import Search
from automtl.study.disk import DiskGuard
from automtl.study.failures import missing_values
from automtl.study.folder import StudyFolder
from automtl.study.kept import Kept, KeptBaselines, replay
from automtl.study.observer import Observer
from automtl.study.replicate import add_missing, due, seeds_wanted
from automtl.study.retries import also_in_halves, may_retry, retry_line
from automtl.study.stop import StopWatch
from automtl.study.trial_files import TrialFiles


@dataclass(slots=True, kw_only=True)
class StudyController:
    """Answers a dispatcher (``automtl.dispatch.base.Controller``) from the ledger.

    Attributes:
        recipe: The search.
        ledger: Held under a lease.
        folder: Of the study.
        artifacts: Address of the files of trials; empty where they lie in the folder.
        observer: Told of every event.
        clock: Unix time.
        known: Metrics that are known before a trial is trained; over a limit, it never is.
        disk: Says whether there is room for a new trial; None lets all begin.
        only_replicates: New seeds for each member of the front, and nothing else; None searches,
            and then trains as many new seeds as the recipe says.
        stop: Says whether somebody asked the search to end.
        kept: Baselines of earlier searches, which are not trained again; None trains all.
    """

    recipe: Search
    ledger: Ledger
    folder: StudyFolder
    observer: Observer
    clock: Callable[[], float] = time.time
    known: KnownCosts = nothing_known
    disk: DiskGuard | None = None
    only_replicates: int | None = None
    artifacts: str = ""
    stop: StopWatch = field(default_factory=StopWatch)
    kept: KeptBaselines | None = None
    _decisions: dict[int, Decision] = field(default_factory=dict)
    _exhausted: bool = False
    _stopping: StoppingRule = field(init=False)
    _files: TrialFiles = field(init=False)
    time: SearchTime = field(init=False)

    def __post_init__(self) -> None:
        """Take up what an earlier controller left."""
        self._stopping = stopping_rule(self.recipe)
        self._files = TrialFiles(
            folder=self.folder, artifacts=self.artifacts, observer=self.observer
        )
        for record in self.ledger.history():
            self._take_up(record)
        history = self.ledger.history()
        self._files.remove_useless(history)
        self.time = SearchTime(took_s(read_attempts(self.ledger), history), self.clock)
        self.observer.began(history, self.time.before_s)

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked to end now."""
        return self.stop.is_now

    @property
    def was_stopped(self) -> bool:
        """Whether something is left to do because the user asked to end."""
        return self.stop.wanted is not None and not self.is_over

    def request_stop(self) -> None:
        """Start no more trials; running ones save their state at the next report and pause."""
        self.stop.wanted = Stop.NOW

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: the budget is spent and every trial has ended."""
        history = self.ledger.history()
        alone = self.only_replicates
        if not all(record.status.is_final for record in due(history, alone)):
            return False
        if alone is None and self._ending(history) is Phase.OPEN:
            return False
        n_seeds = seeds_wanted(self.recipe, alone)
        return not missing_replicates(history, self.recipe.objectives, n_seeds)

    def next_order(self) -> TrialOrder | None:
        """Run what is queued, else resume what is promoted, else propose.

        At the end, trials that nothing will resume are stopped, and the front is replicated. None
        once the user asked to end. Baselines that an earlier search has trained end at once.
        """
        while (record := self._next_record()) is not None:
            kept = None if self.kept is None else self.kept.of_trial(record)
            if kept is None:
                return self._order(record)
            self._replay(record, kept)
        return None

    def _next_record(self) -> TrialRecord | None:
        if self.stop.look(self.observer.message) is not None:
            return None
        history = due(self.ledger.history(), self.only_replicates)
        phase = self._phase(history)
        waiting = self._waiting(history, phase)
        if waiting is None and phase is not Phase.OPEN:
            is_busy = any(record.status is TrialStatus.RUNNING for record in history)
            return None if is_busy else self._last_record()
        if not self._has_room(history):
            return None
        return self._proposed(history) if waiting is None else waiting

    def on_report(self, number: int, report: EpochReport) -> Decision:
        """Record a report; pause at a stop request, stop where a cost is over its limit."""
        record = self.ledger.add_report(number, report)
        if sum(known.attempt == report.attempt for known in record.reports) == 1:
            self._take_notes(record)
        self.observer.reported(record)
        decision = self._decide(record, report)
        self._decisions[number] = decision
        return decision

    def on_end(self, number: int, attempt: int, failure: Failure | None) -> None:
        """Record how an attempt ended."""
        decision = self._decisions.pop(number, Decision.CONTINUE)
        record = self._record(number)
        if attempt != record.attempts:
            self.observer.message(f"Trial {number}: a late end of attempt {attempt} is ignored")
            return
        self.time.end(number)
        self._take_notes(record)
        if failure is not None and may_retry(record, failure):
            self.ledger.requeue(number, failure)
            self.observer.message(retry_line(record, failure))
        elif failure is None and decision is Decision.PAUSE:
            self.ledger.pause(number)
        else:
            self._end(record, decision, failure)
        self.observer.ended(self._record(number), self.ledger.history())

    def _take_up(self, record: TrialRecord) -> None:
        """Let a trial wait for what it waited for when the last controller ended."""
        is_running, waits = record.status is TrialStatus.RUNNING, self._stopping.waits(record)
        if is_running and waits and self._files.hold(self.recipe, record):
            # It reached its rung and saved its state, but its end was not heard any more.
            self.ledger.pause(record.number, time_s=record.reports[-1].time_s)
        elif is_running or (record.status is TrialStatus.PAUSED and not waits):
            self.ledger.requeue(record.number)

    def _proposed(self, history: tuple[TrialRecord, ...]) -> TrialRecord | None:
        remembered = nothing_remembered if self.kept is None else self.kept.point_of
        proposal = propose(self.recipe, history, self.known, remembered)
        if proposal is None:
            self._exhausted = True
            self.observer.message("Every configuration has been tried or is over a limit")
            return self._next_record()
        return self.ledger.add_trial(
            number=len(history),
            point=proposal.point,
            config=proposal.config.to_plain(),
            config_digest=proposal.config.digest,
            origin=proposal.origin,
            seed=proposal.seed,
        )

    def _phase(self, history: tuple[TrialRecord, ...]) -> Phase:
        if self.only_replicates is not None:
            return Phase.OVER
        phase = self._ending(history)
        return Phase.CLOSING if phase is Phase.OPEN and self._exhausted else phase

    def _ending(self, history: tuple[TrialRecord, ...]) -> Phase:
        return ending_of(self.recipe, history, self.time.elapsed_s).phase

    def _last_record(self) -> TrialRecord | None:
        """Stop what nothing will resume, then begin the replicates that lack."""
        self._stop_paused()
        n_seeds = seeds_wanted(self.recipe, self.only_replicates)
        added = add_missing(self.ledger, self.recipe.objectives, n_seeds)
        return self._next_record() if added else None

    def _stop_paused(self) -> None:
        for record in due(self.ledger.history(), self.only_replicates):
            if record.status is TrialStatus.PAUSED:
                self._end(record, Decision.STOP, None)
                self.observer.ended(self._record(record.number), self.ledger.history())

    def _decide(self, record: TrialRecord, report: EpochReport) -> Decision:
        if self.stop.look(self.observer.message) is Stop.NOW:
            return Decision.PAUSE
        costs = {k: v for k, v in report.values.items() if k.startswith("cost/")}
        if violations(self.recipe, costs):
            return Decision.STOP
        return self._stopping.decide(self.ledger.history(), record.number)

    def _end(self, record: TrialRecord, decision: Decision, failure: Failure | None) -> None:
        if failure is not None and failure.kind is FailureKind.OUT_OF_MEMORY:
            failure = also_in_halves(record, failure)
        best = best_report(record.reports)
        values = {} if best is None else dict(best.values)
        failure = failure or missing_values(self.recipe.objectives, record, values)
        if failure is not None:
            status = TrialStatus.FAILED
        elif violations(self.recipe, values):
            status = TrialStatus.INFEASIBLE
        else:
            stopped = decision is Decision.STOP
            status = TrialStatus.STOPPED if stopped else TrialStatus.COMPLETED
        ended = self.ledger.end_trial(
            record.number,
            status=status,
            values={} if failure is not None else values,
            best_epoch=None if best is None or failure is not None else best.epoch,
            failure=failure,
        )
        self._files.remove_useless([ended])
        if self.kept is not None:
            self.kept.keep(ended, turn=turn_of(ended, self.ledger.history()))

    def _waiting(self, history: tuple[TrialRecord, ...], phase: Phase) -> TrialRecord | None:
        """Return the trial to run before any is proposed: one that is queued, or promoted now."""
        queued = first_queued(history)
        if queued is not None:
            return queued
        promoted = self._stopping.resumes(history, phase)
        return None if promoted is None else self.ledger.requeue(promoted)

    def _has_room(self, history: tuple[TrialRecord, ...]) -> bool:
        if self.disk is None:
            return True
        return self.disk.admits(
            is_idle=not any(record.status is TrialStatus.RUNNING for record in history),
            make_room=lambda: self._files.remove_beaten(
                self.ledger, history, self.recipe.objectives
            ),
            is_stopped=lambda: self.stop.look(self.observer.message) is not None,
            say=self.observer.message,
        )

    def _take_notes(self, record: TrialRecord) -> None:
        self._files.take_notes(self.ledger, record)

    def _record(self, number: int) -> TrialRecord:
        return self.ledger.history()[number]

    def _replay(self, record: TrialRecord, kept: Kept) -> None:
        record = self.ledger.start_attempt(record.number, worker=kept.origin)
        note = Note(number=record.number, attempt=record.attempts, text=kept.note)
        self.ledger.add_note(note)
        self.observer.started(record)
        replay(kept, record, self, self.clock)

    def _order(self, record: TrialRecord) -> TrialOrder:
        record = self.ledger.start_attempt(record.number, worker="")
        if record.replicate_of is None:
            self.time.begin(record.number)
        self.observer.started(record)
        return TrialOrder(
            number=record.number,
            attempt=record.attempts,
            point=record.point,
            config=record.config,
            seed=record.seed,
            folder=str(self.folder.trial(record.number).resolve()),
            artifacts=self._files.address(record.number),
            resume=record.attempts > 1,
            resources=self.recipe.resources.share,
            epochs_done=epochs_done(record),
            micro_batches=record.micro_batches,
        )
