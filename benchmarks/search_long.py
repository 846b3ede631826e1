"""A long search with many workers: does it run through, and how long does a decision take?"""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from typing_extensions import override

from automtl.controller.stopping import Phase, StoppingRule
from automtl.results import Decision, TrialRecord
from benchmarks.search_methods import Automtl, Losses
from benchmarks.search_virtual import Method, Problem, VirtualStudy

N_SHOWN = 10
"""Parts of the history for which a latency is said."""


class Timed(StoppingRule):
    """A method whose answers are timed: proposals, and what becomes of a trial at a rung.

    Attributes:
        proposals_ms: One for each new trial.
        decisions_ms: One for each trial that came to a rung, with the length of the history.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self.rungs = method.rungs
        self.stopping: StoppingRule = self
        self.proposals_ms: list[float] = []
        self.decisions_ms: list[tuple[int, float]] = []

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask, and take the time."""
        began = time.perf_counter()
        found = self._method.propose(history)
        self.proposals_ms.append(1e3 * (time.perf_counter() - began))
        return found

    def ended(self, number: int, losses: Losses) -> None:
        """Hand on."""
        self._method.ended(number, losses)

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Decide, and take the time."""
        began = time.perf_counter()
        found = self._method.stopping.decide(history, number)
        self.decisions_ms.append((len(history), 1e3 * (time.perf_counter() - began)))
        return found

    @override
    def waits(self, record: TrialRecord) -> bool:
        """Hand on."""
        return self._method.stopping.waits(record)

    @override
    def resumes(self, history: Sequence[TrialRecord], phase: Phase) -> int | None:
        """Hand on."""
        return self._method.stopping.resumes(history, phase)


def long_search(problem: Problem, *, n_trials: int, n_workers: int = 64) -> dict[str, float]:
    """Search until there are ``n_trials``; return latencies over the history.

    The history is in memory: what the ledger adds is measured by `search_decision.py`.
    """
    timed = Timed(Automtl(problem, 0))
    study = VirtualStudy(problem=problem, method=timed, n_workers=n_workers)
    began = time.perf_counter()
    while len(study.history) < n_trials:
        study.run(study.spent + problem.epochs)
    figures = {
        "long/trials": float(len(study.history)),
        "long/workers": float(n_workers),
        "long/epochs": float(study.spent),
        "long/finished": float(len(study.finished)),
        "long/hypervolume": study.reached(study.spent),
        "long/seconds": time.perf_counter() - began,
    }
    for part in range(N_SHOWN):
        first, end = part * n_trials // N_SHOWN, (part + 1) * n_trials // N_SHOWN
        decided = [spent for n, spent in timed.decisions_ms if first < n <= end]
        figures[f"long/proposal_ms_at_{end}"] = median(timed.proposals_ms[first:end])
        if decided:  # the first trials of all workers begin before any comes to a rung
            figures[f"long/decision_ms_at_{end}"] = median(decided)
        print(
            f"{end} trials: {figures[f'long/proposal_ms_at_{end}']:.1f} ms a proposal", flush=True
        )
    return figures
