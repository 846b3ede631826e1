"""Points by chance: uniform, and evenly spread."""

from collections.abc import Callable, Iterator, Sequence

from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    corners_of,
    last_step,
    matches,
)
from automtl.space.parameter_base import Scalar
from automtl.space.search_space import SearchSpace


def grown(space: SearchSpace, value: Callable[[str, Parameter], Scalar]) -> dict[str, Scalar]:
    """Build a point: each parameter gets a value that exists where the ones before it stand."""
    point: dict[str, Scalar] = {}
    for name, parameter in space.parameters.items():
        if matches(parameter.when, point):
            point[name] = value(name, parameter)
    return point


def uniform(space: SearchSpace, random: Callable[[], float]) -> dict[str, Scalar]:
    """Draw a point uniformly; ``random`` gives numbers in [0, 1)."""
    return grown(space, lambda _, parameter: uniform_value(parameter, random()))


def random_points(space: SearchSpace, seed: int) -> Iterator[dict[str, Scalar]]:
    """Yield uniform points."""
    import numpy as np

    rng = np.random.default_rng(seed)
    while True:
        yield uniform(space, rng.random)


def sobol_points(space: SearchSpace, seed: int, first: int) -> Iterator[dict[str, Scalar]]:
    """Yield the points of a scrambled Sobol sequence from place ``first`` on.

    Owen, "Scrambling Sobol' and Niederreiter-Xing Points" (1998). Each parameter has its own
    dimension, whether it exists at a point or not.

    Args:
        space: The points that exist.
        seed: Of the scrambling: that of the study, as all its trials share one sequence.
        first: Place of the first point, the trial's number.
    """
    from scipy.stats.qmc import Sobol

    sequence = Sobol(d=max(len(space.parameters), 1), scramble=True, rng=seed)
    if first:  # SciPy cannot go forward by nothing
        sequence.fast_forward(first)
    while True:
        yield _at(space, sequence.random(1)[0].tolist())


def _at(space: SearchSpace, shares: Sequence[float]) -> dict[str, Scalar]:
    """Return the point whose parameters have these shares, those that exist and the others."""
    by_name = dict(zip(space.parameters, shares, strict=False))
    return grown(space, lambda name, parameter: uniform_value(parameter, by_name[name]))


def uniform_value(parameter: Parameter, share: float) -> Scalar:
    """Return the value that ``share`` of the parameter's range lies below, share in [0, 1)."""
    match parameter:
        case FloatParameter() if parameter.step is None:
            return _between(parameter.min, parameter.max, share, is_log=parameter.log)
        case IntParameter() if parameter.log:
            low, high = parameter.min - 0.5, parameter.max + 0.5
            found = round(_between(low, high, share, is_log=True))
            return min(max(found, parameter.min), parameter.max)
        case FloatParameter() | IntParameter():
            step = parameter.step or 1
            n = round((last_step(parameter) - parameter.min) / step) + 1
            return parameter.min + int(share * n) * step
        case CategoricalParameter() | BoolParameter():
            values = corners_of(parameter)
            return values[int(share * len(values))]


def _between(low: float, high: float, share: float, *, is_log: bool) -> float:
    if not is_log:
        return low + share * (high - low)
    return float(min(max(low * (high / low) ** share, low), high))
