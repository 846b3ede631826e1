"""Optuna's samplers over a history: the only file that knows Optuna.

The study is rebuilt in memory for every proposal. There is no second database that could
disagree with the ledger, and the sampler has no state but the history.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from automtl.controller.chance import grown
from automtl.controller.lessons import Lesson
from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    corners_of,
    last_step,
)
from automtl.space.parameter_base import Scalar
from automtl.space.search_space import SearchSpace

if TYPE_CHECKING:
    import optuna

N_CANDIDATES = 64
"""Draws of which TPE takes the best, per parameter. Cheap, and more than Optuna's 24
found better fronts on learning-curve surrogates."""

STATES = {"seen": "COMPLETE", "bad": "PRUNED", "running": "RUNNING"}


def tpe_points(
    space: SearchSpace, taught: Sequence[Lesson], seed: int, *, n_startup: int
) -> Iterator[dict[str, Scalar]]:
    """Yield points of tree-structured Parzen estimators."""
    import optuna

    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=n_startup, n_ei_candidates=N_CANDIDATES
    )
    return _asked(space, taught, sampler)


def gp_points(
    space: SearchSpace, taught: Sequence[Lesson], seed: int, *, n_startup: int
) -> Iterator[dict[str, Scalar]]:
    """Yield points of Gaussian processes; the space has no conditions."""
    import optuna

    class WholeSpace(optuna.samplers.GPSampler):
        """Takes the space from us: Optuna's would look for it in trials with other numbers."""

        @override
        def infer_relative_search_space(
            self, study: "optuna.Study", trial: "optuna.trial.FrozenTrial"
        ) -> "dict[str, optuna.distributions.BaseDistribution]":
            every = {name: _distribution(p) for name, p in space.parameters.items()}
            return {name: kind for name, kind in every.items() if not kind.single()}

    is_limited = any(lesson.excesses for lesson in taught)
    told = [_in_one(lesson) for lesson in taught] if is_limited else taught
    return _asked(space, told, WholeSpace(seed=seed, n_startup_trials=n_startup))


def _in_one(lesson: Lesson) -> Lesson:
    """Join the limits into one: the processes need the same number of them of every trial."""
    largest = max((excess for _, excess in lesson.excesses), default=0.0)
    return replace(lesson, excesses=(("limits", largest),))


def _asked(
    space: SearchSpace, taught: Sequence[Lesson], sampler: "optuna.samplers.BaseSampler"
) -> Iterator[dict[str, Scalar]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(space, taught),
        directions=["minimize"] * len(space.objectives),
        sampler=sampler,
        pruner=optuna.pruners.NopPruner(),
    )
    while True:
        yield suggested(study.ask(), space)


def _storage(space: SearchSpace, taught: Sequence[Lesson]) -> "optuna.storages.InMemoryStorage":
    """Return an empty storage that also shows the history to whoever asks for all trials.

    ``Study.add_trials`` would copy every trial deeply, which costs more than sampling does.
    """
    import optuna

    distributions = {name: _distribution(p) for name, p in space.parameters.items()}
    told = [_told(one, distributions) for one in taught]
    for i, trial in enumerate(told):
        # Numbers of new trials start at 0; these come before them and may not be equal.
        trial.number = i - len(told)

    class History(optuna.storages.InMemoryStorage):
        @override
        def get_all_trials(
            self, study_id: int, deepcopy: bool = True, states: Any = None
        ) -> list[Any]:
            new = super().get_all_trials(study_id, deepcopy, states)
            return [t for t in told if states is None or t.state in states] + new

    return History()


def suggested(trial: "optuna.Trial", space: SearchSpace) -> dict[str, Scalar]:
    """Return a point as Optuna suggests it, parameter by parameter, in its branch alone."""
    return grown(space, partial(_suggest_one, trial))


def _suggest_one(trial: "optuna.Trial", name: str, parameter: Parameter) -> Scalar:
    found: Any
    match parameter:
        case FloatParameter():
            high = last_step(parameter)
            found = trial.suggest_float(
                name, parameter.min, high, step=parameter.step, log=parameter.log
            )
        case IntParameter():
            high = int(last_step(parameter))
            found = trial.suggest_int(
                name, parameter.min, high, step=parameter.step or 1, log=parameter.log
            )
        case CategoricalParameter() | BoolParameter():
            found = trial.suggest_categorical(name, corners_of(parameter))
    chosen: Scalar = found
    return chosen


def _distribution(parameter: Parameter) -> "optuna.distributions.BaseDistribution":
    from optuna import distributions as kinds

    match parameter:
        case FloatParameter():
            return kinds.FloatDistribution(
                parameter.min, last_step(parameter), step=parameter.step, log=parameter.log
            )
        case IntParameter():
            return kinds.IntDistribution(
                parameter.min,
                int(last_step(parameter)),
                step=parameter.step or 1,
                log=parameter.log,
            )
        case CategoricalParameter() | BoolParameter():
            return kinds.CategoricalDistribution(corners_of(parameter))


def _told(lesson: Lesson, distributions: Mapping[str, Any]) -> "optuna.trial.FrozenTrial":
    """Turn a lesson into a trial of Optuna's."""
    import optuna

    record = lesson.record
    # Not `create_trial`, which checks each value against its distribution again: at some hundred
    # trials that would cost more than the sampling.
    trial = optuna.trial.FrozenTrial(
        number=record.number,
        state=optuna.trial.TrialState[STATES[lesson.state]],
        value=None,
        values=list(lesson.losses) or None,
        datetime_start=None,
        datetime_complete=None,
        params=dict(record.point),
        distributions={name: distributions[name] for name in record.point},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=record.number,
    )
    for name, excess in lesson.excesses:
        trial.set_constraint(name, excess)
    return trial
