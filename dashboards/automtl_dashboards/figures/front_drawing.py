"""Draws the front: a scatter for each pair of objectives."""

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl_dashboards import palette
from automtl_dashboards.figures.front import FrontFigure, FrontMean, FrontPoint
from automtl_dashboards.labels import axis_title
from automtl_dashboards.standing import Role

MARKERS = {
    Role.DOMINATED: {"color": palette.FAINT, "size": 8, "symbol": "circle"},
    Role.UNFINISHED: {"color": palette.FAINT, "size": 8, "symbol": "circle-open"},
    Role.INFEASIBLE: {"color": palette.FLOOR, "size": 8, "symbol": "x-thin-open"},
    Role.BASELINE: {"color": palette.SINGLE_TASK, "size": 11, "symbol": "diamond"},
    Role.FRONT: {
        "color": palette.FRONT,
        "size": 11,
        "symbol": "circle",
        "line": {"color": "rgba(255,255,255,0.85)", "width": 1.2},
    },
    Role.PICK: {
        "color": palette.PICK,
        "size": 19,
        "symbol": "star",
        "line": {"color": "#5A3D00", "width": 1.2},
    },
}
"""How trials are drawn, in drawing order: what matters lies on top."""

INTERVAL = {"color": palette.FRONT, "thickness": 1.2, "width": 3}
"""How intervals are drawn."""


def draw_front(figure: FrontFigure) -> go.Figure:
    """Draw a scatter for two objectives, a triangle of scatters for more."""
    n = len(figure.objectives)
    if n == 1:
        return _draw_single(figure)
    size = n - 1
    drawn = make_subplots(
        rows=size,
        cols=size,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.02,
        vertical_spacing=0.03,
        specs=[[{} if column <= row else None for column in range(size)] for row in range(size)],
    )
    drawn.update_layout(palette.base_layout(height=max(480, 120 + 230 * size)))
    drawn.update_xaxes(**palette.axis_style())
    drawn.update_yaxes(**palette.axis_style())
    for row in range(size):
        for column in range(row + 1):
            _add_panel(drawn, figure, (column, row + 1), cell=(row + 1, column + 1))
    if size > 1:
        # The triangle's empty corner is the best place for the legend.
        drawn.update_layout(legend={"orientation": "v", "x": 0.56, "y": 0.98, "yanchor": "top"})
    return drawn


def _add_panel(
    drawn: go.Figure, figure: FrontFigure, pair: tuple[int, int], *, cell: tuple[int, int]
) -> None:
    x, y = pair
    row, column = cell
    size = len(figure.objectives) - 1
    if size == 1:
        drawn.add_trace(_staircase(figure), row=row, col=column)
    if figure.means:
        trace = _intervals(figure.means, (x, y), in_legend=cell == (1, 1))
        drawn.add_trace(trace, row=row, col=column)
    for role in MARKERS:
        members = [point for point in figure.points if point.role is role]
        if members:
            trace = _markers(members, (x, y), role, in_legend=cell == (1, 1))
            drawn.add_trace(trace, row=row, col=column)
    _add_lines(drawn, figure, "x", x, cell)
    _add_lines(drawn, figure, "y", y, cell)
    drawn.update_xaxes(range=list(figure.ranges[x]), row=row, col=column)
    drawn.update_yaxes(range=list(figure.ranges[y]), row=row, col=column)
    if row == size:
        drawn.update_xaxes(title_text=axis_title(figure.objectives[x]), row=row, col=column)
    if column == 1:
        drawn.update_yaxes(title_text=axis_title(figure.objectives[y]), row=row, col=column)


def _markers(
    members: Sequence[FrontPoint], pair: tuple[int, int], role: Role, *, in_legend: bool
) -> go.Scatter:
    return go.Scatter(
        x=[point.values[pair[0]] for point in members],
        y=[point.values[pair[1]] for point in members],
        mode="markers",
        marker={**MARKERS[role], "size": _size(role, len(members))},
        name=role.value,
        legendgroup=role.value,
        showlegend=in_legend,
        text=[point.text for point in members],
        customdata=[point.number for point in members],
        hovertemplate="%{text}<extra></extra>",
    )


def _intervals(
    means: Sequence[FrontMean], pair: tuple[int, int], *, in_legend: bool
) -> go.Scatter:
    x, y = pair
    return go.Scatter(
        x=[mean.values[x] for mean in means],
        y=[mean.values[y] for mean in means],
        error_x={"array": [mean.half[x] for mean in means], **INTERVAL},
        error_y={"array": [mean.half[y] for mean in means], **INTERVAL},
        mode="markers",
        marker={"color": palette.FRONT, "size": 7, "symbol": "circle-open"},
        opacity=0.75,
        name="mean of new seeds, 95 % interval",
        legendgroup="means",
        showlegend=in_legend,
        text=[f"trial {mean.number}, mean of new seeds" for mean in means],
        customdata=[mean.number for mean in means],
        hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
    )


def _staircase(figure: FrontFigure) -> go.Scatter:
    members = sorted(point.values for point in figure.points if point.is_front)
    return go.Scatter(
        x=[values[0] for values in members],
        y=[values[1] for values in members],
        mode="lines",
        # What the front attains: the corner between two members is the worse of both.
        line={
            "color": palette.FRONT,
            "width": 1.2,
            "shape": "vh" if figure.objectives[0].maximize else "hv",
        },
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


def _add_lines(
    drawn: go.Figure,
    figure: FrontFigure,
    axis: Literal["x", "y"],
    index: int,
    cell: tuple[int, int],
) -> None:
    """Add the lines of one objective, and each one's legend entry."""
    low, high = figure.ranges[index]
    rows = (
        (figure.single_task[index], palette.SINGLE_TASK, "dash", "single-task networks"),
        (figure.equal_weights[index], palette.SINGLE_TASK, "dashdot", "equal weights"),
        (figure.floors[index], palette.FLOOR, "dot", "best trivial predictor"),
    )
    known = {trace.name for trace in drawn.data}
    for value, color, dash, name in rows:
        if value is None or not low <= value <= high:
            continue
        line = {"color": color, "width": 1.5, "dash": dash}
        add = drawn.add_vline if axis == "x" else drawn.add_hline
        add(value, line=line, layer="below", row=cell[0], col=cell[1])
        if name not in known:
            drawn.add_trace(
                go.Scatter(x=[None], y=[None], mode="lines", line=line, name=name),
                row=cell[0],
                col=cell[1],
            )


def _draw_single(figure: FrontFigure) -> go.Figure:
    """Draw one objective over trial numbers."""
    drawn = go.Figure(layout=palette.base_layout(height=400))
    for role in MARKERS:
        members = [point for point in figure.points if point.role is role]
        if members:
            trace = _markers(members, (0, 0), role, in_legend=True)
            drawn.add_trace(trace.update(x=[point.number for point in members]))
    drawn.update_xaxes(title_text="trial", **palette.axis_style())
    drawn.update_yaxes(title_text=axis_title(figure.objectives[0]), **palette.axis_style())
    return drawn


def _size(role: Role, n_members: int) -> float:
    size = float(str(MARKERS[role]["size"]))
    return size if n_members <= 100 else 0.6 * size
