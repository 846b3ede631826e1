"""How the search's hypervolume grew, by finished trials and by time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl.pareto import hypervolume, non_dominated, reference_point
from automtl.results import Objective, TrialRecord
from automtl_dashboards import palette


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervolumeFigure:
    """Numbers of the figure.

    Attributes:
        reference: Per objective, in its own unit and direction.
        is_stated: Per objective, whether the recipe stated the reference. Otherwise it is the
            worst value that a trial gave.
        numbers: Trials in the order in which they ended.
        minutes: Since the first trial began.
        values: Hypervolume of all trials ended so far; never falls.
        start: Hypervolume of the default configuration alone, if it ended with values.
    """

    reference: tuple[float, ...]
    is_stated: tuple[bool, ...]
    numbers: tuple[int, ...]
    minutes: tuple[float, ...]
    values: tuple[float, ...]
    start: float | None


def fill_hypervolume(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> HypervolumeFigure | None:
    """Return the figure's numbers, or None if no candidate has a value for every objective."""
    ended = [
        (record.ended_s, record, vector)
        for record in history
        if record.is_candidate
        and record.ended_s is not None
        and (vector := record.vector(objectives)) is not None
    ]
    if not ended:
        return None
    ended.sort(key=lambda row: (row[0], row[1].number))
    losses = np.array([_losses(vector, objectives) for _, _, vector in ended])
    stated = tuple(o.reference is not None for o in objectives)
    reference = reference_point(losses, objectives)
    begin = min(r.started_s for r in history if r.started_s is not None)
    defaults = [i for i, (_, record, _) in enumerate(ended) if record.origin == "default"]
    return HypervolumeFigure(
        # `as_loss` turns a value twice into itself; adding 0.0 turns -0.0 into 0.0.
        reference=tuple(
            o.as_loss(float(x)) + 0.0 for o, x in zip(objectives, reference, strict=True)
        ),
        is_stated=stated,
        numbers=tuple(record.number for _, record, _ in ended),
        minutes=tuple((end - begin) / 60 for end, _, _ in ended),
        values=running_hypervolume(losses, reference),
        start=hypervolume(losses[defaults], reference) if defaults else None,
    )


def running_hypervolume(
    losses: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    reference: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, ...]:
    """Return the hypervolume of the first 1, 2, ... rows.

    Args:
        losses: Shape ``(n_trials, n_objectives)``, smaller is better.
        reference: Shape ``(n_objectives,)``.
    """
    values: list[float] = []
    best = losses[:0]
    for row in losses:
        # Only a row that nothing dominates can add volume: most rows cost one comparison.
        if len(best) and bool((best <= row).all(axis=1).any()):
            values.append(values[-1])
            continue
        best = np.vstack([best, row[None]])
        best = best[non_dominated(best)]
        values.append(float(hypervolume(best, reference)))
    return tuple(values)


def draw_hypervolume(figure: HypervolumeFigure) -> go.Figure:
    """Draw both curves side by side on one scale."""
    drawn = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.03)
    drawn.update_layout(palette.base_layout(height=340))
    _add_column(drawn, figure, [*range(1, len(figure.values) + 1)], column=1)
    _add_column(drawn, figure, figure.minutes, column=2)
    drawn.update_xaxes(**palette.axis_style())
    ticks = palette.whole_ticks(len(figure.values))
    drawn.update_xaxes(title_text="completed trials", dtick=ticks, row=1, col=1)
    drawn.update_xaxes(title_text="minutes since the first trial", row=1, col=2)
    drawn.update_yaxes(rangemode="tozero", **palette.axis_style())
    drawn.update_yaxes(title_text="hypervolume ↑", row=1, col=1)
    return drawn


def _add_column(
    drawn: go.Figure, figure: HypervolumeFigure, x: Sequence[float], *, column: int
) -> None:
    growth = go.Scatter(
        x=list(x),
        y=list(figure.values),
        # Beyond some dozens the dots would be a band.
        mode="lines+markers" if len(x) <= 60 else "lines",
        line={"color": palette.FRONT, "width": 2.4, "shape": "hv"},
        marker={"size": 6},
        cliponaxis=False,
        fill="tozeroy",
        fillcolor="rgba(31,131,201,0.10)",
        name="all trials so far",
        showlegend=column == 1,
        text=[f"trial {number}" for number in figure.numbers],
        hovertemplate="%{y:.4g} after %{text}<extra></extra>",
    )
    drawn.add_trace(growth, row=1, col=column)
    if figure.start is None:
        return
    start = go.Scatter(
        x=[x[0], x[-1]],
        y=[figure.start, figure.start],
        mode="lines",
        line={"color": palette.SINGLE_TASK, "width": 1.6, "dash": "dash"},
        name="the default configuration alone",
        showlegend=column == 1,
        hovertemplate="%{y:.4g}<extra></extra>",
    )
    drawn.add_trace(start, row=1, col=column)


def _losses(vector: Sequence[float], objectives: Sequence[Objective]) -> list[float]:
    return [o.as_loss(value) for o, value in zip(objectives, vector, strict=True)]
