"""Ctrl-C in a search: a clean end first, then at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from automtl.study.controller import StudyController
from automtl.study.observer import Observer


@contextmanager
def stop_on_interrupt(controller: StudyController, observer: Observer) -> Iterator[None]:
    """Turn the first Ctrl-C into a stop request; the second ends at once."""
    if threading.current_thread() is not threading.main_thread():
        # Python hands signals to the main thread alone, whose caller they belong to.
        yield
        return

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if controller.stop_requested:
            raise KeyboardInterrupt
        controller.request_stop()
        observer.message("Stopping: running trials save their state (Ctrl-C again ends at once)")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
