"""A search in virtual time: real proposals and real decisions, learning curves out of a table."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from automtl.controller.stopping import Phase, StoppingRule
from automtl.pareto import hypervolume
from automtl.results import Decision, EpochReport, Point, TrialRecord, TrialStatus
from automtl.space.search_space import SearchSpace

Curve = Callable[[Point], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is searched.

    Attributes:
        name: Of the data set.
        space: The points.
        curve: Losses after each epoch, shape ``(epochs, m)``.
        epochs: Of a full training.
        low: Best value of each objective in a large random sample.
        high: Where an objective's hypervolume begins.
        whole: Hypervolume of the sample, scaled by both.
    """

    name: str
    space: SearchSpace
    curve: Curve
    epochs: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: float

    def hypervolume(self, losses: NDArray[np.float64]) -> float:
        """Return the hypervolume of ``losses`` as a share of the sample's."""
        if not len(losses):
            return 0.0
        scaled = (losses - self.low) / (self.high - self.low)
        return hypervolume(scaled, np.ones(len(self.low))) / self.whole


class Method(Protocol):
    """What is compared: who proposes, and who is stopped."""

    stopping: StoppingRule
    rungs: tuple[int, ...]

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Return the next point."""
        ...

    def ended(self, number: int, losses: NDArray[np.float64]) -> None:
        """Hear what a trial was trained to."""
        ...


@dataclass(slots=True, kw_only=True)
class VirtualStudy:
    """A study whose trainings take no time.

    Attributes:
        problem: What is searched.
        method: Who searches.
        n_workers: Trials at a time.
        history: All trials.
        finished: Epochs spent and losses at each completion, in order; also of those that ended
            when the budget was spent.
        spent: Epochs that all workers together have trained.
    """

    problem: Problem
    method: Method
    n_workers: int = 1
    history: list[TrialRecord] = field(default_factory=list)
    finished: list[tuple[int, NDArray[np.float64]]] = field(default_factory=list)
    _curves: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    _events: list[tuple[float, int, int]] = field(default_factory=list)
    spent: int = 0
    _now: float = 0.0

    def run(self, n_epochs: int, *, n_trials: int | None = None) -> None:
        """Search until ``n_epochs`` have been trained by all workers together.

        Args:
            n_epochs: The budget.
            n_trials: Most trials that are proposed. When they are there, paused ones that are
                good enough are trained to their end, and then the search is over.
        """
        while self.spent < n_epochs:
            while len(self._events) < self.n_workers and self._begin(self._now, n_trials):
                pass
            if not self._events:
                return
            self._now, number, epoch = heapq.heappop(self._events)
            self._reach(number, epoch)
            if self.history[number].status is TrialStatus.RUNNING:
                self._schedule(number, self._now)

    def reached(self, n_epochs: int) -> float:
        """Return the hypervolume of what was finished within ``n_epochs``."""
        found = [losses for spent, losses in self.finished if spent <= n_epochs]
        return self.problem.hypervolume(np.array(found))

    def _begin(self, now: float, n_trials: int | None) -> bool:
        """Put a trial to work; False where none may be proposed and none is to be resumed."""
        is_open = n_trials is None or len(self.history) < n_trials
        phase = Phase.OPEN if is_open else Phase.CLOSING
        number = self.method.stopping.resumes(self.history, phase)
        if number is None and not is_open:
            return False
        if number is None:
            number = len(self.history)
            point = self.method.propose(self.history)
            self.history.append(_trial(number, point, self.problem.epochs))
            self._curves[number] = self.problem.curve(point)
        attempts = self.history[number].attempts + 1
        self._change(number, status=TrialStatus.RUNNING, attempts=attempts)
        self._schedule(number, now)
        return True

    def _schedule(self, number: int, now: float) -> None:
        done = len(self.history[number].reports)
        stop = next(e for e in (*self.method.rungs, self.problem.epochs) if e > done)
        heapq.heappush(self._events, (now + stop - done, number, stop))

    def _reach(self, number: int, epoch: int) -> None:
        record = self.history[number]
        new = self._reports(record, epoch)
        self.spent += len(new)
        self._change(number, reports=record.reports + new)
        if epoch == self.problem.epochs:
            self._change(number, status=TrialStatus.COMPLETED, values=dict(new[-1].values))
            losses = self._curves[number][-1]
            self.method.ended(number, losses)
            self.finished.append((self.spent, losses))
            return
        match self.method.stopping.decide(self.history, number):
            case Decision.PAUSE:
                self._change(number, status=TrialStatus.PAUSED)
            case Decision.STOP:
                self._change(number, status=TrialStatus.STOPPED, values=dict(new[-1].values))
            case Decision.CONTINUE:
                pass

    def _reports(self, record: TrialRecord, epoch: int) -> tuple[EpochReport, ...]:
        metrics = [objective.metric for objective in self.problem.space.objectives]
        return tuple(
            EpochReport.model_construct(
                attempt=record.attempts,
                epoch=e,
                values=dict(
                    zip(metrics, self._curves[record.number][e - 1].tolist(), strict=True)
                ),
                time_s=0.0,
            )
            for e in range(len(record.reports) + 1, epoch + 1)
        )

    def _change(self, number: int, **changes: Any) -> None:
        self.history[number] = self.history[number].model_copy(update=changes)


def _trial(number: int, point: Mapping[str, Any], epochs: int) -> TrialRecord:
    return TrialRecord(
        number=number,
        point=dict(point),
        config={"optimizer": {"epochs": epochs}},
        config_digest=str(number),
    )
