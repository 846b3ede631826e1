"""A new study that begins where earlier ones ended: their best points are tried first.

Points and not scores are carried over. Another study's values come from other data, epochs or
seeds, so that a model that took them for its own would be misled; a point is simply tried.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from automtl.controller.ordering import order
from automtl.errors import AutomtlError
from automtl.results import Objective, Point, TrialRecord
from automtl.space.parameter import allows, default_of, matches
from automtl.space.parameter_base import Scalar
from automtl.space.recipe import Recipe
from automtl.space.search import Search
from automtl.space.search_space import Problem, SearchSpace
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

S = TypeVar("S", bound=Search)

N_BEST = 5
"""Points that one earlier study gives at most."""


def warmed(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Return the recipe with the best points of its ``warm_start``, and a line on each study."""
    return with_best_points(recipe, recipe.warm_start)


def with_best_points(search: S, studies: Sequence[str | Path]) -> tuple[S, list[str]]:
    """Return a search with the best points of earlier studies enqueued, and a line on each.

    They come after the points that the search states itself, and take half of ``budget.trials``
    at most. What is returned no longer depends on the earlier studies' folders.

    Raises:
        AutomtlError: If a folder holds no study, or one without a common objective.
    """
    found: list[dict[str, Scalar]] = []
    lines = []
    for name in studies:
        points, line = _from_study(Path(name), search)
        found += [point for point in points if point not in found]
        lines.append(line)
    room = _room(search, len(studies))
    if room < len(found):
        lines.append(f"Warm start: the budget leaves room for {room} of {len(found)} points")
    enqueue = (*search.enqueue, *found[:room])
    return search.model_copy(update={"enqueue": enqueue}), lines


def _room(search: Search, n_studies: int) -> int:
    limit = search.budget.trials
    if limit is None:
        return N_BEST * n_studies
    # The default, what is stated, and one more for the sampler.
    return max(min(limit // 2, limit - len(search.enqueue) - 2), 0)


def _from_study(folder: Path, search: Search) -> tuple[list[dict[str, Scalar]], str]:
    place = StudyFolder(folder)
    if not place.settings.is_file():
        msg = f"no study lies in {folder}"
        raise AutomtlError(msg, where="warm_start", fix="Name the folder of an earlier study")
    with opened(place) as ledger:
        known = {(o.metric, o.goal) for o in ledger.study().objectives}
        history = ledger.history()
    common = [o for o in search.objectives if (o.metric, o.goal) in known]
    if not common:
        wanted = ", ".join(f"{o.metric} ({o.goal})" for o in search.objectives)
        msg = f"the study in {folder} has none of the objectives {wanted}"
        fix = "Leave it out of `warm_start`"
        raise AutomtlError(msg, where="warm_start", fix=fix)
    best = best_trials(history, common)
    points = [point for r in best if (point := carried(search.space, r.point)) is not None]
    if not points:
        why = (
            "they have no parameter in common" if best else "no trial there has ended its training"
        )
        return [], f"Warm start: nothing of {folder} can be tried: {why}"
    metrics = ", ".join(o.metric for o in common)
    return points, f"Warm start: the best {len(points)} points of {folder} by {metrics} come first"


def best_trials(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """Return the best trials, the first fronts first, that have a value of every objective."""
    trials = [r for r in history if r.is_candidate and r.vector(objectives) is not None]
    if not trials:
        return []
    losses = np.array(
        [[o.as_loss(record.values[o.metric]) for o in objectives] for record in trials]
    )
    return [trials[row] for row in order(losses, ties="hypervolume", n_best=N_BEST)]


def carried(space: SearchSpace, old: Point) -> dict[str, Scalar] | None:
    """Return what a point of another space says in this one, or None if that is nothing.

    Args:
        space: The new space.
        old: A point; its parameters that do not exist here, and its values that may not be, are
            left out, and have their default.
    """
    whole: dict[str, Scalar] = {}
    kept: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        if not matches(parameter.when, whole):
            continue
        if name in old and allows(parameter, old[name]):
            kept[name] = old[name]
        whole[name] = kept.get(name, default_of(parameter))
    is_wrong = space.base is not None and isinstance(space.try_config(whole), Problem)
    return None if is_wrong or not kept else kept
