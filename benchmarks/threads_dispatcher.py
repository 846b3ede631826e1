"""Run trials in threads of this process: as many slots as wanted, a thread for each."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue

from automtl.dispatch.attempt import AttemptEnd, epoch_report, run_attempt
from automtl.dispatch.base import Controller, Trainable
from automtl.results import Decision, EpochReport, TrialOrder


@dataclass(slots=True)
class _Slot:
    """One attempt, and the queue on which its answers arrive."""

    order: TrialOrder
    events: "SimpleQueue[tuple[_Slot, EpochReport | AttemptEnd]]"
    answers: SimpleQueue[Decision] = field(default_factory=SimpleQueue)

    def run(self, trainable: Trainable) -> None:
        failure = run_attempt(trainable, self.order, self.report)
        self.events.put((self, AttemptEnd(failure)))

    def report(self, epoch: int, values: Mapping[str, float]) -> Decision:
        self.events.put((self, epoch_report(self.order, epoch, values)))
        return self.answers.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadsDispatcher:
    """Runs ``slots`` trials at a time (``automtl.dispatch.base.Dispatcher``).

    For trainings that wait rather than compute. The controller is asked from one thread only.
    """

    slots: int

    def run(self, controller: Controller, trainable: Trainable) -> None:
        """Run to the end of the study."""
        events: SimpleQueue[tuple[_Slot, EpochReport | AttemptEnd]] = SimpleQueue()
        n_running = 0
        while True:
            while n_running < self.slots and not controller.stop_requested:
                order = controller.next_order()
                if order is None:
                    break
                slot = _Slot(order, events)
                threading.Thread(target=slot.run, args=(trainable,), daemon=True).start()
                n_running += 1
            if not n_running:
                return
            slot, event = events.get()
            if isinstance(event, AttemptEnd):
                n_running -= 1
                controller.on_end(slot.order.number, slot.order.attempt, event.failure)
            else:
                slot.answers.put(controller.on_report(slot.order.number, event))
