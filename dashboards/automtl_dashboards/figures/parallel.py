"""Parallel coordinates: what was tried beside what it gave.

Drawn as ordinary lines and not as plotly's own parallel coordinates, which need WebGL, cannot
show a parameter that a trial does not have, and do not print.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automtl.results import Objective, TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.labels import number, trial_text, value_text, varying
from automtl_dashboards.runs import NO_RUNS, Runs, run_text
from automtl_dashboards.standing import Role, Standing

UNUSED = -0.14
"""Height at which a line passes an axis whose parameter the trial does not have."""

STYLES = {
    Role.DOMINATED: ({"color": palette.FAINT_LINE, "width": 1.2}, 4),
    Role.FRONT: ({"color": palette.FRONT, "width": 1.8}, 6),
    Role.PICK: ({"color": palette.PICK, "width": 3.2}, 9),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One vertical axis.

    Attributes:
        title: Name with line breaks, escaped.
        is_objective: Whether it is an objective; otherwise a parameter.
        ticks: Heights in [0, 1] and their labels, escaped.
    """

    title: str
    is_objective: bool
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelLine:
    """One trial.

    Attributes:
        number: The trial.
        role: ``FRONT``, ``PICK``, or ``DOMINATED`` for all others.
        heights: Per axis, in [0, 1]; ``UNUSED`` where the trial has no value.
        text: What the mouse shows, escaped.
    """

    number: int
    role: Role
    heights: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelFigure:
    """Numbers of the figure. Objectives are turned so that up is better."""

    axes: tuple[Axis, ...]
    lines: tuple[ParallelLine, ...]


def fill_parallel(
    history: Sequence[TrialRecord],
    standing: Standing,
    *,
    log: frozenset[str] = frozenset(),
    runs: Runs = NO_RUNS,
) -> ParallelFigure | None:
    """Return the figure's numbers, or None if there is nothing to compare.

    Args:
        history: All trials; those with a value for every objective are drawn, but neither
            baselines nor replicates.
        standing: Who is on the front.
        log: Parameters whose axis is logarithmic.
        runs: The trials' runs in MLflow.
    """
    objectives = standing.objectives
    drawn = [
        record for record in history if record.vector(objectives) is not None and record.competes
    ]
    if len(drawn) < 2:
        return None
    columns = [
        _parameter_axis(name, [record.point.get(name) for record in drawn], is_log=name in log)
        for name in varying(drawn)
    ] + [_objective_axis(o, [record.values[o.metric] for record in drawn]) for o in objectives]
    lines = [
        ParallelLine(
            number=record.number,
            role=role if (role := standing.role(record)) in STYLES else Role.DOMINATED,
            heights=heights,
            # As at the front, which lets a page store the text once.
            text=trial_text(record, objectives, role=role.value) + run_text(runs, record.number),
        )
        for record, heights in zip(
            drawn, zip(*(heights for _, heights in columns), strict=True), strict=True
        )
    ]
    return ParallelFigure(axes=tuple(axis for axis, _ in columns), lines=tuple(lines))


def draw_parallel(figure: ParallelFigure) -> go.Figure:
    """Draw the axes and one trace for each role."""
    drawn = go.Figure(layout=palette.base_layout(height=470, top=96))
    for role, (line, size) in STYLES.items():
        members = [item for item in figure.lines if item.role is role]
        if members:
            drawn.add_trace(_joined(members, role, line, size))
    drawn.update_layout(
        margin={"l": 56, "r": 56, "b": 30},
        legend={"y": -0.02, "yanchor": "top"},
        shapes=[_axis_shape(i, axis) for i, axis in enumerate(figure.axes)],
        annotations=[note for i, axis in enumerate(figure.axes) for note in _axis_notes(i, axis)],
        xaxis={"visible": False, "range": [-0.35, len(figure.axes) - 0.65]},
        yaxis={"visible": False, "range": [UNUSED - 0.06, 1.05]},
    )
    return drawn


