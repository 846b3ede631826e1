"""What every trial reported, epoch by epoch."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl.results import TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.labels import axis_title
from automtl_dashboards.standing import Standing

N_COLUMNS = 3


class LineRole(StrEnum):
    """Why a line is drawn as it is, in drawing order."""

    OTHER = "other trials"
    FRONT = "front"
    BEST = "best in this panel"
    PICK = "pick"


MARKED = (LineRole.PICK, LineRole.BEST)

STYLES = {
    LineRole.OTHER: {"color": palette.FAINT_LINE, "width": 1.2},
    LineRole.FRONT: {"color": "#7CC4EE", "width": 1.5},
    LineRole.BEST: {"color": palette.FRONT, "width": 3.0},
    LineRole.PICK: {"color": palette.PICK, "width": 3.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One trial's reports of one metric; values that are not finite are left out."""

    number: int
    role: LineRole
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One metric.

    Attributes:
        title: Name, unit and direction, escaped.
        lines: One for each trial that reported the metric.
        single_task: What the single-task network reaches, if there is one.
    """

    title: str
    lines: tuple[Line, ...]
    single_task: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesFigure:
    """Numbers of the figure: one panel for each metric."""

    panels: tuple[Panel, ...]


def fill_objectives(history: Sequence[TrialRecord], standing: Standing) -> CurvesFigure | None:
    """Return the panels of the objectives that training changes, or None if nothing was reported.

    Costs of a configuration (latency, parameters) are the same at every epoch and left out.
    """
    panels = []
    for objective in standing.objectives:
        metric = objective.metric
        if metric.startswith("cost/"):
            continue
        ended = [r for r in history if r.is_candidate and r.vector([objective]) is not None]
        best = min(ended, key=lambda r: objective.as_loss(r.values[metric]), default=None)
        lines = _lines(history, metric, standing, None if best is None else best.number)
        if lines:
            panels.append(
                Panel(
                    title=axis_title(objective),
                    lines=lines,
                    single_task=standing.single_task.get(metric),
                )
            )
    return CurvesFigure(panels=tuple(panels)) if panels else None


def fill_losses(history: Sequence[TrialRecord], standing: Standing) -> CurvesFigure | None:
    """Return a panel for each ``loss/...`` that was reported, or None if there is none."""
    metrics = sorted(
        {
            key
            for record in history
            for report in record.reports
            for key in report.values
            if key.startswith("loss/")
        }
    )
    panels = tuple(
        Panel(title=html.escape(metric), lines=lines, single_task=None)
        for metric in metrics
        if (lines := _lines(history, metric, standing, None))
    )
    return CurvesFigure(panels=panels) if panels else None


def draw_curves(figure: CurvesFigure) -> go.Figure:
    """Draw the panels, three in a row. Lines of one role are one trace: 1000 trials stay quick."""
    n_columns = min(N_COLUMNS, len(figure.panels))
    n_rows = math.ceil(len(figure.panels) / n_columns)
    drawn = make_subplots(
        rows=n_rows,
        cols=n_columns,
        subplot_titles=[panel.title for panel in figure.panels],
        horizontal_spacing=0.06,
        vertical_spacing=0.2 / n_rows,
    )
    drawn.update_layout(palette.base_layout(height=80 + 270 * n_rows, top=64))
    drawn.update_layout(legend={"y": 1.0 + 30 / (270 * n_rows)})
    drawn.update_annotations(font={"size": 13}, xanchor="center")
    for index, panel in enumerate(figure.panels):
        row, column = index // n_columns + 1, index % n_columns + 1
        known = {trace.name for trace in drawn.data}
        for role in LineRole:
            lines = [line for line in panel.lines if line.role is role]
            if lines:
                trace = _joined(lines, role, in_legend=role.value not in known)
                drawn.add_trace(trace, row=row, col=column)
        if panel.single_task is not None:
            _add_single_task(drawn, panel, row=row, column=column, known=known)
    drawn.update_xaxes(**palette.axis_style())
    drawn.update_xaxes(title_text="epoch", row=n_rows)
    drawn.update_xaxes(dtick=palette.whole_ticks(_last_epoch(figure.panels)))
    drawn.update_yaxes(**palette.axis_style())
    return drawn


def _last_epoch(panels: Sequence[Panel]) -> int:
    return max(epoch for panel in panels for line in panel.lines for epoch in line.epochs)


def _lines(
    history: Sequence[TrialRecord], metric: str, standing: Standing, best: int | None
) -> tuple[Line, ...]:
    lines = []
    for record in history:
        seen = [
            (report.epoch, report.values[metric])
            for report in record.reports
            if metric in report.values and math.isfinite(report.values[metric])
        ]
        if not seen or not record.competes:
            continue
        role = _role(record.number, standing, best)
        epochs, values = zip(*seen, strict=True)
        lines.append(Line(number=record.number, role=role, epochs=epochs, values=values))
    return tuple(lines)


def _role(number: int, standing: Standing, best: int | None) -> LineRole:
    if number == standing.pick:
        return LineRole.PICK
    if number == best:
        return LineRole.BEST
    return LineRole.FRONT if number in standing.front else LineRole.OTHER


def _joined(lines: Sequence[Line], role: LineRole, *, in_legend: bool) -> go.Scatter:
    # A None ends a line, so that one trace can hold many.
    x = [v for line in lines for v in (*line.epochs, None)]
    y = [v for line in lines for v in (*line.values, None)]
    text = [f"trial {line.number}" for line in lines for _ in range(len(line.epochs) + 1)]
    is_alone = any(len(line.epochs) == 1 for line in lines)
    is_large = all(len(line.epochs) == 1 for line in lines) or role in MARKED
    return go.Scatter(
        x=x,
        y=y,
        text=text,
        mode="lines+markers" if is_alone or role in MARKED else "lines",
        line=palette.crowded(STYLES[role], len(lines)),
        marker={"size": 6 if is_large else 4},
        connectgaps=False,
        name=role.value,
        legendgroup=role.value,
        showlegend=in_legend,
        hovertemplate="<b>%{text}</b>, epoch %{x}: %{y:.4g}<extra></extra>",
    )


def _add_single_task(
    drawn: go.Figure, panel: Panel, *, row: int, column: int, known: set[str]
) -> None:
    name = "single-task network"
    last = max(epoch for line in panel.lines for epoch in line.epochs)
    drawn.add_trace(
        go.Scatter(
            x=[min(epoch for line in panel.lines for epoch in line.epochs), last],
            y=[panel.single_task, panel.single_task],
            mode="lines",
            line={"color": palette.SINGLE_TASK, "width": 1.8, "dash": "dash"},
            name=name,
            legendgroup=name,
            showlegend=name not in known,
            hovertemplate=name + ": %{y:.4g}<extra></extra>",
        ),
        row=row,
        col=column,
    )
