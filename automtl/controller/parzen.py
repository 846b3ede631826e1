"""One parameter's next value by tree-structured Parzen estimators, on arrays.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011), section 4, in the form that
Optuna gave it (Watanabe, "Tree-Structured Parzen Estimator", 2023): a truncated normal around each
value seen and one around the whole range; candidates are drawn from the density of the good
values, and the one with the largest ratio of good to bad density is taken. With the same good and
bad values and the same random stream it takes the same value as Optuna, which evaluates the
logarithm of a normal in a Python loop and is much slower.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from automtl.controller.truncated import log_mass, log_sum, quantile
from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    corners_of,
    last_step,
)
from automtl.space.parameter_base import Scalar

Array = NDArray[np.float64]

SPREADS = {"low": 0.5, "medium": 0.25, "high": 0.125}
"""Deviation of a prior on numbers, in shares of the range."""

ODDS = {"low": 2.0, "medium": 4.0, "high": 6.0}
"""How much likelier than each other one the expected choice is."""

DOUBT = 0.25
"""Weight of the whole range in a prior on numbers: what it can do is limited, it may be wrong."""

N_RECENT = 25
"""Bad values that weigh 1; those before them weigh less the older they are."""

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normals:
    """A mixture of normals that are cut off at the ends of a range.

    Attributes:
        weights: Shape ``(k,)``, sum 1.
        means: Shape ``(k,)``; on the logarithm where that is the parameter's scale.
        deviations: Shape ``(k,)``.
        low: Lower end, half a step below the smallest value of a discrete parameter.
        high: Upper end.
        step: Distance of allowed values, 0 for none.
        is_log: Whether all but ``step`` is on the logarithm.
    """

    weights: Array
    means: Array
    deviations: Array
    low: float
    high: float
    step: float
    is_log: bool

    def draw(self, rng: np.random.RandomState, n: int) -> Array:
        """Return ``n`` values between the ends, not yet on a step."""
        rows = rng.choice(len(self.weights), p=self.weights, size=n)
        means, deviations = self.means[rows], self.deviations[rows]
        low, high = (self.low - means) / deviations, (self.high - means) / deviations
        drawn = quantile(rng.uniform(size=n), low, high) * deviations + means
        return np.asarray(np.exp(drawn) if self.is_log else drawn)

    def log_density(self, values: Array) -> Array:
        """Return the logarithm of the density, or of the probability of a discrete value."""
        means, deviations = self.means, self.deviations
        inside = log_mass((self.low - means) / deviations, (self.high - means) / deviations)
        if self.step:
            ends = values[:, None] + np.array([-0.5, 0.5]) * self.step
            left, right = (np.log(ends) if self.is_log else ends).T
            found = log_mass(
                (left[:, None] - means) / deviations, (right[:, None] - means) / deviations
            )
        else:
            places = np.log(values) if self.is_log else values
            away = (places[:, None] - means) / deviations
            found = -0.5 * away**2 - LOG_SQRT_2PI - np.log(deviations)
        terms = found - inside + np.log(self.weights)
        return log_sum(terms)


def suggest(
    parameter: Parameter,
    good: Sequence[Scalar],
    bad: Sequence[Scalar],
    rng: np.random.RandomState,
    *,
    n_candidates: int,
    trust: float = 0.0,
) -> Scalar:
    """Return the next value of a parameter.

    Args:
        parameter: Which values exist.
        good: Its values in the good trials.
        bad: Its values in all others, the oldest first.
        rng: Random numbers.
        n_candidates: Draws of which the best is taken.
        trust: Exponent of the parameter's prior, which the ratio is multiplied with (Hvarfner et
            al., "piBO: Augmenting Acquisition Functions with User Beliefs", 2022, equation 6).
    """
    match parameter:
        case CategoricalParameter() | BoolParameter():
            values = corners_of(parameter)
            codes = {value: code for code, value in enumerate(values)}
            if len(values) == 1:
                return values[0]
            return values[
                _choice(
                    [codes[value] for value in good],
                    [codes[value] for value in bad],
                    rng,
                    belief=trust * np.log(odds(parameter)),
                    n_candidates=n_candidates,
                )
            ]
        case FloatParameter() | IntParameter():
            if parameter.min == last_step(parameter):
                return parameter.min
            found = _number(parameter, good, bad, rng, n_candidates=n_candidates, trust=trust)
            return int(found) if isinstance(parameter, IntParameter) else found


def expected(parameter: Parameter, rng: np.random.RandomState) -> Scalar:
    """Draw a value from a parameter's prior; without one, from the whole range."""
    match parameter:
        case CategoricalParameter() | BoolParameter():
            values = corners_of(parameter)
            return values[rng.choice(len(values), p=odds(parameter))]
        case FloatParameter() | IntParameter():
            if parameter.min == last_step(parameter):
                return parameter.min
            density = prior_density(parameter)
            found = float(on_steps(parameter, density, density.draw(rng, 1))[0])
            return int(found) if isinstance(parameter, IntParameter) else found


