"""The front: every pair of objectives, who is dominated, what separate networks reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from automtl.analysis.delta import DeltaM
from automtl.analysis.replicates import Replication
from automtl.results import Objective, TrialRecord
from automtl_dashboards.labels import trial_text
from automtl_dashboards.runs import NO_RUNS, Runs, run_text
from automtl_dashboards.standing import Role, Standing

EQUAL = "equal_weights"
"""Name of the baseline that trains all tasks with equal weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """A trial with a value for every objective.

    Attributes:
        number: The trial.
        values: In the order of the objectives.
        role: What the trial is.
        is_front: Whether nothing dominates it; a pick may have been overtaken.
        text: What the mouse shows, escaped.
    """

    number: int
    values: tuple[float, ...]
    role: Role
    is_front: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMean:
    """A member of the front over its new seeds.

    Attributes:
        number: The trial.
        values: Means in the order of the objectives.
        half: Half of each 95 % interval; NaN with one seed.
    """

    number: int
    values: tuple[float, ...]
    half: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontFigure:
    """Numbers of the figure.

    Attributes:
        objectives: In order.
        points: By trial number.
        ranges: Per objective, lower and upper end of its axis: trials, means and single-task
            networks fill it, so that neither a floor far away nor the wide interval of two seeds
            squeezes them together.
        single_task: Per objective, the value of single-task networks if known.
        floors: Per objective, the best trivial predictor's value if known.
        equal_weights: Per objective, the value of training all tasks with equal weights if known.
        means: What new seeds say of the front, if they were trained.
    """

    objectives: tuple[Objective, ...]
    points: tuple[FrontPoint, ...]
    ranges: tuple[tuple[float, float], ...]
    single_task: tuple[float | None, ...]
    floors: tuple[float | None, ...]
    equal_weights: tuple[float | None, ...]
    means: tuple[FrontMean, ...]


def fill_front(
    history: Sequence[TrialRecord],
    standing: Standing,
    deltas: Mapping[int, DeltaM] = MappingProxyType({}),
    again: Replication | None = None,
    runs: Runs = NO_RUNS,
) -> FrontFigure | None:
    """Return the figure's numbers, or None if no trial has a value for every objective.

    Args:
        history: All trials.
        standing: Who is on the front.
        deltas: By trial, the percents by which it beats single-task networks.
        again: What new seeds say of the front.
        runs: The trials' runs in MLflow.
    """
    objectives = standing.objectives
    shown = [
        (record, vector)
        for record in history
        if (record.competes or record.baseline)
        and (vector := record.vector(objectives)) is not None
    ]
    if not shown:
        return None
    single = tuple(standing.single_task.get(o.metric) for o in objectives)
    equal = next((vector for record, vector in shown if record.baseline == EQUAL), None)
    means = _means(again, objectives)
    rows = [*(vector for _, vector in shown), *(mean.values for mean in means)]
    columns = zip(*rows, strict=True)
    return FrontFigure(
        objectives=objectives,
        points=tuple(
            _point(
                r, vector, standing, _delta_text(deltas.get(r.number)) + run_text(runs, r.number)
            )
            for r, vector in shown
        ),
        ranges=tuple(
            _padded([*column, *([] if value is None else [value])])
            for column, value in zip(columns, single, strict=True)
        ),
        single_task=single,
        floors=tuple(
            floor[1] if (floor := standing.floors.get(o.metric)) else None for o in objectives
        ),
        equal_weights=equal or (None,) * len(objectives),
        means=means,
    )


def _point(
    record: TrialRecord, vector: tuple[float, ...], standing: Standing, more: str
) -> FrontPoint:
    role = standing.role(record)
    text = trial_text(record, standing.objectives, role=record.baseline or role.value)
    return FrontPoint(
        number=record.number,
        values=vector,
        role=role,
        is_front=record.number in standing.front,
        text=text + more,
    )


def _means(again: Replication | None, objectives: Sequence[Objective]) -> tuple[FrontMean, ...]:
    return tuple(
        FrontMean(
            number=member.number,
            values=tuple(member.means[o.metric] for o in objectives),
            half=tuple(member.half[o.metric] for o in objectives),
        )
        for member in (again.members if again else ())
    )


def _delta_text(delta: DeltaM | None) -> str:
    if delta is None:
        return ""
    return (
        f"<br><br>Δm {delta.per_metric:+.1f} % per metric, {delta.per_task:+.1f} % per task, "
        f"{delta.primary:+.1f} % of primary metrics"
    )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin
