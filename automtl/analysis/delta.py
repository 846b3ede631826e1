"""Delta-m: how much better or worse than single-task models, in three conventions.

The convention changes the sign and the ranking of published methods, so all three are given, by
name and positive for better, in percent:

- ``delta_per_metric``: mean over all metrics (Liu et al. 2021, arXiv 2110.14048, with the sign
  turned): a task with many metrics weighs more.
- ``delta_per_task``: mean within each task, then over tasks (Lin and Zhang 2023, JMLR 24:209).
- ``delta_primary``: one metric for each task (Maninis et al. 2019, arXiv 1904.08918, eq. 4).

All divide by the single-task value, so that one near 0 decides everything: :func:`unsteady`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

STEP = 0.01
MOST_POINTS = 5.0
"""Points by which a :data:`STEP` of one metric may move ``delta_primary`` before that is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetrics:
    """The metrics that stand for a task.

    Attributes:
        metrics: Keys of the values, the primary one first.
        smaller_is_better: Those among them that shall be small.
    """

    metrics: tuple[str, ...]
    smaller_is_better: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaM:
    """The three conventions in percent, positive for better.

    Attributes:
        per_metric: Mean over all metrics.
        per_task: Mean over tasks of the mean within each.
        primary: Mean over tasks of the primary metric's change.
        left_out: Metrics without a relative change: the baseline is 0 or one value is missing.
    """

    per_metric: float
    per_task: float
    primary: float
    left_out: tuple[str, ...] = ()

    def as_values(self) -> dict[str, float]:
        """Return the conventions by the names under which they are reported."""
        return {
            "delta_per_metric": self.per_metric,
            "delta_per_task": self.per_task,
            "delta_primary": self.primary,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The trials of a study against its single-task networks.

    Attributes:
        deltas: By trial, what could be compared.
        missing: By trial that was trained to its end, why it could not be.
        rivals: By task, the trial that stands for its single-task networks: of those that were
            trained to their end the one with the best primary metric.
    """

    deltas: Mapping[int, DeltaM] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)
    rivals: Mapping[str, int] = field(default_factory=dict)
    unsteady: Mapping[str, float] = field(default_factory=dict)

    @property
    def why_none(self) -> str:
        """Why no trial at all could be compared; empty if one could."""
        return "" if self.deltas else next(iter(self.missing.values()), "")

    @property
    def caution(self) -> str:
        """What a reader of the percentages has to know; empty where nothing is."""
        if not self.deltas or not self.unsteady:
            return ""
        said = " and ".join(
            f"{STEP} of {metric} is {points:.0f} points"
            for metric, points in self.unsteady.items()
        )
        return (
            f"Δm (primary metrics) hangs on a single-task network that is near 0: {said}. Compare "
            "the metrics themselves"
        )


def delta_m(
    values: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    tasks: Mapping[str, TaskMetrics],
) -> DeltaM | None:
    """Compare a multi-task model with one single-task model for each task.

    Args:
        values: What the model reaches, by metric.
        baselines: By task, what the task's own model reaches.
        tasks: The metrics of each task.

    Returns:
        The changes, or None where a task has no baseline or no comparable primary metric: a mean
        over the remaining tasks would be another number under the same name.
    """
    changes = {
        task: {
            metric: _change(metric, values, baselines.get(task, {}), of) for metric in of.metrics
        }
        for task, of in tasks.items()
    }
    primaries = [changes[task][of.metrics[0]] for task, of in tasks.items()]
    found = {task: _numbers(by_metric.values()) for task, by_metric in changes.items()}
    if not tasks or any(math.isnan(change) for change in primaries):
        return None
    return DeltaM(
        per_metric=_mean([change for task in found.values() for change in task]),
        per_task=_mean([_mean(task) for task in found.values()]),
        primary=_mean(primaries),
        left_out=tuple(
            metric
            for by_metric in changes.values()
            for metric, change in by_metric.items()
            if math.isnan(change)
        ),
    )


def unsteady(
    baselines: Mapping[str, Mapping[str, float]], tasks: Mapping[str, TaskMetrics]
) -> dict[str, float]:
    """Return the primary metrics that are so near 0 in a baseline that delta-m hangs on them.

    Args:
        baselines: By task, what the task's own model reaches.
        tasks: The metrics of each task. Those that shall be small have units of their own, and
            are left out.

    Returns:
        By metric, how many points of ``delta_primary`` a :data:`STEP` of it is, where these are
        more than :data:`MOST_POINTS`.
    """
    primaries = {task: of.metrics[0] for task, of in tasks.items()}
    found = {}
    for task, metric in primaries.items():
        value = abs(baselines.get(task, {}).get(metric, 0.0))
        if value > 0 and metric not in tasks[task].smaller_is_better:
            found[metric] = 100 * STEP / value / len(tasks)
    return {metric: points for metric, points in found.items() if points > MOST_POINTS}


def _change(
    metric: str, values: Mapping[str, float], baseline: Mapping[str, float], of: TaskMetrics
) -> float:
    ours, theirs = values.get(metric, math.nan), baseline.get(metric, math.nan)
    if theirs == 0 or not math.isfinite(ours) or not math.isfinite(theirs):
        return math.nan
    gain = theirs - ours if metric in of.smaller_is_better else ours - theirs
    return 100 * gain / abs(theirs)


def _numbers(changes: Iterable[float]) -> list[float]:
    return [change for change in changes if not math.isnan(change)]


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
