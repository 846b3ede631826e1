"""What to try next: a pure function of the search and the history."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from automtl.config import FreeConfig, TrialConfig, digest_of
from automtl.controller.baselines import (
    BASELINE,
    Remembered,
    alone,
    baseline_of,
    nothing_remembered,
)
from automtl.controller.chance import uniform
from automtl.controller.constraints import KnownCosts, nothing_known, violations
from automtl.controller.memo import PerTrial, RowPerTrial
from automtl.controller.sampler import Question, draws
from automtl.controller.tried import identity_in, points_tried, trainings_tried
from automtl.results import Point, TrialRecord
from automtl.space.parameter_base import Scalar
from automtl.space.search import Search
from automtl.space.search_space import SearchSpace

N_MODEL_DRAWS = 8
"""Draws from the model before a repeated configuration is left to chance."""

N_UNIFORM_DRAWS = 500
GRID_LIMIT = 2_000
"""Up to this many points a space is listed, so that "all tried" is exact."""


_Stated = tuple[str, Mapping[str, Scalar], TrialConfig | FreeConfig]
"""Origin, point and configuration of a trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A trial to run.

    Attributes:
        number: The trial's place among those that are no replicates, from 0.
        point: Active parameters.
        config: The whole configuration.
        origin: ``default``, ``enqueued``, ``sampler`` or ``baseline:NAME``.
        seed: Seed of the training.
    """

    number: int
    point: Mapping[str, Scalar]
    config: TrialConfig | FreeConfig
    origin: str
    seed: int


def propose(
    search: Search,
    history: Sequence[TrialRecord],
    known: KnownCosts = nothing_known,
    remembered: Remembered = nothing_remembered,
) -> Proposal | None:
    """Return the next trial, or None if every one has been tried or is over a limit.

    First the default, then the enqueued points, then the baselines with the searches for the best
    networks of one task, then the sampler. None of
    them is over a limit as far as is known before training, and the sampler's is another
    training than those before: two chains of tasks may write the same sharing tree. The
    random stream depends only on the search's seed and the trial's number, and the history's
    order does not matter, so a resumed search proposes what an undisturbed one would have.

    Args:
        search: What is searched.
        history: All trials, those in progress too; numbers are dense from 0.
        known: Metrics that are known before a trial is trained.
        remembered: Points that the same searches of one task had in another study.
    """
    # Replicates are as if they were not there: a search that goes on after them proposes what it
    # would have proposed without.
    ordered = _searched(history)
    number = len(ordered)
    # Duplicates among what is stated may leave fewer; validating all of it costs milliseconds.
    if number <= len(search.enqueue) + len(search.baseline_names):
        planned = plan(search, known)
        if number < len(planned):
            return planned[number]
    tuned = _tuned(search, ordered, known, remembered)
    if tuned is not None:
        return tuned
    space = search.space
    identity = identity_in(space)
    tried = trainings_tried(ordered, identity)
    seed = stream_seed(search.seed, number)

    configs: dict[str, TrialConfig | FreeConfig] = {}

    def is_new(point: Point) -> bool:
        config = configs[digest_of(dict(point))] = space.trial_of(point)
        is_untried = identity(config.to_plain()) not in tried
        return is_untried and not violations(search, known(config))

    asked = Question(
        space=space,
        constraints=search.constraints,
        rungs=search.rungs,
        sampler=search.sampler,
        study_seed=search.seed,
    )
    point = next_point(asked, ordered, seed=seed, is_new=is_new)
    if point is None:
        return None
    return Proposal(
        number=number,
        point=point,
        config=configs[digest_of(point)],
        origin="sampler",
        seed=seed,
    )


def plan(search: Search, known: KnownCosts = nothing_known) -> tuple[Proposal, ...]:
    """Return the trials that a search states, but for those that are known to break a limit."""
    space = search.space
    default = space.default_point()
    points = [default, *(space.complete(partial) for partial in search.enqueue)]
    stated: dict[str, _Stated] = {}
    for point in points:
        config = space.trial_of(point)
        stated.setdefault(config.digest, ("enqueued" if stated else "default", point, config))
    baselines = [(f"baseline:{n}", *baseline_of(n, space)) for n in search.baseline_names]
    every: list[_Stated] = [*stated.values(), *baselines]
    feasible = [each for each in every if not violations(search, known(each[2]))]
    return tuple(
        Proposal(
            number=number,
            point=point,
            config=config,
            origin=origin,
            seed=_stated_seed(search.seed, number, origin),
        )
        for number, (origin, point, config) in enumerate(feasible)
    )


def n_when_all_tried(search: Search, history: Sequence[TrialRecord]) -> int | None:
    """Return how many points a search has if a trial of each one is in the history, else None.

    A space that cannot be listed has no end. Points over a limit that is known before training
    are never tried, so that what is left out for it is not told from what is not tried yet.
    """
    grid = search.space.grid(GRID_LIMIT)
    if grid is None:
        return None
    identity = identity_in(search.space)
    tried = trainings_tried(history, identity)
    is_over = all(identity(search.space.trial_of(p).to_plain()) in tried for p in grid)
    return len(grid) if is_over else None


def next_point(
    asked: Question,
    history: Sequence[TrialRecord],
    *,
    seed: int,
    is_new: Callable[[Point], bool] | None = None,
) -> dict[str, Scalar] | None:
    """Return a point of any space that has not been tried, or None if there is none.

    Args:
        asked: Who proposes, and of which space: that of a trial's configuration or of free names.
        history: All trials, by number.
        seed: Of the trial's random stream.
        is_new: Whether a point is worth a trial; by default, whether it is in no record.
    """
    is_new = is_new or _not_among(history)
    for point in islice(draws(asked, history, seed=seed), N_MODEL_DRAWS):
        if is_new(point):
            return point
    rng = random.Random(seed)
    grid = asked.space.grid(GRID_LIMIT)
    if grid is not None:
        untried = [point for point in grid if is_new(point)]
        return rng.choice(untried) if untried else None
    by_chance = (uniform(asked.space, rng.random) for _ in range(N_UNIFORM_DRAWS))
    return next((point for point in by_chance if is_new(point)), None)


def stream_seed(seed: int, number: int | str) -> int:
    """Return the seed of trial ``number``, 31 bits; neighbours are unrelated.

    A trial that other studies may have in common is called by a name instead of its number.

    >>> stream_seed(0, 1) == stream_seed(0, 1) != stream_seed(1, 1)
    True
    """
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def baseline_seed(seed: int, name: str, turn: int) -> int:
    """Return the seed of a baseline's training ``turn``, wherever it stands in its study.

    >>> baseline_seed(0, "detection", 1) != baseline_seed(0, "detection", 0)
    True
    """
    return stream_seed(seed, f"baseline:{name}:{turn}")


def _stated_seed(seed: int, number: int, origin: str) -> int:
    name = origin.removeprefix("baseline:")
    return stream_seed(seed, number) if name == origin else baseline_seed(seed, name, 0)


def _searched(history: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Return the trials that are no replicates, by number."""
    numbers, is_searched = _PLACE.over(history, None, None, width=2).T
    if is_searched.all() and (np.diff(numbers) > 0).all():
        return tuple(history)
    rows = np.argsort(numbers, kind="stable")
    return tuple(history[row] for row in rows[is_searched[rows] > 0])


