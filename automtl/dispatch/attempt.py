"""One attempt of a trial: what every dispatcher does around the user's function."""

import math
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from automtl.dispatch.base import Report, Trainable, failure_of
from automtl.errors import StorageError, TrialFailedError
from automtl.ledger.redaction import redacted
from automtl.results import Decision, EpochReport, Failure, FailureKind, TrialOrder
from automtl.storage.choose import put_text, store_at

TRACEBACK_FILE = "traceback.txt"
"""Where, in the trial's folder, the traceback of a failed attempt is kept for people."""


def epoch_report(order: TrialOrder, epoch: int, values: Mapping[str, float]) -> EpochReport:
    """Stamp what a training reported.

    Args:
        order: The attempt that reports.
        epoch: From 1.
        values: Metrics by key; anything that ``float`` accepts.

    Raises:
        TrialFailedError: If a value is infinite or not a number.
    """
    plain = {key: float(value) for key, value in values.items()}
    bad = [f"{key} = {value}" for key, value in plain.items() if not math.isfinite(value)]
    if bad:
        raise TrialFailedError(
            FailureKind.NON_FINITE, f"epoch {epoch} reported {', '.join(sorted(bad))}"
        )
    return EpochReport(attempt=order.attempt, epoch=epoch, values=plain, time_s=time.time())


def run_attempt(trainable: Trainable, order: TrialOrder, report: Report) -> Failure | None:
    """Run the user's function and name the reason if it fails.

    The traceback of a failure goes to ``traceback.txt`` beside the trial's other files, if there
    is a place for them.

    Returns:
        None after a normal return, pause and stop included.
    """
    try:
        trainable(order, report)
    except Exception as error:  # noqa: BLE001 - the border to foreign code
        failure = failure_of(error)
        lost = _keep_traceback(order, error)
        return failure.model_copy(update={"message": failure.message + lost})
    return None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """An attempt that is over.

    Attributes:
        failure: Why it failed, or None.
    """

    failure: Failure | None


@dataclass(slots=True)
class SteppedAttempt:
    """An attempt that runs in a thread and is driven from report to report.

    Attributes:
        trainable: The user's function.
        order: What it is to run.
    """

    trainable: Trainable
    order: TrialOrder
    _events: SimpleQueue[EpochReport | AttemptEnd] = field(default_factory=SimpleQueue)
    _answers: SimpleQueue[Decision] = field(default_factory=SimpleQueue)
    _thread: threading.Thread | None = None

    def step(self, decision: Decision) -> EpochReport | AttemptEnd:
        """Go on until the next report or the end.

        Args:
            decision: The answer to the last report; the first step has none to answer.

        Returns:
            The next report, which then waits for its answer, or the end.
        """
        if self._thread is None:
            # A daemon: a training that hangs must not keep a process alive that was told to end.
            self._thread = threading.Thread(target=self._run, name="training", daemon=True)
            self._thread.start()
        else:
            self._answers.put(decision)
        event = self._events.get()
        if isinstance(event, AttemptEnd):
            self._thread.join()
        return event

    def _run(self) -> None:
        failure: Failure | None = None
        try:
            failure = run_attempt(self.trainable, self.order, self._report)
        except BaseException as error:  # noqa: BLE001 - SystemExit must not look like a hang
            failure = failure_of(error)
        finally:
            self._events.put(AttemptEnd(failure))

    def _report(self, epoch: int, values: Mapping[str, float]) -> Decision:
        self._events.put(epoch_report(self.order, epoch, values))
        return self._answers.get()


def _keep_traceback(order: TrialOrder, error: Exception) -> str:
    """Keep the traceback; return what to add to the failure if that cannot be done."""
    text = redacted("".join(traceback.format_exception(error)))
    folder = Path(order.folder)
    try:
        if order.artifacts:
            put_text(store_at(order.artifacts), TRACEBACK_FILE, text)
        elif folder.is_dir():
            (folder / TRACEBACK_FILE).write_text(text, encoding="utf-8")
    except (OSError, StorageError) as second:
        return f" (its traceback could not be kept: {type(second).__name__})"
    return ""
