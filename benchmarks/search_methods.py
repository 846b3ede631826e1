"""The searches that are compared in virtual time: automtl's own and its peers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from typing_extensions import override

from automtl.controller.promotion import Promotion
from automtl.controller.propose import next_point, stream_seed
from automtl.controller.sampler import uniform
from automtl.controller.stopping import NeverStop, StoppingRule
from automtl.results import Decision, TrialRecord
from automtl.space.early_stopping import rungs_for
from automtl.space.parameter import FloatParameter, IntParameter
from automtl.space.search_space import SearchSpace
from benchmarks.search_virtual import Method, Problem

ETA = 3
Losses = NDArray[np.float64]
Make = Callable[[Problem, int], Method]


class Automtl:
    """What a study of automtl does with ``early_stopping: {kind: promotion}``."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._space, self._seed = problem.space, seed
        self.rungs = rungs_for(problem.epochs, ETA)
        self.stopping: StoppingRule = Promotion(
            objectives=self._space.objectives, rungs=self.rungs, eta=ETA
        )

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask the sampler."""
        seed = stream_seed(self._seed, len(history))
        found = next_point(self._space, history, seed=seed, rungs=self.rungs)
        assert found is not None, "the space is continuous"
        return found

    def ended(self, number: int, losses: Losses) -> None:
        """Nothing to do: the history says it."""


class Chance:
    """Random points, trained to their end."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._space, self._rng = problem.space, np.random.default_rng(seed)
        self.rungs: tuple[int, ...] = ()
        self.stopping: StoppingRule = NeverStop()

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Draw."""
        del history
        return uniform(self._space, self._rng.random)

    def ended(self, number: int, losses: Losses) -> None:
        """Nothing to do."""


class OptunaFull:
    """Optuna by its own ask and tell, every objective, full trainings."""

    def __init__(self, problem: Problem, sampler: optuna.samplers.BaseSampler) -> None:
        self._kinds = _distributions(problem.space)
        self._study = optuna.create_study(
            directions=["minimize"] * len(problem.space.objectives), sampler=sampler
        )
        self._asked: dict[int, optuna.Trial] = {}
        self.rungs: tuple[int, ...] = ()
        self.stopping: StoppingRule = NeverStop()

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask."""
        trial = self._study.ask(self._kinds)
        self._asked[len(history)] = trial
        return trial.params

    def ended(self, number: int, losses: Losses) -> None:
        """Tell."""
        self._study.tell(self._asked[number], losses.tolist())


class OptunaAsha(NeverStop):
    """Optuna's TPE with its asynchronous successive halving, on the first objective alone."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._kinds = _distributions(problem.space)
        self._metric = problem.space.objectives[0].metric
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=ETA),
        )
        self._asked: dict[int, optuna.Trial] = {}
        self.rungs = (2, 6, 18)
        self.stopping: StoppingRule = self

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask."""
        trial = self._study.ask(self._kinds)
        self._asked[len(history)] = trial
        return trial.params

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Let the pruner decide at its own rungs."""
        last = history[number].reports[-1]
        trial = self._asked[number]
        trial.report(last.values[self._metric], last.epoch)
        if not trial.should_prune():
            return Decision.CONTINUE
        self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return Decision.STOP

    def ended(self, number: int, losses: Losses) -> None:
        """Tell the first objective."""
        self._study.tell(self._asked[number], float(losses[0]))


PEERS: Mapping[str, Make] = {
    "random": Chance,
    "tpe": lambda problem, seed: OptunaFull(problem, optuna.samplers.TPESampler(seed=seed)),
    "nsga2": lambda problem, seed: OptunaFull(
        problem, optuna.samplers.NSGAIISampler(seed=seed, population_size=10)
    ),
    "tpe_asha": OptunaAsha,
}
METHODS: Mapping[str, Make] = {"automtl": Automtl, **PEERS}


def _distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for name, parameter in space.parameters.items():
        match parameter:
            case FloatParameter():
                found[name] = FloatDistribution(parameter.min, parameter.max, log=parameter.log)
            case IntParameter():
                found[name] = IntDistribution(parameter.min, parameter.max, log=parameter.log)
            case _:
                msg = f"`{name}`: the problems here have numbers only"
                raise ValueError(msg)
    return found
