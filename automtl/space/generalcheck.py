"""What must fit together in any search, whatever its trials train."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from automtl.results import Objective
from automtl.space.early_stopping import EarlyStopping, PromotionStopping, rungs_of
from automtl.space.mistakes import Mistake, suggestion
from automtl.space.parameter import Parameter, allows, corners_of, describe, wanted_values
from automtl.space.parameter_base import Scalar
from automtl.space.parts import Baselines, Budget, Constraint, Resources
from automtl.space.samplers import Sampler, sampler_mistakes
from automtl.space.yaml_lines import KeyPath


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
        resources: If well formed.
        baselines: If well formed.
        early_stopping: If well formed.
        sampler: If well formed.
        fractions: The tasks of which training uses a share of the labels.
    """

    names: frozenset[str]
    parameters: Mapping[str, Parameter]
    objectives: Mapping[int, Objective]
    constraints: Mapping[int, Constraint]
    base: Mapping[str, object]
    enqueue: Mapping[int, Mapping[str, Any]]
    budget: Budget | None
    resources: Resources | None
    baselines: Baselines | None
    early_stopping: EarlyStopping | None
    sampler: Sampler | None
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
            resources=_valid(Resources, {"r": document.get("resources", {})}).get("r"),
            baselines=_valid(Baselines, {"b": document.get("baselines", {})}).get("b"),
            early_stopping=_valid(EarlyStopping, {"e": document.get("early_stopping")}).get("e"),
            sampler=_valid(Sampler, {"s": document.get("sampler")}).get("s"),
            fractions=tuple(map(str, _items(fractions))),
        )


def general_mistakes(parts: Parts) -> list[Mistake]:
    """Return what does not fit together whatever the trials train."""
    return [
        *_twice(parts),
        *_limits(parts),
        *_conditions(parts),
        *_gpu_hours(parts),
        *sampler_mistakes(parts.sampler, parts.parameters),
    ]


def _gpu_hours(parts: Parts) -> Iterator[Mistake]:
    if parts.budget is None or parts.budget.gpu_hours is None or parts.resources is None:
        return
    if parts.resources.gpu == 0:
        what = "`budget.gpu_hours` never ends: a trial takes no GPU"
        fix = "Set `resources: {gpu: 1}`, or limit `minutes`"
        yield Mistake(path=("budget", "gpu_hours"), what=what, fix=fix)


def rung_mistakes(parts: Parts, epochs: int) -> Iterator[Mistake]:
    """Yield what is wrong with early stopping for trainings of ``epochs``."""
    stopping = parts.early_stopping
    if not isinstance(stopping, PromotionStopping):
        return
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
    elif parts.budget is not None:
        yield from _before_rung(parts.budget, rungs[0], epochs)


def _before_rung(budget: Budget, first: int, epochs: int) -> Iterator[Mistake]:
    """Yield the limits that end a search before any trial can be compared with another."""
    limits = (("epochs", budget.epochs, 1, epochs), ("trainings", budget.trainings, epochs, 1))
    for key, most, epochs_of_one, enough in limits:
        if most is not None and most * epochs_of_one < first:
            what = f"`budget.{key}` {most:g} ends before the first rung, epoch {first}"
            fix = f"A full training takes {epochs} epochs: use at least {enough}"
            yield Mistake(path=("budget", key), what=what, fix=fix)


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
            elif not wanted_values(wanted):
                what = f"`{name}` exists at no value of `{parent}`: the list is empty"
                yield Mistake(path=path, what=what)
            elif parent in parts.parameters:
                never = [
                    v for v in wanted_values(wanted) if not allows(parts.parameters[parent], v)
                ]
                yield from (_never(parent, parts.parameters[parent], v, path) for v in never)


def _never(name: str, parameter: Parameter, value: Scalar, path: KeyPath) -> Mistake:
    what = f"`{name}` is never {value!r}: it is {describe(parameter)}"
    values = [str(v) for v in corners_of(parameter) if isinstance(v, str)]
    return Mistake(path=path, what=what, fix=suggestion(value, values))


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