_PLACE = RowPerTrial(lambda record, _key, _given: (record.number, record.replicate_of is None))
_ORIGIN = PerTrial(lambda record, _key, _given: record.origin)


def _not_among(history: Sequence[TrialRecord]) -> Callable[[Point], bool]:
    tried = points_tried(history)
    return lambda point: digest_of(dict(point)) not in tried


def _tuned(
    search: Search,
    history: Sequence[TrialRecord],
    known: KnownCosts,
    remembered: Remembered,
) -> Proposal | None:
    """Return the next trial of a single task's own search; the tasks take turns."""
    wanted = search.tuned_alone
    origins = _ORIGIN.over(history, None, None)
    n_own = {task: origins.count(f"{BASELINE}{task}") for task in wanted}
    waiting = [task for task, n_trials in wanted.items() if n_own[task] < n_trials]
    own = {task: [r for r in history if r.origin == f"{BASELINE}{task}"] for task in waiting}
    for task in sorted(waiting, key=n_own.__getitem__):
        space = alone(search.space, task)
        seed = baseline_seed(search.seed, task, len(own[task]))
        point = remembered(task, len(own[task]))
        if point is None or not _not_among(own[task])(point):
            point = _point_alone(search, space, own[task], known, seed)
        if point is not None:
            return Proposal(
                number=len(history),
                point=point,
                config=space.config_of(point),
                origin=f"{BASELINE}{task}",
                seed=seed,
            )
    return None


def _point_alone(
    search: Search,
    space: SearchSpace,
    own: Sequence[TrialRecord],
    known: KnownCosts,
    seed: int,
) -> dict[str, Scalar] | None:
    is_untried = _not_among(own)

    def is_new(point: Point) -> bool:
        return is_untried(point) and not violations(search, known(space.config_of(point)))

    # In their own search these are candidates.
    rivals = [record.model_copy(update={"origin": "sampler"}) for record in own]
    asked = Question(space=space, sampler=search.sampler, study_seed=search.seed)
    return next_point(asked, rivals, seed=seed, is_new=is_new)
