"""How well a rung tells the end: rank correlation with a confidence bound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from automtl.controller.memo import is_known
from automtl.controller.rungs import Arrivals, finished
from automtl.results import Objective, TrialRecord

N_LEAST = 4
"""Finished trials before a correlation is shown or used."""

PRIOR_TAU = 0.5
N_PRIOR = 10
"""What is believed before anything is known, as strongly as if so many trials had shown it. An
early order that says something about the end is the rule (Zimmer et al., "Auto-PyTorch Tabular",
2021, figure 4), and those that finish were chosen at the rung, which makes their own correlation
smaller than that of all."""

Z_ONE_SIDED_90 = 1.2816
TRUSTED = 0.2
"""A rung whose correlation is surely at least this is stopped at as planned: the prior's bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Rank correlation between a rung and the end.

    Attributes:
        n: Trials that were at the rung and were trained to their end.
        kendall: Kendall's tau-b of the objective that agrees least; NaN if too few have finished.
        low: Lower bound of the one-sided 90 % interval of prior and trials together.
        high: Upper bound likewise.
    """

    n: int
    kendall: float
    low: float
    high: float


def agreement(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], found: Arrivals
) -> Agreement:
    """Compare a rung with the end, over the trials that went all the way."""
    ends = finished(history, objectives)[found.rows]
    is_at_end = is_known(ends)
    n = int(np.count_nonzero(is_at_end))
    if n < N_LEAST:
        return believed(n)
    columns = zip(found.losses[is_at_end].T, ends[is_at_end].T, strict=True)
    taus = [_tau(before.tobytes(), after.tobytes()) for before, after in columns]
    return believed(n, min((t for t in taus if not math.isnan(t)), default=math.nan))


def believed(n: int, kendall: float = math.nan) -> Agreement:
    """Put the prior and what ``n`` trials have shown together, on the scale of artanh(tau).

    There a correlation is nearly normal with the variance 0.437 / (n - 4) (Fieller et al., "Tests
    for rank correlation coefficients", 1957).
    """
    is_known = not math.isnan(kendall)
    n_counted = n if is_known else 0
    # A perfect order over a few trials is no proof of a perfect rung.
    shown = math.atanh(min(max(kendall, -0.99), 0.99)) if is_known else 0.0
    centre = (N_PRIOR * math.atanh(PRIOR_TAU) + n_counted * shown) / (N_PRIOR + n_counted)
    error = Z_ONE_SIDED_90 * math.sqrt(0.437 / (N_PRIOR + n_counted - 4))
    return Agreement(
        n=n, kendall=kendall, low=math.tanh(centre - error), high=math.tanh(centre + error)
    )


def widened(eta: float, found: Agreement) -> float:
    """Return one in how many goes on: ``eta`` at a trusted rung, towards 1 at a doubtful one.

    What counts is the lower bound of the correlation: in doubt fewer are left behind.

    >>> widened(3.0, believed(0)), widened(3.0, believed(60, 0.0))
    (3.0, 1.0)
    """
    trust = min(max(found.low / TRUSTED, 0.0), 1.0)
    return 1.0 + (eta - 1.0) * trust


@lru_cache(maxsize=256)
def _tau(before_bytes: bytes, after_bytes: bytes) -> float:
    """Return Kendall's tau-b of two columns of float64, NaN where one side is constant.

    The same trials are compared at every decision until another one has finished.
    """
    from scipy.stats import kendalltau

    before, after = np.frombuffer(before_bytes), np.frombuffer(after_bytes)
    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return math.nan
    return float(kendalltau(before, after).statistic)
