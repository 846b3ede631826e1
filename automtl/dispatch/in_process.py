"""Run trials one after another in this process: a whole study inside a debugger."""

from collections.abc import Mapping
from dataclasses import dataclass

from automtl.dispatch.attempt import epoch_report, run_attempt
from automtl.dispatch.base import Controller, Trainable
from automtl.results import Decision, TrialOrder


class InProcessDispatcher:
    """Runs every order in the calling thread; an interrupt passes through.

    A trial that ``KeyboardInterrupt`` ends is not reported as ended, so that a later controller
    resumes it.
    """

    def run(self, controller: Controller, trainable: Trainable) -> None:
        """Run to the end of the study."""
        while not controller.stop_requested:
            order = controller.next_order()
            if order is None:
                return
            desk = _Desk(controller, order)
            failure = run_attempt(trainable, order, desk.report)
            if desk.error is not None:
                raise desk.error
            controller.on_end(order.number, order.attempt, failure)


@dataclass(slots=True)
class _Desk:
    """Takes reports to the controller and keeps the controller's errors apart from a trial's."""

    controller: Controller
    order: TrialOrder
    error: Exception | None = None

    def report(self, epoch: int, values: Mapping[str, float]) -> Decision:
        report = epoch_report(self.order, epoch, values)
        try:
            return self.controller.on_report(self.order.number, report)
        except Exception as error:
            self.error = error
            raise
