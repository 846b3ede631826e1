"""Multi-objective TPE over a history: the only file that knows Optuna.

With early stopping there are many trials and the good ones are chosen by projected fronts before
the sampler has its turn; then its estimator on arrays (`parzen.py`) takes over.

The study is rebuilt in memory for every proposal. There is no second database that could
disagree with the ledger, and the sampler has no state but the history.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from automtl.controller.lessons import Lesson, lessons
from automtl.controller.parzen import expected, suggest
from automtl.results import Point, TrialRecord
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
    import numpy as np
    import optuna

N_STARTUP = 10
"""Finished trials before the model proposes; until then points are drawn at random."""

N_CANDIDATES = 64
"""Draws of which TPE takes the best, per parameter. Cheap, and more than Optuna's 24
found better fronts on learning-curve surrogates."""

N_SPLIT_CANDIDATES = 256
"""The same with early stopping, where there are many more points to learn from: on two data sets
for tuning it found better fronts than 64 (docs/measurements.md)."""

N_TRUST = 10
"""Trials after which a prior counts in full; after k times as many it has the exponent 1/k."""

STATES = {"seen": "COMPLETE", "bad": "PRUNED", "running": "RUNNING"}


def draws(
    space: SearchSpace,
    constraints: Sequence[Constraint],
    history: Sequence[TrialRecord],
    *,
    seed: int,
    rungs: Sequence[int] = (),
) -> Iterator[dict[str, Scalar]]:
    """Yield points, each drawn with the ones before it taken as running.

    Parameters are suggested only in the branch in which they exist (define by run).

    Args:
        space: The points that exist, and the objectives.
        constraints: Limits; trials outside them are the model's bad examples.
        history: All trials, by number.
        seed: Of the random stream.
        rungs: Epochs at which unfinished trials are looked at; without them they repel.
    """
    is_believed = any(p.prior is not None for p in space.parameters.values())
    taught = lessons(history, space.objectives, constraints, rungs, splits=is_believed)
    if is_believed or (rungs and len(space.objectives) > 1):
        trust = N_TRUST / max(len(history), N_TRUST) if is_believed else 0.0
        return _split_draws(space, taught, seed, trust)
    return _optuna_draws(space, taught, seed)


def uniform(space: SearchSpace, random: Callable[[], float]) -> dict[str, Scalar]:
    """Draw a point uniformly; ``random`` gives numbers in [0, 1)."""
    return _grown(space, lambda _, parameter: _uniform(parameter, random()))


def _split_draws(
    space: SearchSpace, taught: Sequence[Lesson], seed: int, trust: float
) -> Iterator[dict[str, Scalar]]:
    """Draw where the good ones are known: what Optuna would do with them, but fast."""
    import numpy as np

    # The old generator, because Optuna's draws come from it: the same points can be compared.
    rng = np.random.RandomState(seed)
    is_early = sum(lesson.state != "running" for lesson in taught) < N_STARTUP
    good = [lesson.record.point for lesson in taught if lesson.is_good]
    bad = [lesson.record.point for lesson in taught if not lesson.is_good]
    while True:
        if is_early and not trust:
            point = uniform(space, rng.uniform)
        elif is_early:
            point = _grown(space, lambda _, parameter: expected(parameter, rng))
        else:
            point = _split_draw(space, good, bad, rng, trust)
        bad = [*bad, point]
        yield point


def _split_draw(
    space: SearchSpace,
    good: Sequence[Point],
    bad: Sequence[Point],
    rng: "np.random.RandomState",
    trust: float,
) -> dict[str, Scalar]:
    return _grown(
        space,
        lambda name, parameter: suggest(
            parameter,
            [other[name] for other in good if name in other],
            [other[name] for other in bad if name in other],
            rng,
            n_candidates=N_SPLIT_CANDIDATES,
            trust=trust,
        ),
    )


def _grown(space: SearchSpace, value: Callable[[str, Parameter], Scalar]) -> dict[str, Scalar]:
    """Give each parameter a value that exists where the ones before it stand."""
    point: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        if matches(parameter.when, point):
            point[name] = value(name, parameter)
    return point


def _optuna_draws(
    space: SearchSpace, taught: Sequence[Lesson], seed: int
) -> Iterator[dict[str, Scalar]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(space, taught),
        directions=["minimize"] * len(space.objectives),
        sampler=optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=N_STARTUP, n_ei_candidates=N_CANDIDATES
        ),
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
    return _grown(space, lambda name, parameter: _suggest_one(trial, name, parameter))


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
