"""How trials are run: the two sides that a dispatcher stands between."""

import errno
from collections.abc import Callable, Mapping
from typing import Protocol

from automtl.errors import AutomtlError, DataError, StorageError, TrialFailedError
from automtl.ledger.redaction import redacted
from automtl.results import Decision, EpochReport, Failure, FailureKind, TrialOrder

Report = Callable[[int, Mapping[str, float]], Decision]
"""``report(epoch, values)``, called by a training after each epoch; epochs count from 1."""

Trainable = Callable[[TrialOrder, Report], None]
"""Runs one attempt. It returns when done, or when ``report`` said pause or stop (its state is
then already in its working folder). It raises on failure. It must be picklable by cloudpickle."""


OUT_OF_MEMORY = (
    "out of memory",  # CUDA, as torch words it
    "can't allocate memory",  # torch's allocator of the host
    "STATUS_ALLOC_FAILED",  # cuDNN and cuBLAS
)
"""What the libraries say that raise no error of its own kind where memory runs out."""


class Controller(Protocol):
    """What a dispatcher asks. All calls come from one thread, in the order of events.

    The controller has committed what it answers before it answers.
    """

    def next_order(self) -> TrialOrder | None:
        """Return the next attempt to run, or None if there is none now.

        None while trials run means "ask again after the next event"; None while none runs
        means that the study is over.
        """
        ...

    def on_report(self, number: int, report: EpochReport) -> Decision:
        """Record a report and say how the trial goes on."""
        ...

    def on_end(self, number: int, attempt: int, failure: Failure | None) -> None:
        """Record the end of an attempt: None after a normal return, pause and stop included."""
        ...

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked to end: no new trials, running ones end at their report."""
        ...


class Dispatcher(Protocol):
    """Runs trials until the controller has no more (contract: ``dispatcher_contract``)."""

    def run(self, controller: Controller, trainable: Trainable) -> None:
        """Run to the end of the study. Raises :class:`DispatchError` if nothing can run."""
        ...


def failure_of(error: BaseException) -> Failure:
    """Name the reason of an exception raised by a training."""
    if isinstance(error, TrialFailedError):
        return Failure(kind=FailureKind(error.kind), message=redacted(error.what))
    text = str(error).strip().splitlines()
    first = text[0] if text else ""
    message = f"{type(error).__name__}: {first}" if first else type(error).__name__
    whole = str(error) if isinstance(error, AutomtlError) else message
    return Failure(kind=_kind_of(error), message=redacted(whole))


def _kind_of(error: BaseException) -> FailureKind:
    if isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY):
        return FailureKind.OUT_OF_MEMORY
    if is_disk_full(error):
        return FailureKind.DISK_FULL
    if isinstance(error, StorageError):
        return FailureKind.STORAGE
    if isinstance(error, DataError):
        return FailureKind.BAD_DATA
    return FailureKind.BAD_CONFIG if isinstance(error, AutomtlError) else FailureKind.ERROR


def is_disk_full(error: BaseException) -> bool:
    """Return whether an exception, or one that it came from, says that a disk is full.

    Libraries that write through their own code raise something else while that error is handled.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
