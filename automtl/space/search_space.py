"""Which trials exist: parameters, the conditions between them, and a point's configuration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from automtl.config import FreeConfig, TrialConfig
from automtl.errors import RecipeError, closest
from automtl.results import Objective, Point
from automtl.space.mistakes import from_pydantic
from automtl.space.parameter import (
    Parameter,
    allows,
    as_kind,
    default_of,
    describe,
    grid_of,
    matches,
    wanted_values,
)
from automtl.space.parameter_base import Scalar
from automtl.space.paths import set_all

_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a point makes no configuration.

    Attributes:
        names: The parameters at fault, if they are known.
        what: What is wrong.
        fix: What to do, if known.
    """

    names: tuple[str, ...]
    what: str
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Parameters with conditions, and what a point of them means.

    Attributes:
        parameters: By name, parents before the parameters that depend on them.
        objectives: What is optimised, in order.
        base: The configuration that points change; None for a space of free names.
    """

    parameters: Mapping[str, Parameter]
    objectives: tuple[Objective, ...]
    base: TrialConfig | None = None

    @classmethod
    def from_plain(
        cls,
        *,
        parameters: Mapping[str, Mapping[str, object] | Parameter],
        objectives: Sequence[Mapping[str, object] | Objective],
    ) -> "SearchSpace":
        """Build a space of free names, for training code that is not automtl's.

        Args:
            parameters: As in a recipe, e.g. ``{"lr": {"type": "float", "min": 0, "max": 1}}``.
            objectives: As in a recipe.

        Raises:
            RecipeError: If a parameter or a condition is impossible.
        """
        try:
            found = {name: _PARAMETER.validate_python(p) for name, p in parameters.items()}
            goals = tuple(Objective.model_validate(o) for o in objectives)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(map(str, first["loc"])) or "parameters"
            msg = f"`{path}`: {first['msg']}"
            raise RecipeError(msg) from error
        for name, parameter in found.items():
            for parent in sorted(set(parameter.when) - set(found)):
                near = closest(parent, found)
                msg = f"`{name}` depends on `{parent}`, which is no parameter"
                raise RecipeError(
                    msg,
                    fix=f"Did you mean `{near}`?" if near else None,
                )
        return cls(parameters=in_order(found), objectives=goals)

    def active(self, point: Point) -> tuple[str, ...]:
        """Return the parameters that exist at ``point``, parents first.

        A parameter exists if all its parents exist and have a value of its ``when``.
        """
        seen: dict[str, Scalar] = {}
        for name, parameter in self.parameters.items():
            if name in point and matches(parameter.when, seen):
                seen[name] = point[name]
        return tuple(
            name for name, parameter in self.parameters.items() if matches(parameter.when, seen)
        )

    def default_point(self) -> dict[str, Scalar]:
        """Return the point of the first trial."""
        return self.complete({})

    def complete(self, partial: Point) -> dict[str, Scalar]:
        """Return the whole point: defaults where ``partial`` says nothing.

        Raises:
            RecipeError: If ``partial`` names an unknown or inactive parameter, or an impossible
                value.
        """
        found: dict[str, Scalar] = {}
        for name, parameter in self.parameters.items():
            if matches(parameter.when, found):
                found[name] = partial.get(name, default_of(parameter))
        for name, value in partial.items():
            self._check(name, value, found)
        return {n: as_kind(self.parameters[n], value) for n, value in found.items()}

    def reaching(self, name: str, value: Scalar) -> dict[str, Scalar]:
        """Return a point in which ``name`` exists and has ``value``; all else by default."""
        partial = {name: value}
        pending = [name]
        while pending:
            for parent, wanted in self.parameters[pending.pop()].when.items():
                values = wanted_values(wanted)
                default = default_of(self.parameters[parent])
                partial.setdefault(parent, default if default in values else values[0])
                pending.append(parent)
        return self.complete(partial)

    def grid(self, limit: int) -> tuple[dict[str, Scalar], ...] | None:
        """Return every point, or None if there are more than ``limit``."""
        points: list[dict[str, Scalar]] = [{}]
        for name, parameter in self.parameters.items():
            values = grid_of(parameter, limit)
            if values is None:
                return None
            points = [
                grown for point in points for grown in _grown(point, name, parameter, values)
            ]
            if len(points) > limit:
                return None
        return tuple(points)

    def trial_of(self, point: Point) -> "TrialConfig | FreeConfig":
        """Return what a trial of ``point`` trains: parameters alone where names are free.

        Raises:
            RecipeError: If the values make no valid configuration, naming the parameters.
        """
        if self.base is None:
            return FreeConfig({name: point[name] for name in self.active(point)})
        return self.config_of(point)

    def config_of(self, point: Point) -> TrialConfig:
        """Return the configuration of a point.

        Raises:
            RecipeError: If the values make no valid configuration, naming the parameters.
        """
        found = self.try_config(point)
        if isinstance(found, Problem):
            raise RecipeError(found.what, fix=found.fix)
        return found

    def try_config(self, point: Point) -> "TrialConfig | Problem":
        """Return the configuration of a point, or why there is none."""
        if self.base is None:
            what = "this space has free names: its points have no trial configuration"
            return Problem(names=(), what=what, fix=None)
        names = self.active(point)
        plain = set_all(self.base.to_plain(), {n: point[n] for n in names if n in point})
        try:
            return TrialConfig.from_plain(plain)
        except ValidationError as error:
            return _problem(error, plain, names, point)

    def _check(self, name: str, value: Scalar, found: Mapping[str, Scalar]) -> None:
        parameter = self.parameters.get(name)
        if parameter is None:
            near = closest(name, self.parameters)
            msg = f"`{name}` is no parameter"
            raise RecipeError(msg, fix=f"Did you mean `{near}`?" if near else None)
        if name not in found:
            msg = f"`{name}` does not exist at this point"
            raise RecipeError(msg, fix=_condition(parameter))
        if not allows(parameter, value):
            msg = f"`{name}` must be {describe(parameter)}, found {value!r}"
            raise RecipeError(msg)


def in_order(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Sort parents before children, by name among equals.

    The order does not depend on that of ``parameters``: a ledger may give keys back sorted, and
    a sampler's random stream follows this order.

    Raises:
        RecipeError: If conditions form a circle.
    """
    found: dict[str, Parameter] = {}
    left = dict(sorted(parameters.items()))
    while left:
        ready = [n for n, p in left.items() if not (set(p.when) & set(left))]
        if not ready:
            msg = f"`when` goes in a circle: {', '.join(left)}"
            raise RecipeError(msg)
        for name in ready:
            found[name] = left.pop(name)
    return found


