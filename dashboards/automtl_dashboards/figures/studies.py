"""Several studies on one scale: how fast each found how much."""

import html
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl.pareto import candidates, losses_of, reference_point
from automtl.results import TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.figures.hypervolume import running_hypervolume
from automtl_dashboards.snapshot import Snapshot

COLORS = ("#1F83C9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One study.

    Attributes:
        name: Escaped.
        minutes: Ends of its trials since its first one began.
        values: Hypervolume of all trials ended so far.
    """

    name: str
    minutes: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudiesFigure:
    """Numbers of the figure.

    Attributes:
        growths: By study.
        left_out: Studies with other objectives, whose hypervolume cannot be compared; escaped.
    """

    growths: tuple[Growth, ...]
    left_out: tuple[str, ...]


def fill_studies(snapshots: Mapping[str, Snapshot]) -> StudiesFigure | None:
    """Return the figure's numbers, or None if no study has a trial to compare.

    All have one reference point: the first study's stated one, else the worst of all their trials.
    """
    ended = {name: candidates(s.history, s.study.objectives) for name, s in snapshots.items()}
    first = next((name for name, records in ended.items() if records), None)
    if first is None:
        return None
    objectives = snapshots[first].study.objectives
    wanted = [(o.metric, o.goal) for o in objectives]
    same = {
        name: sorted(records, key=_end)
        for name, records in ended.items()
        if [(o.metric, o.goal) for o in snapshots[name].study.objectives] == wanted and records
    }
    losses = {name: losses_of(records, objectives) for name, records in same.items()}
    reference = reference_point(np.vstack(list(losses.values())), objectives)
    growths = []
    for name, records in same.items():
        begin = min(r.started_s for r in snapshots[name].history if r.started_s is not None)
        growths.append(
            Growth(
                name=html.escape(name),
                minutes=tuple((_end(record) - begin) / 60 for record in records),
                values=running_hypervolume(losses[name], reference),
            )
        )
    left_out = tuple(html.escape(name) for name in snapshots if name not in same)
    return StudiesFigure(growths=tuple(growths), left_out=left_out)


def draw_studies(figure: StudiesFigure) -> go.Figure:
    """Draw growth over trials and over time."""
    drawn = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.03)
    drawn.update_layout(palette.base_layout(height=360))
    for i, growth in enumerate(figure.growths):
        for column, x in ((1, tuple(range(1, len(growth.values) + 1))), (2, growth.minutes)):
            line = {"color": COLORS[i % len(COLORS)], "width": 2.2, "shape": "hv"}
            trace = go.Scatter(
                x=x,
                y=growth.values,
                mode="lines+markers" if len(x) <= 60 else "lines",
                line=line,
                name=growth.name,
                legendgroup=growth.name,
                showlegend=column == 1,
            )
            drawn.add_trace(trace, row=1, col=column)
    drawn.update_xaxes(**palette.axis_style())
    longest = max(len(growth.values) for growth in figure.growths)
    ticks = palette.whole_ticks(longest)
    drawn.update_xaxes(title_text="completed trials", dtick=ticks, row=1, col=1)
    drawn.update_xaxes(title_text="minutes since the first trial", row=1, col=2)
    drawn.update_yaxes(rangemode="tozero", **palette.axis_style())
    drawn.update_yaxes(title_text="hypervolume ↑", row=1, col=1)
    return drawn


def _end(record: TrialRecord) -> float:
    return record.ended_s or record.created_s
