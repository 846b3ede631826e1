"""The front again with new seeds: what the search saw, and the mean with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl.analysis.replicates import Replication
from automtl.results import Objective, TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.labels import axis_title


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatesFigure:
    """Numbers of the figure.

    Attributes:
        objectives: In order.
        numbers: Trials, best mean of the first objective first.
        searched: The search's values by objective, ``[m][n]``.
        means: Means over new seeds by objective.
        half: Half the intervals; NaN where there is none.
        single: Values of single seeds by objective and trial, ``[m][n][n_seeds]``.
    """

    objectives: tuple[Objective, ...]
    numbers: tuple[int, ...]
    searched: tuple[tuple[float, ...], ...]
    means: tuple[tuple[float, ...], ...]
    half: tuple[tuple[float, ...], ...]
    single: tuple[tuple[tuple[float, ...], ...], ...]


def fill_replicates(
    history: Sequence[TrialRecord], again: Replication, objectives: Sequence[Objective]
) -> ReplicatesFigure:
    """Return the figure's numbers."""
    by_number = {record.number: record for record in history}
    first = objectives[0]
    members = sorted(again.members, key=lambda m: (first.as_loss(m.means[first.metric]), m.number))
    metrics = [o.metric for o in objectives]
    return ReplicatesFigure(
        objectives=tuple(objectives),
        numbers=tuple(m.number for m in members),
        searched=tuple(
            tuple(by_number[m.number].values[metric] for m in members) for metric in metrics
        ),
        means=tuple(tuple(m.means[metric] for m in members) for metric in metrics),
        half=tuple(tuple(m.half[metric] for m in members) for metric in metrics),
        single=tuple(
            tuple(tuple(by_number[n].values[metric] for n in m.seeds) for m in members)
            for metric in metrics
        ),
    )


def draw_replicates(figure: ReplicatesFigure) -> go.Figure:
    """Draw a panel for each objective, a line for each trial."""
    n = len(figure.objectives)
    drawn = make_subplots(rows=1, cols=n, shared_yaxes=True, horizontal_spacing=0.04)
    drawn.update_layout(palette.base_layout(height=130 + 34 * max(len(figure.numbers), 2)))
    names = [f"trial {number}" for number in figure.numbers]
    for i, objective in enumerate(figure.objectives):
        for trace in _traces(figure, i, names):
            drawn.add_trace(trace, row=1, col=i + 1)
        drawn.update_xaxes(title_text=axis_title(objective), row=1, col=i + 1)
    drawn.update_xaxes(**palette.axis_style())
    drawn.update_yaxes(type="category", autorange="reversed", **palette.axis_style())
    return drawn


def _traces(figure: ReplicatesFigure, i: int, names: Sequence[str]) -> list[go.Scatter]:
    pairs = [(x, y) for values, y in zip(figure.single[i], names, strict=True) for x in values]
    common = {"mode": "markers", "showlegend": i == 0}
    return [
        go.Scatter(
            x=[x for x, _ in pairs],
            y=[y for _, y in pairs],
            marker={"color": palette.FAINT, "size": 6},
            name="one new seed",
            legendgroup="seed",
            hovertemplate="%{y}, one seed: %{x:.4g}<extra></extra>",
            **common,
        ),
        go.Scatter(
            x=figure.searched[i],
            y=names,
            marker={"color": palette.PICK, "size": 10, "symbol": "diamond-open"},
            name="seen by the search",
            legendgroup="searched",
            hovertemplate="%{y}, in the search: %{x:.4g}<extra></extra>",
            **common,
        ),
        go.Scatter(
            x=figure.means[i],
            y=names,
            error_x={"array": figure.half[i], "color": palette.FRONT, "thickness": 1.6},
            marker={"color": palette.FRONT, "size": 9},
            name="mean of new seeds, 95 % interval",
            legendgroup="mean",
            customdata=figure.half[i],
            hovertemplate="%{y}, mean: %{x:.4g} ± %{customdata:.2g}<extra></extra>",
            **common,
        ),
    ]
