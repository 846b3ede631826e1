"""What no single key can tell: whether the parts of a recipe fit one another."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from automtl.config import BUILT_IN_TASKS, TrialConfig
from automtl.errors import RecipeError
from automtl.results import Objective
from automtl.space.early_stopping import (
    EPOCHS,
    EarlyStopping,
    PromotionStopping,
    longest_training,
    rungs_of,
)
from automtl.space.mistakes import Mistake, from_pydantic, in_base, suggestion
from automtl.space.parameter import Parameter, allows, corners_of, describe, grid_of, wanted_values
from automtl.space.parts import Baselines, Budget, Constraint
from automtl.space.paths import FREE, known_paths, nested
from automtl.space.search_space import Problem, SearchSpace, in_order

N_RANDOM_CORNERS = 16
MAX_LISTED = 64
"""A parameter with at most so many values is tried at each: every second one may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Those parts of a recipe that are well formed, each by its place in the document.

    Attributes:
        names: All parameters, malformed ones too.
        parameters: The well-formed ones.
        objectives: By index.
        constraints: By index.
        base: Partial configuration.
        enqueue: Partial points by index.
        budget: If well formed.
        baselines: If well formed.
        early_stopping: If well formed.
        fractions: The tasks of which training uses a share of the labels.
    """

    names: frozenset[str]
    parameters: Mapping[str, Parameter]
    objectives: Mapping[int, Objective]
    constraints: Mapping[int, Constraint]
    base: Mapping[str, object]
    enqueue: Mapping[int, Mapping[str, Any]]
    budget: Budget | None
    baselines: Baselines | None
    early_stopping: EarlyStopping | None
    fractions: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Parts":
        """Take what is well formed out of a document."""
        parameters = document.get("parameters")
        base = document.get("base")
        data = document.get("data")
        fractions = data.get("label_fraction") if isinstance(data, Mapping) else None
        return cls(
            names=frozenset(map(str, _items(parameters))),
            parameters=_valid(Parameter, parameters),
            objectives=_valid(Objective, document.get("objectives")),
            constraints=_valid(Constraint, document.get("constraints")),
            base=base if isinstance(base, Mapping) else {},
            enqueue=_valid(dict[str, bool | int | float | str], document.get("enqueue")),
            budget=_valid(Budget, {"budget": document.get("budget")}).get("budget"),
            baselines=_valid(Baselines, {"b": document.get("baselines", {})}).get("b"),
            early_stopping=_valid(EarlyStopping, {"e": document.get("early_stopping")}).get("e"),
            fractions=tuple(map(str, _items(fractions))),
        )


def cross_mistakes(parts: Parts) -> list[Mistake]:
    """Return all that does not fit together."""
    base, wrong = _base(parts)
    found = [
        *wrong,
        *_twice(parts),
        *_limits(parts),
        *_conditions(parts),
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


def _twice(parts: Parts) -> Iterator[Mistake]:
    seen: set[str] = set()
    for i, objective in parts.objectives.items():
        if objective.metric in seen:
            what = f"the objective `{objective.metric}` is given twice"
            yield Mistake(path=("objectives", i), what=what)
        seen.add(objective.metric)


def _limits(parts: Parts) -> Iterator[Mistake]:
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for i, limit in parts.constraints.items():
        path, metric = ("constraints", i), limit.metric
        for key, value, known in (("min", limit.min, lows), ("max", limit.max, highs)):
            if value is not None and metric in known:
                yield Mistake(path=path, what=f"`{key}` of `{metric}` is given twice")
            elif value is not None:
                known[metric] = value
        low, high = lows.get(metric), highs.get(metric)
        if low is not None and high is not None and low > high:
            what = f"no value of `{metric}` is at least {low:g} and at most {high:g}"
            yield Mistake(path=path, what=what)


def _conditions(parts: Parts) -> Iterator[Mistake]:
    for name, parameter in parts.parameters.items():
        for parent, wanted in parameter.when.items():
            path = ("parameters", name, "when", parent)
            if parent == name:
                yield Mistake(path=path, what=f"`{name}` depends on itself")
            elif parent not in parts.names:
                others = sorted(parts.names - {name})
                what = f"`when` of `{name}` names `{parent}`, which is no parameter"
                yield Mistake(path=path, what=what, fix=suggestion(parent, others))
            elif parent in parts.parameters:
                known = parts.parameters[parent]
                for value in wanted_values(wanted):
                    if not allows(known, value):
                        what = f"`{parent}` is never {value!r}: it is {describe(known)}"
                        values = [str(v) for v in corners_of(known) if isinstance(v, str)]
                        yield Mistake(path=path, what=what, fix=suggestion(value, values))


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
    tasks = BUILT_IN_TASKS if base is None else base.tasks
    wanted = parts.baselines.single_task
    for i, task in enumerate(wanted):
        path = ("baselines", "single_task", i)
        if task not in tasks:
            what = f"the baseline `{task}` is no task of this search"
            yield Mistake(path=path, what=what, fix=suggestion(task, tasks))
        elif task in wanted[:i]:
            yield Mistake(path=path, what=f"the baseline `{task}` is given twice")
    n_stated = 1 + len(parts.enqueue)
    limit = None if parts.budget is None else parts.budget.trials
    if parts.baselines.names and limit is not None and limit <= n_stated:
        what = f"`budget.trials` {limit} is spent by the default and `enqueue` before `baselines`"
        fix = f"Use at least {n_stated + 1}"
        yield Mistake(path=("budget", "trials"), what=what, fix=fix)


def _rungs(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    stopping = parts.early_stopping
    is_open = base is None or (EPOCHS in parts.names and EPOCHS not in parts.parameters)
    if is_open or not isinstance(stopping, PromotionStopping):
        return
    epochs = longest_training(parts.base, parts.parameters)
    for i, rung in enumerate(stopping.rungs):
        if rung >= epochs:
            what = f"a rung at epoch {rung} is not before the end of a training of {epochs} epochs"
            fix = f"Use epochs below {epochs}, or leave `rungs` out"
            yield Mistake(path=("early_stopping", "rungs", i), what=what, fix=fix)
    rungs = rungs_of(stopping, epochs)
    if not rungs:
        what = f"a training of {epochs} epochs has no rung at an `eta` of {stopping.eta:g}"
        fix = "State `rungs`, or train for more epochs" if epochs > 1 else "Train for more epochs"
        yield Mistake(path=("early_stopping",), what=what, fix=fix)
    elif parts.budget is not None and (parts.budget.epochs or rungs[0]) < rungs[0]:
        what = (
            f"`budget.epochs` {parts.budget.epochs} ends before the first rung, epoch {rungs[0]}"
        )
        fix = f"A full training takes {epochs}: use at least as many"
        yield Mistake(path=("budget", "epochs"), what=what, fix=fix)


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


def _items(section: object) -> Mapping[Any, Any]:
    if isinstance(section, Mapping):
        return section
    return dict(enumerate(section)) if isinstance(section, list | tuple) else {}


def _valid(kind: Any, section: object) -> dict[Any, Any]:
    adapter = TypeAdapter(kind)
    found = {}
    for key, value in _items(section).items():
        try:
            found[key] = adapter.validate_python(value)
        except ValidationError:
            # Named by the validation of the whole recipe, which runs beside this one.
            continue
    return found
