"""Whether the points of a space make configurations: its default, its ends, stated ones."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from automtl.config import TrialConfig
from automtl.errors import RecipeError
from automtl.space.generalcheck import Parts
from automtl.space.mistakes import Mistake
from automtl.space.parameter import Parameter, corners_of, grid_of
from automtl.space.search_space import Problem, SearchSpace, in_order

N_RANDOM_CORNERS = 16
MAX_LISTED = 64
"""A parameter with at most so many values is tried at each: every second one may be wrong."""


def point_mistakes(
    parts: Parts, base: TrialConfig, *, broken: Collection[str], known: Sequence[Mistake]
) -> list[Mistake]:
    """Return what is wrong with the points of the parameters that have no mistake of their own.

    Args:
        parts: Of the recipe.
        base: What is well formed of its `base`.
        broken: Dotted paths of what the configuration lacks of what was written.
        known: Mistakes found before; a parameter that has one is left out.
    """
    try:
        space = SearchSpace(
            parameters=in_order(_sound(parts, broken, known)), objectives=(), base=base
        )
    except RecipeError as error:
        return [Mistake(path=("parameters",), what=error.what, fix=error.fix)]
    found, space = _defaults(space)
    ends = [m for name in space.parameters for m in _ends(space, name)]
    found += ends
    if not found and not broken:
        found += _corners(space)
    return [*found, *_enqueued(parts, space, has_wrong_values=bool(found))]


def _sound(
    parts: Parts, broken: Collection[str], known: Sequence[Mistake]
) -> dict[str, Parameter]:
    """Return the parameters without a mistake whose parents have none either."""
    wrong = {m.path[1] for m in known if m.path[:1] == ("parameters",) and len(m.path) > 1}
    found = {
        name: parameter
        for name, parameter in parts.parameters.items()
        if name not in wrong and not any(f"{name}.".startswith(f"{part}.") for part in broken)
    }
    while orphans := {name for name, p in found.items() if not set(p.when) <= set(found)}:
        found = {name: p for name, p in found.items() if name not in orphans}
    return found


def _defaults(space: SearchSpace) -> tuple[list[Mistake], SearchSpace]:
    """Try the default point; leave out the parameters that are to blame, until it is one."""
    found: list[Mistake] = []
    problem = space.try_config(space.default_point())
    while isinstance(problem, Problem):
        found.append(_mistake(problem))
        without = _without(space, problem.names[:1])
        if len(without.parameters) == len(space.parameters):
            return found, replace(space, parameters={})
        space = without
        problem = space.try_config(space.default_point())
    return found, space


def _without(space: SearchSpace, names: Collection[str]) -> SearchSpace:
    left = dict(space.parameters)
    gone = set(names)
    while gone & set(left):
        left = {name: p for name, p in left.items() if name not in gone}
        gone |= {name for name, p in left.items() if set(p.when) & gone}
    return replace(space, parameters=left)


def _ends(space: SearchSpace, name: str) -> list[Mistake]:
    """Try the values of one parameter, or the extreme ones of many; one error is enough."""
    parameter = space.parameters[name]
    values = grid_of(parameter, MAX_LISTED) or corners_of(parameter)
    found = (_problem(space, space.reaching(name, value)) for value in values)
    return [problem for problem in found if problem is not None][:1]


def _corners(space: SearchSpace) -> list[Mistake]:
    rng = random.Random(0)
    corners = [
        {name: rng.choice(corners_of(p)) for name, p in space.parameters.items()}
        for _ in range(N_RANDOM_CORNERS)
    ]
    return [found for point in corners if (found := _problem(space, point))][:1]


def _enqueued(parts: Parts, space: SearchSpace, *, has_wrong_values: bool) -> Iterator[Mistake]:
    """Try the stated points, as far as they name parameters that are well formed."""
    left_out = parts.names - set(space.parameters)
    for i, stated in parts.enqueue.items():
        partial = {name: value for name, value in stated.items() if name not in left_out}
        try:
            point = space.complete(partial)
        except RecipeError as error:
            name = next((n for n in partial if f"`{n}`" in error.what), "")
            yield Mistake(path=("enqueue", i, name), what=error.what, fix=error.fix)
            continue
        found = _problem(space, point)
        # A value that no point may have is named at its parameter, once.
        if found is not None and not has_wrong_values:
            yield Mistake(path=("enqueue", i, *found.path[1:]), what=found.what, fix=found.fix)


def _problem(space: SearchSpace, point: Mapping[str, Any]) -> Mistake | None:
    found = space.try_config(point)
    return _mistake(found) if isinstance(found, Problem) else None


def _mistake(found: Problem) -> Mistake:
    return Mistake(path=("parameters", *found.names[:1]), what=found.what, fix=found.fix)
