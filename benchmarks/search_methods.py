"""The searches that are compared in virtual time: automtl's own and its peers."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from typing_extensions import override

from automtl.controller.by_optuna import suggested
from automtl.controller.chance import uniform
from automtl.controller.promotion import Promotion
from automtl.controller.propose import next_point, stream_seed
from automtl.controller.sampler import Question
from automtl.controller.stopping import NeverStop, StoppingRule
from automtl.results import Decision, TrialRecord
from automtl.space.early_stopping import rungs_for
from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    matches,
)
from benchmarks.search_virtual import Method, Problem

ETA = 3
Losses = NDArray[np.float64]
Make = Callable[[Problem, int], Method]


class Automtl:
    """A study of automtl, with ``early_stopping: {kind: promotion}`` where there are epochs."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._space, self._seed = problem.space, seed
        self.rungs = rungs_for(problem.epochs, ETA) if problem.epochs > 1 else ()
        self.stopping: StoppingRule = NeverStop()
        if self.rungs:
            self.stopping = Promotion(objectives=self._space.objectives, rungs=self.rungs, eta=ETA)

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask the sampler."""
        seed = stream_seed(self._seed, len(history))
        asked = Question(space=self._space, rungs=self.rungs)
        found = next_point(asked, history, seed=seed)
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
        self._space = problem.space
        self._study = optuna.create_study(
            directions=["minimize"] * len(problem.space.objectives), sampler=sampler
        )
        self._asked: dict[int, optuna.Trial] = {}
        self.rungs: tuple[int, ...] = ()
        self.stopping: StoppingRule = NeverStop()

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask."""
        trial = self._study.ask()
        self._asked[len(history)] = trial
        return suggested(trial, self._space)

    def ended(self, number: int, losses: Losses) -> None:
        """Tell."""
        self._study.tell(self._asked[number], losses.tolist())


class OptunaAsha(NeverStop):
    """Optuna's TPE with its asynchronous successive halving, on the first objective alone."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._space = problem.space
        self._metric = problem.space.objectives[0].metric
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=first_rung(problem), reduction_factor=ETA
            ),
        )
        self._asked: dict[int, optuna.Trial] = {}
        self.rungs = peer_rungs(problem)
        self.stopping: StoppingRule = self

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask."""
        trial = self._study.ask()
        self._asked[len(history)] = trial
        return suggested(trial, self._space)

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


class RayAsha(NeverStop):
    """Ray Tune's ASHA with its `OptunaSearch`, both on the first objective alone."""

    def __init__(self, problem: Problem, seed: int) -> None:
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.search.optuna import OptunaSearch

        self._metric = problem.space.objectives[0].metric
        self._search = OptunaSearch(
            lambda trial: suggested(trial, problem.space) and None,
            metric=self._metric,
            mode="min",
            seed=seed,
        )
        self._asha = ASHAScheduler(
            time_attr="training_iteration",
            metric=self._metric,
            mode="min",
            max_t=problem.epochs,
            grace_period=first_rung(problem),
            reduction_factor=ETA,
        )
        self._trials: dict[int, Any] = {}
        self._last: dict[int, dict[str, float]] = {}
        self.rungs = peer_rungs(problem)
        self.stopping: StoppingRule = self

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask the searcher, and show the scheduler the trial."""
        number = len(history)
        point = self._search.suggest(str(number))
        assert point is not None, "the space is never exhausted"
        self._trials[number] = SimpleNamespace(trial_id=str(number))
        # ASHA never looks at the controller, which there is none of in virtual time.
        self._asha.on_trial_add(None, self._trials[number])  # type: ignore[arg-type]
        return point

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Let the scheduler decide at its own rungs; Tune tells the searcher the last result."""
        last = history[number].reports[-1]
        result = {"training_iteration": last.epoch, self._metric: last.values[self._metric]}
        self._search.on_trial_result(str(number), result)
        said = self._asha.on_trial_result(None, self._trials[number], result)  # type: ignore[arg-type]
        if said != "STOP":
            return Decision.CONTINUE
        self._search.on_trial_complete(str(number), result)
        return Decision.STOP

    def ended(self, number: int, losses: Losses) -> None:
        """Tell the first objective."""
        self._search.on_trial_complete(str(number), {self._metric: float(losses[0])})


