"""Multi-objective TPE over a history: the only file that knows Optuna.

The study is rebuilt in memory for every proposal. There is no second database that could
disagree with the ledger, and the sampler has no state but the history.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from automtl.controller.constraints import excess
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    Scalar,
    corners_of,
    last_step,
    matches,
)
from automtl.space.parts import Constraint
from automtl.space.search_space import SearchSpace

if TYPE_CHECKING:
    import optuna

N_STARTUP = 10
"""Finished trials before the model proposes; until then points are drawn at random."""

N_CANDIDATES = 64
"""Draws of which TPE takes the best, per parameter. Cheap, and more than Optuna's 24
found better fronts on learning-curve surrogates."""


def draws(
    space: SearchSpace,
    constraints: Sequence[Constraint],
    history: Sequence[TrialRecord],
    *,
    seed: int,
) -> Iterator[dict[str, Scalar]]:
    """Yield points, each drawn with the ones before it taken as running.

    Parameters are suggested only in the branch in which they exist (define by run).

    Args:
        space: The points that exist, and the objectives.
        constraints: Limits; trials outside them are the model's bad examples.
        history: All trials, by number.
        seed: Of the random stream.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(space, constraints, history),
        directions=["minimize"] * len(space.objectives),
        sampler=optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=N_STARTUP, n_ei_candidates=N_CANDIDATES
        ),
        pruner=optuna.pruners.NopPruner(),
    )
    while True:
        yield _suggest(study.ask(), space)


def uniform(space: SearchSpace, random: Callable[[], float]) -> dict[str, Scalar]:
    """Draw a point uniformly; ``random`` gives numbers in [0, 1)."""
    point: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        if matches(parameter.when, point):
            point[name] = _uniform(parameter, random())
    return point


def _storage(
    space: SearchSpace, constraints: Sequence[Constraint], history: Sequence[TrialRecord]
) -> "optuna.storages.InMemoryStorage":
    """Return an empty storage that also shows the history to whoever asks for all trials.

    ``Study.add_trials`` would copy every trial deeply, which costs more than sampling does.
    """
    import optuna

    distributions = {name: _distribution(p) for name, p in space.parameters.items()}
    told = [
        trial
        for record in history
        if not record.origin.startswith("baseline:")
        and (trial := _told(record, space.objectives, constraints, distributions)) is not None
    ]
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


def _suggest(trial: "optuna.Trial", space: SearchSpace) -> dict[str, Scalar]:
    point: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        if matches(parameter.when, point):
            point[name] = _suggest_one(trial, name, parameter)
    return point


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


def _told(
    record: TrialRecord,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    distributions: Mapping[str, Any],
) -> "optuna.trial.FrozenTrial | None":
    """Return what the sampler learns of a trial; None where there is no score to learn from.

    A trial in progress repels. A stopped one counts as worse than the finished ones, an
    infeasible one by how far it is outside. A failed trial, and one whose objectives are
    missing or not finite, are never told as a score.
    """
    import optuna

    state = _state(record, objectives)
    if state is None:
        return None
    vector = record.vector(objectives) if state == "COMPLETE" else None
    # Not `create_trial`, which checks each value against its distribution again: at some hundred
    # trials that would cost more than the sampling.
    trial = optuna.trial.FrozenTrial(
        number=record.number,
        state=optuna.trial.TrialState[state],
        value=None,
        values=_losses(vector, objectives) if vector else None,
        datetime_start=None,
        datetime_complete=None,
        params=dict(record.point),
        distributions={name: distributions[name] for name in record.point},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=record.number,
    )
    for name, value in _excesses(record, constraints).items():
        trial.set_constraint(name, value)
    return trial


def _state(record: TrialRecord, objectives: Sequence[Objective]) -> str | None:
    has_vector = record.vector(objectives) is not None
    match record.status:
        case TrialStatus.QUEUED | TrialStatus.RUNNING | TrialStatus.PAUSED:
            return "RUNNING"
        case TrialStatus.COMPLETED:
            return "COMPLETE" if has_vector else None
        case TrialStatus.INFEASIBLE:
            return "COMPLETE" if has_vector else "PRUNED"
        case TrialStatus.STOPPED:
            return "PRUNED"
        case TrialStatus.FAILED:
            return None


def _losses(vector: Sequence[float], objectives: Sequence[Objective]) -> list[float]:
    return [o.as_loss(value) for o, value in zip(objectives, vector, strict=True)]


def _excesses(record: TrialRecord, constraints: Sequence[Constraint]) -> dict[str, float]:
    found = {
        f"{limit.metric} {i}": excess(limit, record.values[limit.metric])
        for i, limit in enumerate(constraints)
        if limit.metric in record.values
    }
    found = {name: value if math.isfinite(value) else 1.0 for name, value in found.items()}
    if record.status is TrialStatus.INFEASIBLE and not any(v > 0 for v in found.values()):
        found["infeasible"] = 1.0
    return found


def _uniform(parameter: Parameter, share: float) -> Scalar:
    match parameter:
        case FloatParameter() if parameter.step is None:
            return _between(parameter.min, parameter.max, share, is_log=parameter.log)
        case IntParameter() if parameter.log:
            low, high = parameter.min - 0.5, parameter.max + 0.5
            found = round(_between(low, high, share, is_log=True))
            return min(max(found, parameter.min), parameter.max)
        case FloatParameter() | IntParameter():
            step = parameter.step or 1
            n = round((last_step(parameter) - parameter.min) / step) + 1
            return parameter.min + int(share * n) * step
        case CategoricalParameter() | BoolParameter():
            values = corners_of(parameter)
            return values[int(share * len(values))]


def _between(low: float, high: float, share: float, *, is_log: bool) -> float:
    if not is_log:
        return low + share * (high - low)
    return float(min(max(low * (high / low) ** share, low), high))
