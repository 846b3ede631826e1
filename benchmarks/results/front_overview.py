"""Questions 1 and 2 over all kinds of data: one table and one figure."""

from collections.abc import Mapping

import plotly.graph_objects as go

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SINGLE_TASK
from benchmarks.results.comparing import Interval, difference

TITLE = "All kinds of data"
COLORS = (FRONT, PICK, SINGLE_TASK)
APART = 0.22
"""Distance of neighbouring marks of a rival, of which each has one unit."""

Gains = Mapping[str, Mapping[str, Interval]]
"""By kind of data and by rival, the pick's gain in the mean of the primary metrics."""


def overview_table(found: Gains) -> str:
    """Return, in Markdown, a row for each rival and a column for each kind of data."""
    lines = [
        f"| mean of the three metrics: the pick beyond | {' | '.join(found)} |",
        "|---" * (len(found) + 1) + "|",
    ]
    for rival in rivals_of(found):
        cells = [difference(gains[rival]) if rival in gains else "-" for gains in found.values()]
        lines.append(f"| {rival} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def rivals_of(found: Gains) -> list[str]:
    """Return the rivals, each once."""
    return list(dict.fromkeys(rival for gains in found.values() for rival in gains))


def overview(found: Gains) -> go.Figure:
    """Return a row for each rival with a mark and a 95 % interval for each kind of data."""
    rivals = rivals_of(found)
    drawn = go.Figure()
    for place, title in enumerate(found):
        drawn.add_trace(_marks(found, title, place))
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
        title="the pick beyond, in the mean of mAP, mIoU and IDF1 on the test split",
        zeroline=False,
        linecolor=EDGE,
    )
    drawn.update_layout(
        template="none",
        font={"family": FONT, "size": 13},
        width=1000,
        height=140 + 62 * len(rivals),
        margin={"l": 50, "r": 20, "t": 50, "b": 60},
        showlegend=True,
        legend={"orientation": "h", "y": 1.12, "traceorder": "normal"},
    )
    return drawn


def _marks(found: Gains, title: str, place: int) -> go.Scatter:
    """Return what a kind of data says, beside the marks of the others."""
    rivals, gains, color = rivals_of(found), found[title], COLORS[place % len(COLORS)]
    shown = [rival for rival in rivals if rival in gains]
    aside = APART * (place - (len(found) - 1) / 2)
    # With one seed there is no interval, and none is drawn.
    reach = [gains[rival].high - gains[rival].mean for rival in shown]
    return go.Scatter(
        x=[gains[rival].mean for rival in shown],
        y=[rivals.index(rival) + aside for rival in shown],
        error_x={"array": reach, "color": color, "thickness": 2},
        mode="markers",
        marker={"color": color, "size": 10},
        name=title,
    )
