"""A thread that carries events from the outbox to MLflow; training never waits for it.

It reads the ledger, under the lease, and leaves the writing to a process of its own.
"""

import contextlib
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from automtl.errors import LedgerError
from automtl.experiment_log.facts import study_params
from automtl.experiment_log.joining import Sending, sendings
from automtl.experiment_log.messages import RefusedError, SinkSettings, line_of
from automtl.experiment_log.remote import RemoteSink
from automtl.experiment_log.updates import STUDY_RUN, RunUpdate, trial_of
from automtl.ledger.database import LedgerUnreachableError
from automtl.ledger.outbox import EventKind
from automtl.ledger.redaction import first_line
from automtl.ledger.rows import read_left_out
from automtl.ledger.store import Ledger
from automtl.left_out import counts_of

IDLE_S = 0.5
LONGEST_PAUSE_S = 60.0
EVENTS_AT_ONCE = 1000
"""What waits is taken in such parts: the more, the more of it is written together."""
START_S = 30.0
"""At most this long the sender waits for a first report: until then trials are being started, and
loading MLflow takes as long again from the same processors."""


@dataclass(slots=True, kw_only=True)
class ExperimentLog:
    """Sends a study's events, in order, each until it has arrived.

    Attributes:
        tracking_uri: Where MLflow's server or database is.
        artifacts: Where artifacts go, if this process creates the experiment.
        ledger: Whose outbox is sent; its lease must be held.
        last_error: First line of why the newest attempt to send failed; empty after a success.
        refused: What MLflow will never take, each as one line; it is left out.
    """

    tracking_uri: str
    artifacts: Path
    ledger: Ledger
    last_error: str = ""
    refused: list[str] = field(default_factory=list)
    _sink: RemoteSink | None = None
    _runs: dict[int, str] = field(default_factory=dict)
    _status: str = "FINISHED"
    _closing: threading.Event = field(default_factory=threading.Event)
    _heard_s: float = 0.0
    _is_uploading: bool = False
    _last_s: float = float("inf")
    _patience_s: float = float("inf")
    _began_s: float = 0.0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        study = self.ledger.study()
        left_out = read_left_out(self.ledger.engine, self.ledger.name)
        unused = [asdict(one) for one in left_out]
        settings = SinkSettings(
            tracking_uri=self.tracking_uri,
            artifacts=self.artifacts,
            experiment=study.name,
            # Two studies of one name may share a server; their trials must not share runs.
            study=f"{study.name} {study.recipe_digest[:12]} {study.seed} {study.created_s!r}",
            study_tags={
                "automtl.recipe_digest": study.recipe_digest,
                "automtl.seed": str(study.seed),
                "automtl.objectives": ", ".join(f"{o.goal} {o.metric}" for o in study.objectives),
            }
            | {f"automtl.left_out.{kind}": str(n) for kind, n in counts_of(left_out).items()},
            documents={"recipe.json": dict(study.recipe)}
            | ({"left_out.json": unused} if unused else {}),
            data_digest=study.data_digest,
            study_params=study_params(study),
            objectives=tuple(o.metric for o in study.objectives),
        )
        self._sink = RemoteSink(settings)
        self._began_s = time.monotonic()
        self._thread = threading.Thread(target=self._send, name="experiment log", daemon=True)
        self._thread.start()

    def close(
        self, *, timeout_s: float, longest_s: float | None = None, status: str = "FINISHED"
    ) -> int:
        """Send what is left and end the study's run.

        Args:
            timeout_s: How long to wait for the next answer; for that to files ``longest_s``.
            longest_s: How long to go on while answers come; None takes ``timeout_s`` for all.
            status: Of the study's run.

        Returns:
            The number of events that wait for the next start.
        """
        self._status = status
        self._patience_s = timeout_s
        self._last_s = time.monotonic() + (timeout_s if longest_s is None else longest_s)
        self._heard_s = time.monotonic()
        self._closing.set()
        if self._thread is not None:
            while self._thread.is_alive() and not self._is_late:
                self._thread.join(min(1.0, max(0.0, self._deadline_s - time.monotonic())))
            self._thread.join(1)
            if self._sink is not None and self._thread.is_alive():
                self._sink.kill()
                self._thread.join(1)
        return self.ledger.outbox.count_pending()

    def _send(self) -> None:
        assert self._sink is not None, "start() makes the sink"
        try:
            self._send_all()
        finally:
            self._sink.close()

    @property
    def _is_early(self) -> bool:
        if self._sink is not None and self._sink.is_connected:
            return False
        if time.monotonic() > self._began_s + START_S or self._closing.is_set():
            return False
        waiting = self.ledger.outbox.pending(EVENTS_AT_ONCE)
        return all(event.kind is EventKind.TRIAL_STARTED for event in waiting)

    def _send_all(self) -> None:
        failures = 0
        while True:
            # Asked before: what is announced, or held back, until then is sent in another round.
            is_closing = self._closing.is_set()
            try:
                n_sent = self._send_some()
                if self._is_late:
                    return  # Perhaps with events left, and then the newest error still counts.
                failures, self.last_error = 0, ""
                if is_closing and not n_sent:
                    self._finish()
                    return
            except Exception as error:  # noqa: BLE001  # whatever MLflow raises, events stay
                n_sent, failures = 0, failures + 1
                self._note(error)
                lost = isinstance(error, LedgerError)
                if lost and not isinstance(error, LedgerUnreachableError):
                    return  # Another controller sends from here on.
            if self._is_late:
                return
            if not n_sent:
                self._pause(failures)

    def _note(self, error: Exception) -> None:
        # What was wrong all along says more than that the time ran out.
        if not (self._is_late and self.last_error):
            self.last_error = line_of(error)

    @property
    def _deadline_s(self) -> float:
        # Each answer is waited for anew: a server that is slow is not one that is away.
        # A model is one answer, however large it is.
        if self._is_uploading:
            return self._last_s
        return min(self._last_s, self._heard_s + self._patience_s)

    def _pause(self, failures: int) -> None:
        if self._closing.wait(min(LONGEST_PAUSE_S, IDLE_S * 2 ** min(failures, 10))) and failures:
            time.sleep(min(IDLE_S, max(0.0, self._deadline_s - time.monotonic())))

    def _send_some(self) -> int:
        if self._is_early:
            return 0
        sink = self._connected()
        outbox = self.ledger.outbox
        sent: list[int] = []
        runs: dict[int, str] = {}
        try:
            for sending in sendings(outbox.pending(EVENTS_AT_ONCE)):
                if self._is_late:
                    break
                self.ledger.confirm_lease()
                self._is_uploading = any(update.files for update in sending.updates)
                runs |= self._write(sink, sending)
                self._heard_s = time.monotonic()
                sent.extend(sending.ids)
        finally:
            self._is_uploading = False
            # Together, since each writing of the ledger waits for the disk.
            outbox.mark_sent(sent, time.time(), dict(runs.items() - self._runs.items()))
        self._runs |= runs
        return len(sent)

    def _connected(self) -> RemoteSink:
        assert self._sink is not None, "start() makes the sink"
        if not self._sink.is_connected:
            self.ledger.confirm_lease()
            self.ledger.set_mlflow_run(*self._sink.connect())
            self._heard_s = time.monotonic()
        return self._sink

    def _write(self, sink: RemoteSink, sending: Sending) -> dict[int, str]:
        """Write what belongs together, and return the runs of its trials."""
        if sending.joined is not None:
            # What MLflow refuses in one of them must not take the others with it.
            with contextlib.suppress(RefusedError):
                return _by_trial(sending.joined, sink.apply(sending.joined))
        found: dict[int, str] = {}
        for update in sending.updates:
            found |= self._apply(sink, update)
        return found

    def _apply(self, sink: RemoteSink, update: RunUpdate) -> dict[int, str]:
        try:
            return _by_trial(update, sink.apply(update))
        except RefusedError as error:
            self.refused.append(f"{update.name}: {first_line(error)}")
            return {}

    def _finish(self) -> None:
        sink = self._connected()
        if self.refused:
            tags = {"automtl.refused": "\n".join(self.refused)}
            sink.apply(RunUpdate(run=STUDY_RUN, name=STUDY_RUN, tags=tags))
        sink.finish(self._status, time.time())

    @property
    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline_s


def _by_trial(update: RunUpdate, run: str) -> dict[int, str]:
    number = trial_of(update.run)
    return {} if number is None else {number: run}
