"""A thread that carries events from the outbox to MLflow; training never waits for it."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from automtl.experiment_log.sink import MlflowSink
from automtl.experiment_log.updates import updates_of
from automtl.ledger.store import Ledger

IDLE_S = 0.5
LONGEST_PAUSE_S = 60.0
EVENTS_AT_ONCE = 100


@dataclass(slots=True, kw_only=True)
class ExperimentLog:
    """Sends a study's events, in order, each until it has arrived.

    Attributes:
        tracking_uri: Where MLflow's server or database is.
        artifacts: Where artifacts go, if this process creates the experiment.
        ledger: Whose outbox is sent.
        last_error: First line of why the newest attempt to send failed; empty after a success.
    """

    tracking_uri: str
    artifacts: Path
    ledger: Ledger
    last_error: str = ""
    _sink: MlflowSink | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _deadline_s: float = float("inf")
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        study = self.ledger.study()
        self._sink = MlflowSink(
            tracking_uri=self.tracking_uri,
            artifacts=self.artifacts,
            experiment=study.name,
            study_tags={
                "automtl.recipe_digest": study.recipe_digest,
                "automtl.seed": str(study.seed),
                "automtl.objectives": ", ".join(f"{o.goal} {o.metric}" for o in study.objectives),
            },
            documents={"recipe.json": dict(study.recipe)},
        )
        self._thread = threading.Thread(target=self._send, name="experiment log", daemon=True)
        self._thread.start()

    def close(self, *, timeout_s: float, status: str = "FINISHED") -> int:
        """Send what is left, for at most ``timeout_s``.

        Returns:
            The number of events that wait for the next start.
        """
        self._deadline_s = time.monotonic() + timeout_s
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout_s + 1)
        left = self.ledger.outbox.count_pending()
        if not left and self._sink is not None and not self.last_error:
            self._sink.finish(status, time.time())
        return left

    def _send(self) -> None:
        failures = 0
        while True:
            try:
                n_sent = self._send_some()
                failures, self.last_error = 0, ""
            except Exception as error:  # noqa: BLE001  # whatever MLflow raises, events stay
                n_sent, failures = 0, failures + 1
                lines = str(error).strip().splitlines() or [""]
                self.last_error = f"{type(error).__name__}: {lines[0]}"
            if n_sent:
                continue
            if self._closing.is_set() and (not failures or time.monotonic() > self._deadline_s):
                return
            pause = min(LONGEST_PAUSE_S, IDLE_S * 2**failures)
            if self._closing.wait(pause):
                time.sleep(min(IDLE_S, max(0.0, self._deadline_s - time.monotonic())))

    def _send_some(self) -> int:
        assert self._sink is not None, "start() makes the sink"
        self._sink.connect()
        outbox = self.ledger.outbox
        events = outbox.pending(EVENTS_AT_ONCE)
        for n_sent, event in enumerate(events):
            if time.monotonic() > self._deadline_s:
                return n_sent
            for update in updates_of(event):
                self._sink.apply(update)
            outbox.mark_sent([event.id], time.time())
        return len(events)
