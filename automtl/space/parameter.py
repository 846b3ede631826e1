"""What may vary: one frozen model for each kind of parameter, and the questions asked of it."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from automtl.space.parameter_base import MOST_STEPS, ParameterBase, Real, Scalar, When, Whole


class FloatParameter(ParameterBase):
    """A real number in ``[min, max]``.

    Attributes:
        type: ``float``.
        min: Smallest value.
        max: Largest value.
        log: Whether ratios count rather than differences.
        step: Distance between values; excludes ``log``.
        default: Value of the first trial; without one, the middle of the range.
    """

    type: Literal["float"]
    min: Real
    max: Real
    log: bool = False
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    default: Real | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        _check_range(self)
        return self


class IntParameter(ParameterBase):
    """A whole number in ``[min, max]``.

    Attributes:
        type: ``int``.
        min: Smallest value.
        max: Largest value.
        log: Whether ratios count rather than differences.
        step: Distance between values; excludes ``log``.
        default: Value of the first trial; without one, the middle of the range.
    """

    type: Literal["int"]
    min: Whole
    max: Whole
    log: bool = False
    step: Annotated[int, Field(ge=1, le=2**53)] | None = None
    default: Whole | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        _check_range(self)
        return self


class CategoricalParameter(ParameterBase):
    """One of several values without an order.

    Attributes:
        type: ``categorical``.
        values: The choices.
        default: Value of the first trial; without one, the first choice.
    """

    type: Literal["categorical"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    default: Scalar | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if len(set(self.values)) != len(self.values):
            msg = f"`values` must differ from one another, found {list(self.values)}"
            raise ValueError(msg)
        if self.default is not None and self.default not in self.values:
            msg = f"`default` must be one of {list(self.values)}, found {self.default!r}"
            raise ValueError(msg)
        _check_prior(self)
        return self


class BoolParameter(ParameterBase):
    """True or false.

    Attributes:
        type: ``bool``.
        default: Value of the first trial.
    """

    type: Literal["bool"]
    default: bool = False

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        _check_prior(self)
        return self


NumberParameter = FloatParameter | IntParameter
Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | BoolParameter,
    Field(discriminator="type"),
]


def default_of(parameter: Parameter) -> Scalar:
    """Return the value of the first trial."""
    match parameter:
        case FloatParameter() | IntParameter():
            return parameter.default if parameter.default is not None else _middle(parameter)
        case CategoricalParameter():
            return parameter.values[0] if parameter.default is None else parameter.default
        case BoolParameter():
            return parameter.default


def corners_of(parameter: Parameter) -> tuple[Scalar, ...]:
    """Return the extreme values: both ends of a range, or every choice."""
    match parameter:
        case FloatParameter() | IntParameter():
            return (parameter.min, last_step(parameter))
        case CategoricalParameter():
            return parameter.values
        case BoolParameter():
            return (False, True)


def last_step(parameter: NumberParameter) -> float | int:
    """Return the largest value that can be reached: ``max``, or the last step below it.

    >>> last_step(IntParameter(type="int", min=0, max=5, step=2))
    4
    """
    if parameter.step is None:
        return parameter.max
    # In decimals, as the numbers were written: 0.3 is three steps of 0.1.
    low, high, step = (Decimal(str(v)) for v in (parameter.min, parameter.max, parameter.step))
    found = low + (high - low) // step * step
    return int(found) if isinstance(parameter, IntParameter) else float(found)


def grid_of(parameter: Parameter, limit: int) -> tuple[Scalar, ...] | None:
    """Return every value, or None if there are more than ``limit``.

    >>> grid_of(IntParameter(type="int", min=0, max=4, step=2), 10)
    (0, 2, 4)
    """
    match parameter:
        case IntParameter():
            found = range(parameter.min, parameter.max + 1, parameter.step or 1)
            return tuple(found) if len(found) <= limit else None
        case FloatParameter():
            return _float_grid(parameter, limit)
        case CategoricalParameter() | BoolParameter():
            return corners_of(parameter)


def allows(parameter: Parameter, value: Scalar) -> bool:
    """Return whether the parameter can have ``value``.

    >>> allows(IntParameter(type="int", min=0, max=4), 2.5)
    False
    """
    match parameter:
        case FloatParameter():
            return _is_number(value) and _is_inside(parameter, float(value))
        case IntParameter():
            is_whole = _is_number(value) and float(value).is_integer()
            return is_whole and _is_inside(parameter, float(value))
        case CategoricalParameter():
            return value in parameter.values
        case BoolParameter():
            return isinstance(value, bool)


def as_kind(parameter: Parameter, value: Scalar) -> Scalar:
    """Return an allowed value in the parameter's own type: 10 and 10.0 are one point."""
    match parameter:
        case FloatParameter():
            return float(value)
        case IntParameter():
            return int(value)
        case CategoricalParameter() | BoolParameter():
            return value


