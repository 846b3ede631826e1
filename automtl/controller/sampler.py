"""Samplers over a history, by name.

By default multi-objective TPE, Optuna's own. With early stopping, or after a thousand trials,
there are many and the good ones are chosen by fronts (projected to the end) before the sampler has
its turn, and with priors there is something that Optuna knows nothing of: then our estimator on
arrays (`parzen.py`) proposes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automtl.controller.by_optuna import gp_points, tpe_points
from automtl.controller.chance import grown, random_points, sobol_points, uniform
from automtl.controller.genetic import children
from automtl.controller.joint import Numbers, numbers_of, suggest_together
from automtl.controller.lessons import Lesson, lessons
from automtl.controller.parzen import expected, suggest
from automtl.results import Point, TrialRecord
from automtl.space.parameter import Parameter
from automtl.space.parameter_base import Scalar
from automtl.space.parts import Constraint
from automtl.space.samplers import (
    GpSampler,
    Nsga2Sampler,
    QuasiRandomSampler,
    RandomSampler,
    Sampler,
    TpeSampler,
)
from automtl.space.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np

N_STARTUP = 10
"""Finished trials before the model proposes; until then points are drawn at random."""

N_SPLIT_CANDIDATES = 256
"""The same with early stopping, where there are many more points to learn from: on two data sets
for tuning it found better fronts than 64 (docs/measurements.md)."""

N_MANY = 1_000
"""Trials from which the model is built on the best and the newest alone, as with early stopping:
Optuna's estimator looks at all of them for each parameter, half a second at four thousand."""

N_TRUST = 10
"""Trials after which a prior counts in full; after k times as many it has the exponent 1/k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a sampler is asked.

    Attributes:
        space: The points that exist, and the objectives.
        constraints: Limits; trials outside them are bad examples.
        rungs: Epochs at which unfinished trials are looked at; without them they repel.
        sampler: Who is asked.
        study_seed: Of what all trials of a study share.
    """

    space: SearchSpace
    constraints: Sequence[Constraint] = ()
    rungs: Sequence[int] = ()
    sampler: Sampler = field(default_factory=TpeSampler)
    study_seed: int = 0


def draws(
    asked: Question, history: Sequence[TrialRecord], *, seed: int
) -> Iterator[dict[str, Scalar]]:
    """Yield points, each drawn with the ones before it taken as running.

    Parameters are suggested only in the branch in which they exist (define by run).

    Args:
        asked: Of whom, and of what.
        history: All trials, by number.
        seed: Of the trial's random stream.
    """
    space = asked.space
    match asked.sampler:
        case TpeSampler():
            return _tpe_draws(asked, history, seed)
        case RandomSampler():
            return random_points(space, seed)
        case QuasiRandomSampler():
            return sobol_points(space, asked.study_seed, first=len(history))
        case Nsga2Sampler(population=population):
            return children(space, _taught(asked, history), population, seed)
        case GpSampler():
            taught = _taught(asked, history, splits=True)
            return gp_points(space, taught, seed, n_startup=N_STARTUP)


def _taught(
    asked: Question, history: Sequence[TrialRecord], *, splits: bool = False
) -> list[Lesson]:
    objectives, rungs = asked.space.objectives, asked.rungs
    return lessons(history, objectives, asked.constraints, rungs, splits=splits)


def _tpe_draws(
    asked: Question, history: Sequence[TrialRecord], seed: int
) -> Iterator[dict[str, Scalar]]:
    space = asked.space
    is_believed = any(p.prior is not None for p in space.parameters.values())
    are_many = len(history) >= N_MANY
    taught = _taught(asked, history, splits=is_believed or are_many)
    if is_believed or are_many or (asked.rungs and len(space.objectives) > 1):
        trust = N_TRUST / max(len(history), N_TRUST) if is_believed else 0.0
        # Measured with early stopping only.
        numbers = numbers_of(space) if asked.rungs else None
        return _split_draws(space, taught, seed, trust, numbers)
    return tpe_points(space, taught, seed, n_startup=N_STARTUP)


def _split_draws(
    space: SearchSpace,
    taught: Sequence[Lesson],
    seed: int,
    trust: float,
    numbers: Numbers | None,
) -> Iterator[dict[str, Scalar]]:
    """Draw where the good ones are known: what Optuna would do with them, but fast.

    Where all parameters are ``numbers``, they are drawn together.
    """
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
            point = grown(space, lambda _, parameter: expected(parameter, rng))
        else:
            point = _split_draw(space, good, bad, rng, trust, numbers)
        bad = [*bad, point]
        yield point


def _split_draw(
    space: SearchSpace,
    good: Sequence[Point],
    bad: Sequence[Point],
    rng: "np.random.RandomState",
    trust: float,
    numbers: Numbers | None,
) -> dict[str, Scalar]:
    n = N_SPLIT_CANDIDATES
    together = (
        suggest_together(numbers, good, bad, rng, n_candidates=n, trust=trust) if numbers else {}
    )

    def value(name: str, parameter: Parameter) -> Scalar:
        if name in together:
            return together[name]
        return suggest(
            parameter,
            [other[name] for other in good if name in other],
            [other[name] for other in bad if name in other],
            rng,
            n_candidates=n,
            trust=trust,
        )

    return grown(space, value)
