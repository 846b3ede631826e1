"""Which limits of a search a trial breaks."""

from collections.abc import Callable, Mapping

from automtl.config import FreeConfig, TrialConfig
from automtl.space.parts import Constraint
from automtl.space.search import Search

KnownCosts = Callable[[TrialConfig | FreeConfig], Mapping[str, float]]
"""Returns those metrics of a trial that are known before it is trained."""


def nothing_known(config: TrialConfig | FreeConfig) -> Mapping[str, float]:
    """Know nothing of a trial before it is trained."""
    del config
    return {}


def violations(search: Search, values: Mapping[str, float]) -> list[str]:
    """Name the limits that ``values`` break, each as one sentence.

    A metric that ``values`` lack breaks nothing: after the first epoch only part is known.
    A NaN breaks every limit on its metric.
    """
    return [
        _sentence(limit, values[limit.metric])
        for limit in search.constraints
        if limit.metric in values and not _holds(limit, values[limit.metric])
    ]


def excess(limit: Constraint, value: float) -> float:
    """Return by how much a limit is broken, relative to the limit; at most 0 if it holds.

    >>> excess(Constraint(metric="cost/latency_ms", max=20), 25)
    0.25
    """
    over = [] if limit.max is None else [(value - limit.max) / (abs(limit.max) or 1.0)]
    under = [] if limit.min is None else [(limit.min - value) / (abs(limit.min) or 1.0)]
    return max(over + under)


def _holds(limit: Constraint, value: float) -> bool:
    is_below = limit.max is None or value <= limit.max
    return is_below and (limit.min is None or value >= limit.min)


def _sentence(limit: Constraint, value: float) -> str:
    if limit.max is not None and not value <= limit.max:
        return f"{limit.metric} is {value:.6g}, above its limit {limit.max:g}"
    return f"{limit.metric} is {value:.6g}, below its limit {limit.min:g}"
