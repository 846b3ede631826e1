"""What no single key can tell: whether the parts of a recipe fit one another."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from automtl.config import BUILT_IN_TASKS, TrialConfig
from automtl.errors import RecipeError
from automtl.space.baseline_mistakes import baseline_mistakes
from automtl.space.early_stopping import (
    EPOCHS,
    longest_training,
)
from automtl.space.generalcheck import Parts, general_mistakes, rung_mistakes
from automtl.space.mistakes import Mistake, from_pydantic, in_base, suggestion
from automtl.space.parameter import corners_of, default_of, grid_of
from automtl.space.paths import FREE, known_paths, nested
from automtl.space.search_space import Problem, SearchSpace, in_order

N_RANDOM_CORNERS = 16
MAX_LISTED = 64
"""A parameter with at most so many values is tried at each: every second one may be wrong."""


def cross_mistakes(parts: Parts) -> list[Mistake]:
    """Return all that does not fit together."""
    base, wrong = _base(parts)
    found = [
        *wrong,
        *general_mistakes(parts),
        *_tasks(parts, base),
        *_paths(parts, base),
        *_baselines(parts, base),
        *_rungs(parts, base),
        *_fractions(parts, base),
    ]
    is_whole = len(parts.names) == len(parts.parameters) and base is not None
    if found or not is_whole:
        return found
    try:
        space = SearchSpace(parameters=in_order(parts.parameters), objectives=(), base=base)
    except RecipeError as error:
        return [Mistake(path=("parameters",), what=error.what, fix=error.fix)]
    wrong = list(_configs(space))
    return [*wrong, *_enqueued(parts, space, has_wrong_values=bool(wrong))]


def _base(parts: Parts) -> tuple[TrialConfig | None, list[Mistake]]:
    plain = nested(parts.base)
    try:
        return TrialConfig.from_plain(plain), []
    except ValidationError as error:
        found = from_pydantic(error, plain, TrialConfig.model_json_schema(), ("base",))
        return None, [replace(m, path=in_base(m.path[1:], parts.base)) for m in found]


def _tasks(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    if base is None:
        return
    known = (*BUILT_IN_TASKS, *base.imports)
    for i, name in enumerate(base.tasks):
        if name not in known:
            what = f"no task is called `{name}`"
            path = in_base(("sharing", "order", i), parts.base)
            yield Mistake(path=path, what=what, fix=suggestion(name, known))


def _paths(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    known = known_paths() if base is None else known_paths(base.tasks)
    for name in sorted(parts.names - set(known)):
        if name.startswith(FREE):
            continue
        what = f"`{name}` is not part of a trial's configuration"
        yield Mistake(path=("parameters", name), what=what, fix=suggestion(name, known))


def _baselines(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    if parts.baselines is None:
        return
    varied = parts.parameters.get(EPOCHS)
    epochs = default_of(varied) if varied is not None else base and base.optimizer.epochs
    yield from baseline_mistakes(
        parts.baselines,
        tasks=BUILT_IN_TASKS if base is None else base.tasks,
        objectives=tuple(parts.objectives.values()),
        epochs=epochs if isinstance(epochs, int) else None,
        n_stated=1 + len(parts.enqueue),
        limit=None if parts.budget is None else parts.budget.trials,
    )


def _rungs(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    is_open = base is None or (EPOCHS in parts.names and EPOCHS not in parts.parameters)
    if not is_open:
        yield from rung_mistakes(parts, longest_training(parts.base, parts.parameters))


def _fractions(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    tasks = BUILT_IN_TASKS if base is None else base.tasks
    for task in parts.fractions:
        if task not in tasks:
            what = f"`label_fraction` names `{task}`, which is no task of this search"
            path = ("data", "label_fraction", task)
            yield Mistake(path=path, what=what, fix=suggestion(task, tasks))


def _configs(space: SearchSpace) -> Iterator[Mistake]:
    """Try the default, every end of every range, and some random corners."""
    default = _problem(space, space.default_point())
    if default is not None:
        yield default
        return
    ends = [found for name in space.parameters for found in _ends(space, name)]
    yield from ends
    rng = random.Random(0)
    corners = [
        {name: rng.choice(corners_of(p)) for name, p in space.parameters.items()}
        for _ in range(0 if ends else N_RANDOM_CORNERS)
    ]
    yield from [found for point in corners if (found := _problem(space, point))][:1]


def _ends(space: SearchSpace, name: str) -> list[Mistake]:
    """Try the values of one parameter, or the extreme ones of many; one error is enough."""
    parameter = space.parameters[name]
    values = grid_of(parameter, MAX_LISTED) or corners_of(parameter)
    found = (_problem(space, space.reaching(name, value)) for value in values)
    return [problem for problem in found if problem is not None][:1]


def _problem(space: SearchSpace, point: Mapping[str, Any]) -> Mistake | None:
    found = space.try_config(point)
    if not isinstance(found, Problem):
        return None
    path = ("parameters", *found.names[:1])
    return Mistake(path=path, what=found.what, fix=found.fix)


def _enqueued(parts: Parts, space: SearchSpace, *, has_wrong_values: bool) -> Iterator[Mistake]:
    for i, partial in parts.enqueue.items():
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
