"""How well a rung tells the end: rank correlation with a confidence bound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automtl.controller.rungs import Arrivals, final_losses
from automtl.results import Objective, TrialRecord

N_LEAST = 6
"""Finished trials before a correlation is believed at all."""

Z_ONE_SIDED_90 = 1.2816
TRUSTED = 0.3
"""A rung whose correlation is surely at least this is stopped at as planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Rank correlation between a rung and the end.

    Attributes:
        n: Trials that were at the rung and were trained to their end.
        kendall: Kendall's tau-b of the objective that agrees least; NaN if unknown.
        low: Lower bound of its one-sided 90 % confidence interval; NaN if unknown.
        high: Upper bound likewise.
    """

    n: int
    kendall: float = math.nan
    low: float = math.nan
    high: float = math.nan


def agreement(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], found: Arrivals
) -> Agreement:
    """Compare a rung with the end, over the trials that went all the way.

    They are a choice of the best, which makes correlations smaller than over all trials.
    The bounds are those of Fieller et al., "Tests for rank correlation coefficients" (1957):
    the variance of artanh(tau) is about 0.437 / (n - 4).
    """
    at_end = {
        record.number: losses
        for record in history
        if (losses := final_losses(record, objectives)) is not None
    }
    rows = [i for i, number in enumerate(found.numbers) if number in at_end]
    n = len(rows)
    if n < N_LEAST:
        return Agreement(n=n)
    before = found.losses[rows]
    after = np.array([at_end[found.numbers[i]] for i in rows])
    taus = [
        tau for b, a in zip(before.T, after.T, strict=True) if not math.isnan(tau := _tau(b, a))
    ]
    if not taus:
        return Agreement(n=n)
    kendall = min(taus)
    # A perfect order over a few trials is no proof of a perfect rung, but close to it.
    turned = math.atanh(min(max(kendall, -0.999), 0.999))
    error = Z_ONE_SIDED_90 * math.sqrt(0.437 / (n - 4))
    return Agreement(
        n=n,
        kendall=kendall,
        low=math.tanh(turned - error),
        high=math.tanh(turned + error),
    )


def widened(eta: float, found: Agreement) -> float:
    """Return one in how many goes on: ``eta`` at a trusted rung, towards 1 at a doubtful one.

    What counts is the lower bound of the correlation: in doubt fewer are left behind. Before
    anything is known the rung is used as planned, or nothing would ever be learned cheaply.

    >>> widened(3.0, Agreement(n=0))
    3.0
    >>> widened(3.0, Agreement(n=20, kendall=0.2, low=-0.1, high=0.5))
    1.0
    """
    if math.isnan(found.low):
        return eta
    trust = min(max(found.low / TRUSTED, 0.0), 1.0)
    return 1.0 + (eta - 1.0) * trust


def _tau(before: "np.typing.NDArray[np.float64]", after: "np.typing.NDArray[np.float64]") -> float:
    """Return Kendall's tau-b, NaN where one side is constant."""
    from scipy.stats import kendalltau

    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return math.nan
    return float(kendalltau(before, after).statistic)
