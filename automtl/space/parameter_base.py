"""What all kinds of parameter have in common."""

from collections.abc import Mapping

from automtl.config import Frozen
from automtl.space.prior import Prior

Scalar = bool | int | float | str
When = Mapping[str, Scalar | tuple[Scalar, ...]]
"""Other parameters and the value, or the values, at which this one exists."""


class ParameterBase(Frozen):
    """What every kind has.

    Attributes:
        when: Values of other parameters at which this one exists.
        prior: Where good values are expected.
    """

    when: When = {}
    prior: Prior | None = None
