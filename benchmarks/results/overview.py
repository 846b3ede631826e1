"""Differences over all kinds of data: one table and one figure, of two series each."""

from collections.abc import Mapping

import plotly.graph_objects as go

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SINGLE_TASK
from benchmarks.results.comparing import Interval, difference

TITLE = "All kinds of data"
COLORS = (FRONT, PICK, SINGLE_TASK)
APART = 0.27
"""Distance of neighbouring marks of a rival, of which each has one unit."""

Gains = Mapping[str, Mapping[str, Interval]]
"""By kind of data and by rival, a difference in the mean of the primary metrics."""

Pair = tuple[tuple[str, Gains], tuple[str, Gains]]
"""Two series by what they are called: the first has full marks, the second open ones below."""


def overview_table(pair: Pair) -> str:
    """Return, in Markdown, a row for each rival and a column for each kind of data."""
    kinds = list(pair[0][1])
    lines = [f"| mean of the metrics | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for called, each in pair:
        lines.append(f"| *{called}* |" + " |" * len(kinds))
        for rival in rivals_of(each):
            cells = [difference(each[k][rival]) if rival in each[k] else "-" for k in kinds]
            lines.append(f"| {rival} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def rivals_of(found: Gains) -> list[str]:
    """Return the rivals, each once."""
    return list(dict.fromkeys(rival for gains in found.values() for rival in gains))


def overview(pair: Pair) -> go.Figure:
    """Return a row for each rival with marks and 95 % intervals for each kind of data."""
    rivals = rivals_of(pair[0][1])
    drawn = go.Figure()
    for place, title in enumerate(pair[0][1]):
        for is_open, (called, gains) in enumerate(pair):
            marks = _marks(gains, title, place, is_open=bool(is_open))
            drawn.add_trace(marks.update(name=f"{title}: {called}"))
    drawn.add_vline(x=0, line={"color": EDGE, "width": 1})
    drawn.update_yaxes(
        tickvals=list(range(len(rivals))),
        ticktext=rivals,
        range=[len(rivals) - 0.5, -0.5],
        automargin=True,
        zeroline=False,
        showgrid=False,
    )
    drawn.update_xaxes(
        title="difference in the mean of the metrics on the test split",
        zeroline=False,
        linecolor=EDGE,
    )
    drawn.update_layout(
        template="none",
        font={"family": FONT, "size": 13},
        width=1000,
        height=240 + 92 * len(rivals),
        margin={"l": 50, "r": 20, "t": 150, "b": 60},
        showlegend=True,
        legend={"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )
    return drawn


def _marks(found: Gains, title: str, place: int, *, is_open: bool) -> go.Scatter:
    """Return what a kind of data says, beside the marks of the others."""
    rivals, gains, color = rivals_of(found), found[title], COLORS[place % len(COLORS)]
    shown = [rival for rival in rivals if rival in gains]
    aside = APART * (place - (len(found) - 1) / 2 + (0.25 if is_open else -0.15))
    # With one seed there is no interval, and none is drawn.
    reach = [gains[rival].high - gains[rival].mean for rival in shown]
    return go.Scatter(
        x=[gains[rival].mean for rival in shown],
        y=[rivals.index(rival) + aside for rival in shown],
        error_x={"array": reach, "color": color, "thickness": 1 if is_open else 2},
        mode="markers",
        marker={"color": color, "size": 9, "symbol": "circle-open" if is_open else "circle"},
    )