class SyneMoasha(NeverStop):
    """Syne Tune's MOASHA: random points, stopped by Pareto rank (Schmucker et al. 2021).

    Its spaces have no conditions: it draws every parameter, and those that do not exist in the
    branch are left out of the point.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        self._space, self._seed, self._epochs = problem.space, seed, problem.epochs
        self._metrics = [o.metric for o in problem.space.objectives]
        self._moasha = MOASHA(
            config_space={name: _of_syne(p) for name, p in problem.space.parameters.items()},
            metrics=self._metrics,
            max_t=problem.epochs,
            grace_period=first_rung(problem),
            reduction_factor=ETA,
        )
        self._trials: dict[int, Any] = {}
        self.rungs = peer_rungs(problem)
        self.stopping: StoppingRule = self

    def propose(self, history: list[TrialRecord]) -> Mapping[str, Any]:
        """Ask."""
        number = len(history)
        np.random.seed(stream_seed(self._seed, number) % 2**32)  # noqa: NPY002  # what it draws from
        drawn = self._moasha.suggest().config
        self._trials[number] = SimpleNamespace(trial_id=number)
        self._moasha.on_trial_add(self._trials[number])
        point: dict[str, Any] = {}
        for name, parameter in self._space.parameters.items():
            if matches(parameter.when, point):
                point[name] = drawn[name]
        return point

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Let it decide at its own rungs."""
        last = history[number].reports[-1]
        result = {"training_iteration": last.epoch, **last.values}
        found = self._moasha.on_trial_result(self._trials[number], result)
        return Decision.STOP if found == "STOP" else Decision.CONTINUE

    def ended(self, number: int, losses: Losses) -> None:
        """Tell the last vector."""
        values = dict(zip(self._metrics, losses.tolist(), strict=True))
        result = {"training_iteration": self._epochs, **values}
        self._moasha.on_trial_complete(self._trials[number], result)


def first_rung(problem: Problem) -> int:
    """Return the first epoch at which anybody may stop a trial: the same for all."""
    return rungs_for(problem.epochs, ETA)[0]


def peer_rungs(problem: Problem) -> tuple[int, ...]:
    """Return the epochs at which the peers' successive halving looks: powers of ``ETA``."""
    found, rung = [], first_rung(problem)
    while rung < problem.epochs:
        found.append(rung)
        rung *= ETA
    return tuple(found)


def _of_syne(parameter: Parameter) -> Any:
    from syne_tune import config_space

    match parameter:
        case FloatParameter():
            draw = config_space.loguniform if parameter.log else config_space.uniform
            return draw(parameter.min, parameter.max)
        case IntParameter():
            draw = config_space.lograndint if parameter.log else config_space.randint
            return draw(parameter.min, parameter.max)
        case CategoricalParameter():
            return config_space.choice(list(parameter.values))
        case BoolParameter():
            return config_space.choice([False, True])


FULL_PEERS: Mapping[str, Make] = {
    "random": Chance,
    "tpe": lambda problem, seed: OptunaFull(problem, optuna.samplers.TPESampler(seed=seed)),
    "nsga2": lambda problem, seed: OptunaFull(
        problem, optuna.samplers.NSGAIISampler(seed=seed, population_size=10)
    ),
}
"""Peers that train every trial to its end."""

EARLY_PEERS: Mapping[str, Make] = {
    "tpe_asha": OptunaAsha,
    "ray_asha": RayAsha,
    "moasha": SyneMoasha,
}
"""Peers that stop trials early."""

METHODS: Mapping[str, Make] = {"automtl": Automtl, **FULL_PEERS, **EARLY_PEERS}


def methods_for(problem: Problem) -> Mapping[str, Make]:
    """Return who can search a problem here: one without epochs has nothing to stop early."""
    if problem.epochs == 1:
        return {"automtl": Automtl, **FULL_PEERS}
    has_syne = find_spec("syne_tune") is not None
    return {name: make for name, make in METHODS.items() if has_syne or name != "moasha"}
