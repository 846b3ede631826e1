"""All parameters' next values at once by a Parzen estimator over whole points.

`parzen.py` looks at each parameter alone, so that what is good only together is not seen. Here
each trial is one kernel over all parameters, as in a multivariate TPE (Falkner, Klein and Hutter,
"BOHB: Robust and Efficient Hyperparameter Optimization at Scale", 2018, section 4.1), with a wide
kernel of fixed size: the ratio of good to bad density is then smooth, and says in which direction
it gets better rather than near which trial it was good. Only where every parameter is a number
that always exists: points of different branches have no distance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.controller.parzen import mixture, on_steps, prior_density, recency_weights
from automtl.controller.truncated import log_mass, log_sum, quantile
from automtl.results import Point
from automtl.space.parameter import FloatParameter, IntParameter, last_step
from automtl.space.parameter_base import Scalar
from automtl.space.search_space import SearchSpace

Array = NDArray[np.float64]
Numbers = Mapping[str, FloatParameter | IntParameter]

WIDTH = 0.45
"""Deviation of a kernel, in shares of each parameter's range (docs/measurements.md)."""


def numbers_of(space: SearchSpace) -> Numbers | None:
    """Return the parameters of a space that are numbers and always exist, or None if not all are.

    Those with one value only have nothing to say and are left out.
    """
    found: dict[str, FloatParameter | IntParameter] = {}
    for name, parameter in space.parameters.items():
        if parameter.when or not isinstance(parameter, FloatParameter | IntParameter):
            return None
        if parameter.min < last_step(parameter):
            found[name] = parameter
    return found or None


def suggest_together(
    numbers: Numbers,
    good: Sequence[Point],
    bad: Sequence[Point],
    rng: np.random.RandomState,
    *,
    n_candidates: int,
    trust: float = 0.0,
) -> dict[str, Scalar]:
    """Return the next value of each parameter.

    Args:
        numbers: The parameters, at least one.
        good: Good trials.
        bad: All others, the oldest first.
        rng: Random numbers.
        n_candidates: Points drawn, of which the best is taken.
        trust: Exponent of the priors, which the ratio is multiplied with, as in ``parzen.py``.
    """
    below, above = (_kernels(numbers, points) for points in (good, bad))
    columns = _values(numbers, below.draw(rng, n_candidates))
    if trust:
        expected = [prior_density(p).draw(rng, n_candidates // 4) for p in numbers.values()]
        columns = [
            np.append(drawn, on_steps(parameter, mixture(parameter, ()), more))
            for parameter, drawn, more in zip(numbers.values(), columns, expected, strict=True)
        ]
    shares = np.column_stack(
        [_shares(p, values) for p, values in zip(numbers.values(), columns, strict=True)]
    )
    ratio = below.log_density(shares) - above.log_density(shares)
    if trust:
        for parameter, values in zip(numbers.values(), columns, strict=True):
            ratio += trust * prior_density(parameter).log_density(values)
    best = int(np.argmax(ratio))
    return {
        name: int(values[best]) if isinstance(parameter, IntParameter) else float(values[best])
        for (name, parameter), values in zip(numbers.items(), columns, strict=True)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kernels:
    """A mixture of products of normals on the unit cube, cut off at its sides.

    Attributes:
        weights: Shape ``(k,)``, sum 1.
        means: Shape ``(k, d)``.
        deviations: Shape ``(k, 1)``, the same in each direction.
    """

    weights: Array
    means: Array
    deviations: Array

    def draw(self, rng: np.random.RandomState, n: int) -> Array:
        """Return ``n`` points, shape ``(n, d)``."""
        rows = rng.choice(len(self.weights), p=self.weights, size=n)
        means, deviations = self.means[rows], self.deviations[rows]
        share = rng.uniform(size=means.shape)
        return means + deviations * quantile(share, -means / deviations, (1 - means) / deviations)

    def log_density(self, shares: Array) -> Array:
        """Return the logarithm of the density, up to a constant; ``shares`` is ``(n, d)``."""
        means, deviations = self.means, self.deviations
        inside = log_mass(-means / deviations, (1 - means) / deviations) + np.log(deviations)
        away = (shares[:, None, :] - means) / deviations
        terms = -0.5 * (away**2).sum(axis=2) - inside.sum(axis=1) + np.log(self.weights)
        return log_sum(terms)


def _kernels(numbers: Numbers, points: Sequence[Point]) -> _Kernels:
    """Return one kernel for each point, and one as wide as the cube."""
    columns = [
        _shares(parameter, np.array([float(point[name]) for point in points]))
        for name, parameter in numbers.items()
    ]
    n = len(points)
    return _Kernels(
        weights=recency_weights(n),
        means=np.vstack([np.column_stack(columns), np.full(len(columns), 0.5)]),
        deviations=np.append(np.full(n, WIDTH), 1.0)[:, None],
    )


def _shares(parameter: FloatParameter | IntParameter, values: Array) -> Array:
    """Return where values lie in their range, on its scale: 0 at the lower end, 1 at the upper."""
    whole = mixture(parameter, ())
    places = np.log(values) if whole.is_log else values
    return np.asarray((places - whole.low) / (whole.high - whole.low))


def _values(numbers: Numbers, shares: Array) -> list[Array]:
    """Return the allowed values nearest to points of the unit cube, one array per parameter."""
    found = []
    for parameter, share in zip(numbers.values(), shares.T, strict=True):
        whole = mixture(parameter, ())
        places = whole.low + share * (whole.high - whole.low)
        values = np.exp(places) if whole.is_log else places
        found.append(np.clip(on_steps(parameter, whole, values), parameter.min, parameter.max))
    return found