def _parameter_axis(
    name: str, values: Sequence[float | int | str | bool | None], *, is_log: bool
) -> tuple[Axis, tuple[float, ...]]:
    present = [value for value in values if value is not None]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in present):
        numbers = [None if v is None else float(v) for v in values]
        ticks, heights = _scale(numbers, is_log=is_log, is_flipped=False)
    else:
        ticks, heights = _categories(values)
    return Axis(title=_title(name, "."), is_objective=False, ticks=ticks), heights


def _objective_axis(
    objective: Objective, values: Sequence[float]
) -> tuple[Axis, tuple[float, ...]]:
    ticks, heights = _scale(values, is_log=False, is_flipped=not objective.maximize)
    title = f"<b>{_title(objective.metric, '/')}</b>"
    return Axis(title=title, is_objective=True, ticks=ticks), heights


def _scale(
    values: Sequence[float | None], *, is_log: bool, is_flipped: bool
) -> tuple[tuple[tuple[float, str], ...], tuple[float, ...]]:
    present = [value for value in values if value is not None]
    low, high = min(present), max(present)
    is_log = is_log and low > 0
    span = (math.log(high) - math.log(low)) if is_log else (high - low)

    def height(value: float) -> float:
        if span == 0:
            return 0.5
        raw = (math.log(value) - math.log(low)) if is_log else (value - low)
        # Rounding may carry the quotient past the end of the axis by one unit.
        share = min(1.0, max(0.0, raw / span))
        return 1 - share if is_flipped else share

    middle = math.sqrt(low) * math.sqrt(high) if is_log else low + (high - low) / 2
    marks = [low] if span == 0 else [low, middle, high]
    ticks = tuple((height(mark), _tick(mark)) for mark in marks)
    return ticks, tuple(UNUSED if v is None else height(v) for v in values)


def _tick(value: float) -> str:
    return number(value) if abs(value) >= 1000 else f"{value:.3g}"


def _categories(
    values: Sequence[float | int | str | bool | None],
) -> tuple[tuple[tuple[float, str], ...], tuple[float, ...]]:
    names = sorted({value for value in values if value is not None}, key=str)
    place: Mapping[object, float] = {
        name: i / (len(names) - 1) if len(names) > 1 else 0.5 for i, name in enumerate(names)
    }
    ticks = tuple((height, value_text(name)) for name, height in place.items())
    return ticks, tuple(UNUSED if value is None else place[value] for value in values)


def _title(name: str, separator: str) -> str:
    return "<br>".join(html.escape(part) for part in name.split(separator))


def _joined(
    members: Sequence[ParallelLine], role: Role, line: Mapping[str, object], size: int
) -> go.Scatter:
    n_axes = len(members[0].heights)
    name = "other trials" if role is Role.DOMINATED else role.value
    return go.Scatter(
        x=[i for _ in members for i in (*range(n_axes), None)],
        y=[height for item in members for height in (*item.heights, None)],
        text=[item.text for item in members for _ in range(n_axes + 1)],
        mode="lines+markers",
        line=palette.crowded(line, len(members)),
        marker={"size": size if len(members) <= 120 else 3},
        name=name,
        hovertemplate="%{text}<extra></extra>",
    )


def _axis_shape(index: int, axis: Axis) -> dict[str, object]:
    color = palette.EDGE if axis.is_objective else palette.FAINT
    line = {"color": color, "width": 2 if axis.is_objective else 1}
    return {
        "type": "line",
        "x0": index,
        "x1": index,
        "y0": 0,
        "y1": 1,
        "line": line,
        "layer": "below",
    }


def _axis_notes(index: int, axis: Axis) -> list[dict[str, object]]:
    title: dict[str, object] = {
        "x": index,
        "y": 1.05,
        "text": axis.title,
        "showarrow": False,
        "yanchor": "bottom",
        "font": {"size": 11},
    }
    ticks = [
        {
            "x": index,
            "y": height,
            "text": label,
            "showarrow": False,
            "xanchor": "left",
            "xshift": 5,
            # The page fills this with the colour of its paper: lines must not cross out text.
            "bgcolor": "rgba(255,255,255,0.8)",
            "borderpad": 1,
            "font": {"size": 10},
        }
        for height, label in axis.ticks
    ]
    return [title, *ticks]
