"""Limits within which a trial is picked, and which of them is in the way."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automtl.errors import AutomtlError
from automtl.results import TrialRecord, TrialStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest and the smallest value that a trial may have, by metric."""

    at_most: Mapping[str, float]
    at_least: Mapping[str, float]

    def single(self) -> list[tuple[str, str, float]]:
        """Return each limit as metric, sign and value."""
        highs = [(metric, "<=", value) for metric, value in self.at_most.items()]
        return highs + [(metric, ">=", value) for metric, value in self.at_least.items()]

    def allow(self, record: TrialRecord) -> bool:
        """Whether a trial has every metric, and inside its limit."""
        return all(_holds(record, *limit) for limit in self.single())

    @property
    def text(self) -> str:
        """Name all of them."""
        return " and ".join(f"{m} {sign} {value:g}" for m, sign, value in self.single())


def _holds(record: TrialRecord, metric: str, sign: str, limit: float) -> bool:
    value = record.values.get(metric, math.nan)
    return value <= limit if sign == "<=" else value >= limit


def nothing_left(known: Sequence[TrialRecord], limits: Limits) -> AutomtlError:
    """Name the limit that the fewest trials meet, and how far the nearest one is."""
    counts = {one: sum(_holds(r, *one) for r in known) for one in limits.single()}
    metric, sign, value = min(counts, key=lambda one: counts[one])
    values = [v for r in known if math.isfinite(v := r.values.get(metric, math.nan))]
    what = f"no trial of {len(known)} meets {limits.text}"
    if not values:
        return AutomtlError(f"{what}: none has a value of {metric}")
    nearest = min(values) if sign == "<=" else max(values)
    if counts[metric, sign, value]:
        n = counts[metric, sign, value]
        rule = f"the tightest is {metric} {sign} {value:g}, which {n} meet"
    else:
        rule = f"the tightest is {metric} {sign} {value:g}; the nearest has {nearest:.4g}"
    return AutomtlError(f"{what}; {rule}", fix="Relax that limit or search longer")


def nothing_finished(history: Sequence[TrialRecord]) -> AutomtlError:
    """Say why there is nothing to pick from, whatever the limits of the pick."""
    n_outside = sum(r.status is TrialStatus.INFEASIBLE and r.competes for r in history)
    if n_outside:
        msg = f"no trial is finished inside the study's `constraints`; {n_outside} broke them"
        return AutomtlError(msg, fix="Begin a study with wider `constraints`, or search longer")
    msg = "no trial is finished with a value of every objective"
    fix = "Let the search run on, or look at the failures: automtl status"
    return AutomtlError(msg, fix=fix)
