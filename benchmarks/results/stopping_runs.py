"""Question 4: what early stopping keeps of a full search, on recorded trainings, in virtual time.

automtl's own table has every epoch of some hundred real trainings of three tasks
(`benchmarks/own_table.py`). Searches draw from its space and read its curves: one and the same
sampler with promotion at rungs, and with every trial trained to its end. Random proposals are the
same points in both, so that their difference is early stopping and nothing else.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray

from automtl.controller.promotion import Promotion
from automtl.controller.stopping import NeverStop
from automtl.space.early_stopping import rungs_for
from benchmarks.own_table import TABLE
from benchmarks.search_methods import ETA, Automtl, Chance
from benchmarks.search_problems import own_table, recorded_curves
from benchmarks.search_runs import code_digest
from benchmarks.search_virtual import Method, Problem, VirtualStudy

QUESTION = "stopping"
Proposals = Literal["random", "automtl"]
Limit = Literal["trials", "epochs"]
PROPOSALS: tuple[Proposals, ...] = ("random", "automtl")
KINDS: tuple[tuple[bool, Limit], ...] = ((False, "trials"), (True, "trials"), (True, "epochs"))
"""Full searches, promotion with as many trials, promotion with as many epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is searched.

    Attributes:
        n_trials: Trials of a full search.
        n_seeds: Searches of each kind.
        n_draws: Bootstrap draws of configurations.
    """

    n_trials: int = 60
    n_seeds: int = 20
    n_draws: int = 1_000


FULL = Size()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One search.

    Attributes:
        proposes: Who proposes.
        stops: Whether trials are stopped early.
        limit: What it ended at: so many ``trials``, or as many ``epochs`` as a full search takes.
        seed: Of the proposals.
        n_trials: Trials that were begun.
        spent: Epochs of all of them.
        marks: Epochs and hypervolume after each trial that was trained to its end. The
            hypervolume is a share of the whole table's.
    """

    proposes: Proposals
    stops: bool
    limit: Limit
    seed: int
    n_trials: int
    spent: int
    marks: tuple[tuple[int, float], ...]

    def reached(self, n_epochs: int) -> float:
        """Return the hypervolume after so many epochs, 0 where nothing had ended."""
        return max((value for spent, value in self.marks if spent <= n_epochs), default=0.0)

    @property
    def end(self) -> float:
        """The hypervolume at the end."""
        return self.reached(self.spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau:
    """Rank correlation of an epoch with the last one, over all configurations.

    Attributes:
        metric: The objective.
        epoch: From 1.
        kendall: Kendall's tau-b.
        low: Lower end of the 95 % bootstrap interval over configurations.
        high: Upper end.
    """

    metric: str
    epoch: int
    kendall: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What was found.

    Attributes:
        code: Version of the program and the table.
        n_trials: Trials of a full search.
        epochs: Of a full training.
        rungs: Epochs at which trials are compared.
        n_configurations: Recorded trainings.
        runs: The searches.
        taus: By objective and epoch.
    """

    code: str
    n_trials: int
    epochs: int
    rungs: tuple[int, ...]
    n_configurations: int
    runs: tuple[Run, ...]
    taus: tuple[Tau, ...]

    @property
    def n_early(self) -> int:
        """Epochs of a third of a full search: the budget of the published comparisons."""
        return self.n_trials * self.epochs // 3

    def to_plain(self) -> dict[str, Any]:
        """Return JSON types; :func:`stopping_of` gives the value back."""
        return asdict(self)


def stopping_of(plain: dict[str, Any]) -> Stopping:
    """Rebuild from ``to_plain``."""
    runs = [Run(**{**row, "marks": tuple(map(tuple, row["marks"]))}) for row in plain["runs"]]
    taus = tuple(Tau(**row) for row in plain["taus"])
    return Stopping(**{**plain, "runs": tuple(runs), "taus": taus, "rungs": tuple(plain["rungs"])})


def measured(size: Size = FULL) -> Stopping:
    """Run all searches, and compare each epoch with the last: some minutes of one core."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (problem,) = own_table().problems
    curves = recorded_curves(TABLE)
    return Stopping(
        code=code_digest(),
        n_trials=size.n_trials,
        epochs=problem.epochs,
        rungs=rungs_for(problem.epochs, ETA),
        n_configurations=len(curves),
        runs=tuple(
            searched(problem, proposes=proposes, stops=stops, limit=limit, seed=seed, size=size)
            for proposes in PROPOSALS
            for stops, limit in KINDS
            for seed in range(size.n_seeds)
        ),
        taus=taus(curves, [o.metric for o in problem.space.objectives], n_draws=size.n_draws),
    )


def searched(
    problem: Problem,
    *,
    proposes: Proposals,
    stops: bool,
    limit: Limit,
    seed: int,
    size: Size,
) -> Run:
    """Run one search.

    Args:
        problem: What is searched.
        proposes: Who proposes.
        stops: Whether trials are stopped early.
        limit: At what it ends.
        seed: Of the proposals.
        size: Trials of a full search, whose epochs are the budget.
    """
    study = VirtualStudy(problem=problem, method=method_of(problem, proposes, seed, stops=stops))
    budget = size.n_trials * problem.epochs
    study.run(budget, n_trials=size.n_trials if limit == "trials" else None)
    marks = [
        (spent, round(study.reached(spent), 5)) for spent, _ in study.finished if spent <= budget
    ]
    return Run(
        proposes=proposes,
        stops=stops,
        limit=limit,
        seed=seed,
        n_trials=len(study.history),
        spent=study.spent,
        marks=tuple(marks),
    )


def runs_of(found: Stopping, proposes: Proposals, *, stops: bool, limit: Limit) -> list[Run]:
    """Return the searches of one kind, by seed."""
    kind = (proposes, stops, limit)
    some = [one for one in found.runs if (one.proposes, one.stops, one.limit) == kind]
    return sorted(some, key=lambda one: one.seed)


def method_of(problem: Problem, proposes: Proposals, seed: int, *, stops: bool) -> Method:
    """Return a search: the same proposals with and without promotion."""
    method = Chance(problem, seed) if proposes == "random" else Automtl(problem, seed)
    method.rungs = rungs_for(problem.epochs, ETA) if stops else ()
    method.stopping = NeverStop()
    if stops:
        objectives = problem.space.objectives
        method.stopping = Promotion(objectives=objectives, rungs=method.rungs, eta=ETA)
    return method


def taus(curves: NDArray[np.float64], metrics: Sequence[str], *, n_draws: int) -> tuple[Tau, ...]:
    """Compare each epoch but the last with the last.

    Args:
        curves: Losses, shape ``(configurations, epochs, objectives)``.
        metrics: Names of the objectives.
        n_draws: Bootstrap draws of configurations, the same ones for all epochs.
    """
    rng = np.random.default_rng(0)
    draws = rng.integers(len(curves), size=(n_draws, len(curves)))
    found = []
    for place, metric in enumerate(metrics):
        last = curves[:, -1, place]
        for epoch in range(1, curves.shape[1]):
            early = curves[:, epoch - 1, place]
            low, high = np.quantile([_tau(early[d], last[d]) for d in draws], [0.025, 0.975])
            found.append(
                Tau(
                    metric=metric,
                    epoch=epoch,
                    kendall=round(_tau(early, last), 4),
                    low=round(float(low), 4),
                    high=round(float(high), 4),
                )
            )
    return tuple(found)


def _tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(one, other).statistic)