def odds(parameter: CategoricalParameter | BoolParameter) -> Array:
    """Return the prior probability of each choice."""
    values, prior = corners_of(parameter), parameter.prior
    weights = [
        ODDS[prior.confidence] if prior is not None and value == prior.at else 1.0
        for value in values
    ]
    return np.array(weights) / sum(weights)


def prior_density(parameter: FloatParameter | IntParameter) -> Normals:
    """Return the prior of a number; without one, the density of the whole range."""
    whole, prior = mixture(parameter, ()), parameter.prior
    if prior is None:
        return whole
    at = math.log(float(prior.at)) if whole.is_log else float(prior.at)
    return replace(
        whole,
        weights=np.array([1.0 - DOUBT, DOUBT]),
        means=np.append(at, whole.means),
        deviations=np.append(SPREADS[prior.confidence], 1.0) * whole.deviations,
    )


def mixture(parameter: FloatParameter | IntParameter, seen: Sequence[Scalar]) -> Normals:
    """Return the density of the values of a parameter, the oldest first."""
    step = float(parameter.step or (1 if isinstance(parameter, IntParameter) else 0))
    low, high = parameter.min - step / 2, last_step(parameter) + step / 2
    values = np.array(seen, dtype=np.float64)
    if parameter.log:
        low, high, values = math.log(low), math.log(high), np.log(values)
    return Normals(
        weights=recency_weights(len(values)),
        means=np.append(values, 0.5 * (low + high)),
        deviations=np.append(_deviations(values, low, high), high - low),
        low=low,
        high=high,
        step=step,
        is_log=parameter.log,
    )


def _number(
    parameter: FloatParameter | IntParameter,
    good: Sequence[Scalar],
    bad: Sequence[Scalar],
    rng: np.random.RandomState,
    *,
    n_candidates: int,
    trust: float,
) -> float:
    below, above = mixture(parameter, good), mixture(parameter, bad)
    drawn = below.draw(rng, n_candidates)
    believed = prior_density(parameter) if parameter.prior is not None and trust else None
    if believed is not None:
        drawn = np.append(drawn, believed.draw(rng, n_candidates // 4))
    if below.step:
        drawn = on_steps(parameter, below, drawn)
        # Few values remain; the first of the best ones is the same as among all draws.
        _, first = np.unique(drawn, return_index=True)
        drawn = drawn[np.sort(first)]
    ratio = below.log_density(drawn) - above.log_density(drawn)
    if believed is not None:
        ratio += trust * believed.log_density(drawn)
    return float(drawn[np.argmax(ratio)])


def on_steps(parameter: FloatParameter | IntParameter, density: Normals, drawn: Array) -> Array:
    """Return the allowed values that are nearest to drawn ones."""
    if not density.step:
        return drawn
    low, high = parameter.min, last_step(parameter)
    return np.clip(low + np.round((drawn - low) / density.step) * density.step, low, high)


def _choice(
    good: Sequence[int],
    bad: Sequence[int],
    rng: np.random.RandomState,
    *,
    belief: Array,
    n_candidates: int,
) -> int:
    (weights, below), (above_weights, above) = (_tables(s, len(belief)) for s in (good, bad))
    rows = rng.choice(len(weights), p=weights, size=n_candidates)
    reached = np.cumsum(below[rows], axis=1)
    reached[:, -1] = 1.0  # Not a rounding error below it.
    drawn = (reached < rng.uniform(size=n_candidates)[:, None]).sum(axis=1)
    ratio = np.log(weights @ below) - np.log(above_weights @ above) + belief
    return int(drawn[np.argmax(ratio[drawn])])


def _tables(codes: Sequence[int], n_values: int) -> tuple[Array, Array]:
    """Return the weight of each kernel, and its probability of each value."""
    n = len(codes) + 1
    table = np.full((n, n_values), 1.0 / n)
    table[np.arange(len(codes)), np.array(codes, dtype=np.int64)] += 1.0
    return recency_weights(len(codes)), table / table.sum(axis=1, keepdims=True)


def recency_weights(n: int) -> Array:
    """Return the weights of ``n`` values and of the whole range, which counts as one of them."""
    ramp = np.linspace(1.0 / n, 1.0, num=n - N_RECENT) if n > N_RECENT else np.empty(0)
    weights = np.concatenate([ramp, np.ones(min(n, N_RECENT) + 1)])
    return np.asarray(weights / weights.sum())


def _deviations(values: Array, low: float, high: float) -> Array:
    """Return for each value the distance to its farther neighbour, within limits."""
    order = np.argsort(values)
    ends = np.concatenate([[low], values[order], [high]])
    gaps = np.diff(ends)
    found = np.maximum(gaps[:-1], gaps[1:])
    if len(values) >= 2:
        # The ends of the range are no neighbours.
        found[0], found[-1] = gaps[1], gaps[-2]
    smallest = (high - low) / min(100.0, 2.0 + len(values))
    return np.asarray(np.clip(found[np.argsort(order)], smallest, high - low))
