"""What all kinds of parameter have in common."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from automtl.config import Frozen
from automtl.space.prior import Prior

Scalar = bool | int | float | str
When = Mapping[str, Scalar | tuple[Scalar, ...]]
"""Other parameters and the value, or the values, at which this one exists."""


MOST_STEPS = 10**9

Real = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
"""Products and differences of two such numbers are finite."""

Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""Whole numbers that floating-point numbers can tell apart."""


class ParameterBase(Frozen):
    """What every kind has.

    Attributes:
        when: Values of other parameters at which this one exists.
        prior: Where good values are expected.
    """

    when: When = {}
    prior: Prior | None = None