def _grown(
    point: dict[str, Scalar], name: str, parameter: Parameter, values: Sequence[Scalar]
) -> Iterator[dict[str, Scalar]]:
    if matches(parameter.when, point):
        for value in values:
            yield {**point, name: value}
    else:
        yield point


def _condition(parameter: Parameter) -> str:
    wanted = [
        f"`{parent}` {' or '.join(map(str, wanted_values(values)))}"
        for parent, values in parameter.when.items()
    ]
    return f"It exists with {' and '.join(wanted)}"


def _problem(error: ValidationError, plain: object, names: Sequence[str], point: Point) -> Problem:
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    blamed = [n for n in names if parts and _is_inside(parts, n.split("."))]
    # An unknown kind is reported for the union as a whole.
    blamed = blamed or [n for n in names if parts and n.split(".")[:-1] == parts]
    shown = ", ".join(f"`{n}` = {point[n]}" for n in blamed) or "this point"
    head = f"{shown} makes no configuration"
    if first["type"] == "extra_forbidden" and len(parts) == 3:
        kind = f"{parts[0]}.kind"
        return Problem(
            names=tuple(blamed),
            what=f"{head}: it does not exist with `{kind}` {parts[1]}",
            fix=f"Add `when: {{{kind}: ...}}` with the kinds that have it",
        )
    found = from_pydantic(error, plain, TrialConfig.model_json_schema())
    what = found[0].what if found else str(first["msg"]).removeprefix("Value error, ")
    return Problem(
        names=tuple(blamed), what=f"{head}: {what}", fix=found[0].fix if found else None
    )


def _is_inside(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether ``wanted`` is a subsequence of ``parts``, which also holds the tags of unions."""
    rest = iter(parts)
    return all(any(part == w for part in rest) for w in wanted)
