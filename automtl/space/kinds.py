"""Parameters as Python writes them; a recipe writes the same as YAML."""

from collections.abc import Sequence

from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
)
from automtl.space.parameter_base import Scalar, When
from automtl.space.prior import Prior


def Float(  # noqa: N802 - reads as the kind it makes
    low: float,
    high: float,
    *,
    log: bool = False,
    step: float | None = None,
    default: float | None = None,
    when: When | None = None,
    prior: Prior | None = None,
) -> FloatParameter:
    """Make a real number in ``[low, high]``; the rest as in :class:`FloatParameter`.

    >>> Float(1e-4, 1, log=True).max
    1.0
    >>> Float(1e-4, 1, log=True, prior=Prior(at=3e-3, confidence="high")).prior.at
    0.003
    """
    return FloatParameter(
        type="float",
        min=low,
        max=high,
        log=log,
        step=step,
        default=default,
        when=when or {},
        prior=prior,
    )


def Int(  # noqa: N802 - reads as the kind it makes
    low: int,
    high: int,
    *,
    log: bool = False,
    step: int | None = None,
    default: int | None = None,
    when: When | None = None,
    prior: Prior | None = None,
) -> IntParameter:
    """Make a whole number in ``[low, high]``; the rest as in :class:`IntParameter`.

    >>> Int(1, 8, when={"kind": "deep"}).when
    {'kind': 'deep'}
    """
    return IntParameter(
        type="int",
        min=low,
        max=high,
        log=log,
        step=step,
        default=default,
        when=when or {},
        prior=prior,
    )


def Categorical(  # noqa: N802 - reads as the kind it makes
    values: Sequence[Scalar],
    *,
    default: Scalar | None = None,
    when: When | None = None,
    prior: Prior | None = None,
) -> CategoricalParameter:
    """Make a choice among ``values``, which have no order.

    >>> Categorical(["adam", "sgd"]).values
    ('adam', 'sgd')
    """
    return CategoricalParameter(
        type="categorical", values=tuple(values), default=default, when=when or {}, prior=prior
    )


def Bool(  # noqa: N802 - reads as the kind it makes
    *, default: bool = False, when: When | None = None, prior: Prior | None = None
) -> BoolParameter:
    """Make a choice between false and true.

    >>> Bool().default
    False
    """
    return BoolParameter(type="bool", default=default, when=when or {}, prior=prior)