def matches(when: When, point: Mapping[str, Scalar]) -> bool:
    """Return whether ``point`` meets a condition; a name missing from it never does."""
    return all(
        name in point and point[name] in wanted_values(wanted) for name, wanted in when.items()
    )


def wanted_values(wanted: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """Return the values of one entry of a condition."""
    return wanted if isinstance(wanted, tuple) else (wanted,)


def describe(parameter: Parameter) -> str:
    """Name the values for people.

    >>> describe(BoolParameter(type="bool"))
    'true or false'
    """
    match parameter:
        case FloatParameter() | IntParameter():
            steps = f" in steps of {parameter.step:g}" if parameter.step else ""
            return f"{parameter.min:g} to {parameter.max:g}{steps}"
        case CategoricalParameter():
            return "one of " + ", ".join(map(str, parameter.values))
        case BoolParameter():
            return "true or false"


def _check_range(parameter: NumberParameter) -> None:
    low, high = parameter.min, parameter.max
    problems = (
        (low > high, f"`min` must not be above `max`, found min {low:g} and max {high:g}"),
        (
            parameter.log and low <= 0,
            f"`log: true` needs `min` above 0, found min {low:g}",
        ),
        (
            parameter.log and parameter.step is not None,
            "`log: true` and `step` exclude one another",
        ),
        (
            parameter.step is not None and parameter.step > high - low >= 0,
            (
                f"`step` must not be larger than the range, found step {parameter.step}"
                f" in {low:g} to {high:g}"
            ),
        ),
        (
            parameter.step is not None and (high - low) / parameter.step > MOST_STEPS,
            f"the range has more than {MOST_STEPS} steps of {parameter.step}",
        ),
        (
            parameter.default is not None and low <= high and not _is_inside(parameter),
            f"`default` must be {describe(parameter)}, found {parameter.default}",
        ),
    )
    found = [text for is_wrong, text in problems if is_wrong]
    if found:
        raise ValueError("; ".join(found))
    _check_prior(parameter)


def _check_prior(
    parameter: "FloatParameter | IntParameter | CategoricalParameter | BoolParameter",
) -> None:
    if parameter.prior is not None and not allows(parameter, parameter.prior.at):
        msg = f"`prior.at` must be {describe(parameter)}, found {parameter.prior.at!r}"
        raise ValueError(msg)


def _is_inside(parameter: NumberParameter, value: float | None = None) -> bool:
    """Whether ``value``, or else the default, lies in the range and on a step."""
    found = parameter.default if value is None else value
    if found is None or not parameter.min <= found <= parameter.max:
        return False
    steps = (found - parameter.min) / parameter.step if parameter.step else 0.0
    return abs(steps - round(steps)) < 1e-6


def _middle(parameter: NumberParameter) -> float | int:
    low, high = float(parameter.min), float(parameter.max)
    middle = math.sqrt(low * high) if parameter.log else (low + high) / 2
    if parameter.step is not None:
        middle = low + math.floor((middle - low) / parameter.step + 1e-9) * parameter.step
    middle = min(max(middle, low), high)
    return int(middle) if isinstance(parameter, IntParameter) else middle


def _float_grid(parameter: FloatParameter, limit: int) -> tuple[Scalar, ...] | None:
    if parameter.min == parameter.max:
        return (parameter.min,)
    if parameter.step is None:
        return None
    n = round((last_step(parameter) - parameter.min) / parameter.step) + 1
    if n > limit:
        return None
    return tuple(parameter.min + i * parameter.step for i in range(n))


def _is_number(value: Scalar) -> bool:
    """Whether it is a number that a parameter may have: a float can hold it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= 2**53
