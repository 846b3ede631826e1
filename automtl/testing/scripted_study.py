"""A controller that records and a training that follows a script: a study without a search."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident

from automtl.dispatch.base import Report
from automtl.results import Decision, EpochReport, Failure, Point, TrialOrder

PROGRESS = "progress.txt"


def scripted_training(order: TrialOrder, report: Report) -> None:
    """Do what the point says and report what was seen.

    The point may hold ``x`` (any number, reported), ``epochs`` (3 if absent), ``sleep_s`` (before
    each report) and ``fails_at`` (the epoch that raises). Progress lies in the order's folder.

    Raises:
        RuntimeError: At the epoch ``fails_at``.
    """
    progress = Path(order.folder) / PROGRESS
    done = int(progress.read_text()) if order.resume else 0
    for epoch in range(done + 1, int(order.point.get("epochs", 3)) + 1):
        time.sleep(float(order.point.get("sleep_s", 0.0)))
        if epoch == order.point.get("fails_at"):
            msg = f"trial {order.number} broke\nand said more"
            raise RuntimeError(msg)
        progress.write_text(str(epoch))
        x = float(order.point.get("x", 0.0))
        if report(epoch, {"x": x, "seed": order.seed}) is not Decision.CONTINUE:
            return


def always_continue(number: int, report: EpochReport) -> Decision:
    """Let every trial run to its end."""
    del number, report
    return Decision.CONTINUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An end that the dispatcher reported."""

    number: int
    attempt: int
    failure: Failure | None


@dataclass(slots=True, kw_only=True)
class ScriptedController:
    """Orders the points in turn and records everything that it is told.

    Attributes:
        points: What to run; the index is the trial's number.
        folder: Where trials keep their files.
        decide: Answers reports.
        holds_back: Whether a trial is ordered only when the one before has ended.
        resources: Share of each trial.
        stop_requested: Whether the user asked to end.
        orders: What was handed out.
        reports: What was reported, with the trial's number, in order.
        ends: What ended, in order.
        threads: Who called.
        times_s: Monotonic time of the first order and of each end.
    """

    points: Sequence[Point]
    folder: Path
    decide: Callable[[int, EpochReport], Decision] = always_continue
    holds_back: bool = False
    resources: Mapping[str, float] = field(default_factory=lambda: {"cpu": 1.0, "gpu": 0.0})
    stop_requested: bool = False
    orders: list[TrialOrder] = field(default_factory=list)
    reports: list[tuple[int, EpochReport]] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    times_s: list[float] = field(default_factory=list)
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)
    _paused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Queue the first attempt of each trial."""
        self._waiting.extend((number, 1) for number in range(len(self.points)))

    @property
    def n_running(self) -> int:
        """Attempts that were ordered and have not ended."""
        return len(self.orders) - len(self.ends)

    def next_order(self) -> TrialOrder | None:
        """Hand out the next attempt."""
        self.threads.add(get_ident())
        if not self._waiting or (self.holds_back and self.n_running):
            return None
        number, attempt = self._waiting.popleft()
        folder = self.folder / f"trial-{number}"
        folder.mkdir(exist_ok=True)
        order = TrialOrder(
            number=number,
            attempt=attempt,
            point=self.points[number],
            config={"nested": {"number": number}},
            seed=100 + number,
            folder=str(folder),
            resume=attempt > 1,
            resources=self.resources,
        )
        self.orders.append(order)
        self.times_s = self.times_s or [time.monotonic()]
        return order

    def on_report(self, number: int, report: EpochReport) -> Decision:
        """Record and decide."""
        self.threads.add(get_ident())
        self.reports.append((number, report))
        decision = self.decide(number, report)
        if decision is Decision.PAUSE:
            self._paused.add(number)
        return decision

    def on_end(self, number: int, attempt: int, failure: Failure | None) -> None:
        """Record; a paused trial waits for its next attempt, unless the user asked to end."""
        self.threads.add(get_ident())
        self.times_s.append(time.monotonic())
        self.ends.append(Ended(number=number, attempt=attempt, failure=failure))
        if number in self._paused and not self.stop_requested:
            self._paused.discard(number)
            self._waiting.append((number, attempt + 1))

    def epochs_of(self, number: int) -> list[int]:
        """Epochs that a trial reported, in order."""
        return [report.epoch for trial, report in self.reports if trial == number]
