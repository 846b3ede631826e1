"""What somebody who knows the field expects of a parameter."""

from typing import Literal

from automtl.config import Frozen


class Prior(Frozen):
    """An expectation where a parameter's good values lie; it fades as trials end.

    Attributes:
        at: The value that is expected to be best.
        confidence: How sure that is. Of numbers, the spread around ``at`` is a half, a quarter or
            an eighth of the range (on its scale); a choice is taken for 2, 4 or 6 times as likely
            as each other one.
    """

    at: bool | int | float | str
    confidence: Literal["low", "medium", "high"] = "medium"
