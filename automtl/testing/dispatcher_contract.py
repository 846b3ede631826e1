"""What every dispatcher must do. A test module inherits the suite and gives one fixture.

Example::

    class TestMine(DispatcherContract):
        @pytest.fixture
        def dispatcher(self):
            return MyDispatcher()
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

import pytest

from automtl.dispatch.base import Dispatcher, Report
from automtl.errors import LedgerError, TrialFailedError
from automtl.results import Decision, EpochReport, FailureKind, Point, TrialOrder
from automtl.testing.scripted_study import ScriptedController, scripted_training


class DispatcherContract:
    """Tests of a dispatcher against a controller that records."""

    @pytest.fixture
    def dispatcher(self) -> Dispatcher:
        """Give the dispatcher under test."""
        raise NotImplementedError

    def test_each_trial_runs_once_and_ends_after_its_reports(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """Trials are neither lost nor doubled."""
        controller = _run(dispatcher, tmp_path, [{"x": n} for n in range(5)])
        assert sorted(end.number for end in controller.ends) == [0, 1, 2, 3, 4]
        assert all(end.failure is None and end.attempt == 1 for end in controller.ends)
        assert all(controller.epochs_of(n) == [1, 2, 3] for n in range(5))

    def test_a_trial_sees_its_own_point_and_seed(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """Different values really reach the training."""
        controller = _run(dispatcher, tmp_path, [{"x": 10.0 + n} for n in range(5)])
        seen = {(n, report.values["x"], report.values["seed"]) for n, report in controller.reports}
        assert seen == {(n, 10.0 + n, 100.0 + n) for n in range(5)}

    def test_an_empty_study_ends(self, dispatcher: Dispatcher, tmp_path: Path) -> None:
        """None at the first question means that there is nothing to do."""
        assert _run(dispatcher, tmp_path, []).ends == []

    def test_the_next_trial_may_depend_on_the_last_end(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """None while a trial runs means "ask again", not "over"."""
        controller = _run(dispatcher, tmp_path, [{"x": n} for n in range(3)], holds_back=True)
        assert [end.number for end in controller.ends] == [0, 1, 2]

    def test_a_stopped_trial_reports_no_more(self, dispatcher: Dispatcher, tmp_path: Path) -> None:
        """Stop is obeyed at the report that it answers, and is no failure."""

        def decide(number: int, report: EpochReport) -> Decision:
            return Decision.STOP if (number, report.epoch) == (1, 2) else Decision.CONTINUE

        controller = _run(dispatcher, tmp_path, [{}, {}, {}], decide=decide)
        assert [controller.epochs_of(n) for n in range(3)] == [[1, 2, 3], [1, 2], [1, 2, 3]]
        assert [end.failure for end in controller.ends] == [None, None, None]

    def test_a_paused_trial_goes_on_in_its_next_attempt(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """Pause ends the attempt; a later order resumes from what lies in the folder."""

        def decide(number: int, report: EpochReport) -> Decision:
            pauses = (number, report.epoch, report.attempt) == (0, 2, 1)
            return Decision.PAUSE if pauses else Decision.CONTINUE

        controller = _run(dispatcher, tmp_path, [{}, {}], decide=decide)
        assert controller.epochs_of(0) == [1, 2, 3]
        assert [r.attempt for n, r in controller.reports if n == 0] == [1, 1, 2]
        assert sorted((end.number, end.attempt) for end in controller.ends) == [
            (0, 1),
            (0, 2),
            (1, 1),
        ]

    def test_a_failure_is_named_and_the_others_go_on(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """The reason is the first line of the real error, without the dispatcher's wrapping."""
        controller = _run(dispatcher, tmp_path, [{}, {"fails_at": 2}, {}])
        failures = {end.number: end.failure for end in controller.ends}
        assert failures[0] is None
        assert failures[2] is None
        assert failures[1] is not None
        assert failures[1].kind is FailureKind.ERROR
        assert failures[1].message == "RuntimeError: trial 1 broke"
        assert controller.epochs_of(1) == [1]
        assert "and said more" in (tmp_path / "trial-1" / "traceback.txt").read_text()

    def test_a_typed_failure_keeps_its_kind(self, dispatcher: Dispatcher, tmp_path: Path) -> None:
        """``TrialFailedError`` carries the kind of the failure."""
        controller = ScriptedController(points=[{}], folder=tmp_path)
        dispatcher.run(controller, fails_without_memory)
        failure = controller.ends[0].failure
        assert failure is not None
        assert (failure.kind, failure.message) == (FailureKind.OUT_OF_MEMORY, "12 GB at once")

    def test_a_value_that_is_not_finite_fails_the_trial(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """The controller never sees NaN; the reason names the metric and the epoch."""
        controller = ScriptedController(points=[{}, {}], folder=tmp_path)
        dispatcher.run(controller, reports_nan)
        assert controller.reports == []
        failures = [end.failure for end in controller.ends]
        assert [f.kind for f in failures if f] == [FailureKind.NON_FINITE] * 2
        assert [f.message for f in failures if f] == ["epoch 1 reported loss = nan"] * 2

    def test_a_stop_request_ends_the_run(self, dispatcher: Dispatcher, tmp_path: Path) -> None:
        """Running trials end at their report and nothing new begins."""
        controller = ScriptedController(points=[{}] * 6, folder=tmp_path)

        def decide(number: int, report: EpochReport) -> Decision:
            del number
            controller.stop_requested = controller.stop_requested or report.epoch == 2
            return Decision.PAUSE if controller.stop_requested else Decision.CONTINUE

        controller.decide = decide
        dispatcher.run(controller, scripted_training)
        assert controller.n_running == 0
        assert len(controller.orders) <= 2
        assert all(end.failure is None for end in controller.ends)

    def test_an_error_of_the_controller_passes_through(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """A broken ledger is not a failed trial."""

        def decide(number: int, report: EpochReport) -> Decision:
            del number, report
            msg = "another controller holds the ledger"
            raise LedgerError(msg)

        with pytest.raises(LedgerError, match="another controller holds"):
            _run(dispatcher, tmp_path, [{}, {}], decide=decide)

    def test_an_error_at_the_end_of_a_trial_passes_through(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """The same where the end cannot be recorded."""
        controller = _BrokenAtEnd(ScriptedController(points=[{}, {}, {}], folder=tmp_path))
        with pytest.raises(LedgerError, match="disk is full"):
            dispatcher.run(controller, scripted_training)

    def test_the_controller_is_called_from_one_thread(
        self, dispatcher: Dispatcher, tmp_path: Path
    ) -> None:
        """The caller's thread, in which the ledger was opened."""
        controller = _run(dispatcher, tmp_path, [{}, {}, {}])
        assert controller.threads == {get_ident()}


def fails_without_memory(order: TrialOrder, report: Report) -> None:
    """Fail as a training does that asked for too much memory."""
    del order, report
    raise TrialFailedError(FailureKind.OUT_OF_MEMORY, "12 GB at once")


def reports_nan(order: TrialOrder, report: Report) -> None:
    """Report a loss that is not a number."""
    del order
    report(1, {"loss": float("nan"), "x": 1.0})


@dataclass(slots=True)
class _BrokenAtEnd:
    inner: ScriptedController

    @property
    def stop_requested(self) -> bool:
        return False

    def next_order(self) -> TrialOrder | None:
        return self.inner.next_order()

    def on_report(self, number: int, report: EpochReport) -> Decision:
        return self.inner.on_report(number, report)

    def on_end(self, number: int, attempt: int, failure: object) -> None:
        del number, attempt, failure
        msg = "the disk is full"
        raise LedgerError(msg)


def _run(
    dispatcher: Dispatcher,
    folder: Path,
    points: Sequence[Point],
    *,
    decide: Callable[[int, EpochReport], Decision] | None = None,
    holds_back: bool = False,
) -> ScriptedController:
    controller = ScriptedController(points=points, folder=folder, holds_back=holds_back)
    if decide is not None:
        controller.decide = decide
    dispatcher.run(controller, scripted_training)
    return controller
