"""The figure of question 4: hypervolume over epochs, and rank correlation over epochs."""

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SINGLE_TASK
from benchmarks.results.stopping_runs import KINDS, Stopping, runs_of

COLORS = (FRONT, PICK, SINGLE_TASK)
N_STEPS = 60
"""Places at which a curve is drawn."""

Numbers = NDArray[np.float64]


def figure(found: Stopping) -> go.Figure:
    """Return both panels."""
    drawn = make_subplots(
        cols=2,
        subplot_titles=[
            "automtl's sampler: hypervolume over epochs spent",
            "Kendall's tau of an epoch with the last",
        ],
    )
    for column, lines in enumerate((_searches(found), _taus(found)), start=1):
        for line in lines:
            drawn.add_trace(line, row=1, col=column)
    for rung in found.rungs:
        drawn.add_vline(x=rung, line={"color": EDGE, "dash": "dot"}, row=1, col=2)
    drawn.update_xaxes(title="epochs of all trials together", linecolor=EDGE, row=1, col=1)
    drawn.update_xaxes(title="epoch (dotted: rungs)", linecolor=EDGE, row=1, col=2)
    drawn.update_yaxes(range=[0, 1], row=1, col=2)
    drawn.update_layout(
        template="none",
        font={"family": FONT, "size": 13},
        width=1200,
        height=460,
        margin={"l": 50, "r": 20, "t": 50, "b": 50},
        legend={"orientation": "h", "y": -0.18},
    )
    return drawn


def _searches(found: Stopping) -> Iterator[go.Scatter]:
    steps = np.linspace(0, found.n_trials * found.epochs, N_STEPS + 1)[1:]
    for name, (stops, limit), color in (
        ("every trial to its end", KINDS[0], FRONT),
        ("promotion", KINDS[-1], PICK),
    ):
        some = runs_of(found, "automtl", stops=stops, limit=limit)
        curves = np.array([[one.reached(int(step)) for step in steps] for one in some])
        yield from _band(steps, curves, name, color)


def _taus(found: Stopping) -> Iterator[go.Scatter]:
    for place, metric in enumerate(dict.fromkeys(one.metric for one in found.taus)):
        some = [one for one in found.taus if one.metric == metric]
        yield go.Scatter(
            # Side by side: else intervals hide one another.
            x=[one.epoch + 0.08 * (place - 1) for one in some],
            y=[one.kendall for one in some],
            error_y={
                "array": [one.high - one.kendall for one in some],
                "arrayminus": [one.kendall - one.low for one in some],
                "color": COLORS[place],
                "thickness": 1,
                "width": 3,
            },
            mode="lines+markers",
            line={"color": COLORS[place], "width": 2},
            name=metric,
        )


def _band(steps: Numbers, curves: Numbers, name: str, color: str) -> list[go.Scatter]:
    """Return a mean over seeds with its 95 % interval (normal) as a band."""
    mean = curves.mean(axis=0)
    reach = 1.96 * curves.std(axis=0, ddof=1) / len(curves) ** 0.5
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    tint = f"rgba({red},{green},{blue},0.2)"
    return [
        go.Scatter(x=steps, y=mean - reach, **edge),
        go.Scatter(x=steps, y=mean + reach, fill="tonexty", fillcolor=tint, **edge),
        go.Scatter(x=steps, y=mean, mode="lines", line={"color": color, "width": 2}, name=name),
    ]
