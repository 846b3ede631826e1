"""What the trainings of question 3 say: a table, and a figure."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SINGLE_TASK
from benchmarks.results.comparing import Compared, Interval, compare
from benchmarks.results.schedule_arms import FRACTIONS, LAYOUTS, arm_of, ways
from benchmarks.results.trainings import Outcome

METRICS = {
    "detection/mAP": "detection, mAP",
    "segmentation/mIoU": "segmentation, mIoU",
    "tracking/IDF1": "tracking, IDF1",
}
COSTS = ("cost/trunk_forward_passes", "cost/optimizer_steps")
COLORS = (FRONT, PICK, SINGLE_TASK)
APART = 0.05
"""Distance of neighbouring marks at one share of the labels: else intervals hide one another."""

DASHES = {"together": "solid", "apart": "dot"}


def compared_cells(
    outcomes: Sequence[Outcome],
) -> Iterator[tuple[str, float, tuple[Compared, ...]]]:
    """Yield layout, fraction and its ways, the first being what the others are compared with."""
    names = [way.name for way in ways(len(METRICS))]
    for layout in LAYOUTS:
        for fraction in FRACTIONS:
            arms = [arm_of(layout, fraction, name) for name in names]
            some = [outcome for outcome in outcomes if outcome.arm in arms]
            found = compare(some, reference=arms[0], metrics=tuple(METRICS), costs=COSTS)
            yield layout, fraction, found


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the answer's table in Markdown: means of joint, then paired differences to it."""
    lines = [
        "| labels | way | steps | " + " | ".join(METRICS.values()) + " |",
        "|---|---|---|" + "---|" * len(METRICS),
    ]
    for layout, fraction, found in compared_cells(outcomes):
        for place, one in enumerate(found):
            cells = [
                text(one.means[metric]) if place == 0 else difference(one.differences[metric])
                for metric in METRICS
            ]
            labels = f"{layout}, {fraction:.0%}" if place == 0 else ""
            way = one.arm.partition(": ")[2]
            steps = f"{one.costs['cost/optimizer_steps']:.0f}"
            lines.append(f"| {labels} | {way} | {steps} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def text(found: Interval) -> str:
    """Render a mean with half its interval."""
    return f"{found.mean:.3f} ± {found.high - found.mean:.3f}"


def difference(found: Interval) -> str:
    """Render a difference with its interval, in bold where 0 lies outside.

    >>> difference(Interval(mean=0.02, low=-0.01, high=0.05))
    '+.020 [-.010, .050]'
    """
    said = f"{_short(found.mean, '+')} [{_short(found.low)}, {_short(found.high)}]"
    return f"**{said}**" if found.is_clear else said


def figure(outcomes: Sequence[Outcome]) -> go.Figure:
    """Return a panel for each task: what each way reaches over the share of the labels."""
    drawn = make_subplots(cols=len(METRICS), subplot_titles=list(METRICS.values()))
    names = [way.name for way in ways(len(METRICS))]
    cells = {(layout, fraction): found for layout, fraction, found in compared_cells(outcomes)}
    for column, metric in enumerate(METRICS, start=1):
        for row, layout in enumerate(LAYOUTS):
            for place, name in enumerate(names):
                aside = APART * (len(names) * row + place - (len(LAYOUTS) * len(names) - 1) / 2)
                found = [cells[layout, fraction][place].means[metric] for fraction in FRACTIONS]
                means = [one.mean for one in found]
                reach = [one.high - one.mean for one in found]
                line = go.Scatter(
                    x=[position + aside for position in range(len(FRACTIONS))],
                    y=means,
                    error_y={"array": reach, "color": COLORS[place], "thickness": 1, "width": 3},
                    mode="lines+markers",
                    line={"color": COLORS[place], "dash": DASHES[layout], "width": 2},
                    name=f"{name}; labels {layout}",
                    legendgroup=f"{name} {layout}",
                    showlegend=column == 1,
                )
                drawn.add_trace(line, row=1, col=column)
        drawn.update_xaxes(
            title="labels used",
            linecolor=EDGE,
            tickvals=list(range(len(FRACTIONS))),
            ticktext=[f"{fraction:.0%}" for fraction in FRACTIONS],
            row=1,
            col=column,
        )
    drawn.update_layout(
        template="none",
        font={"family": FONT, "size": 13},
        width=1200,
        height=460,
        margin={"l": 50, "r": 20, "t": 50, "b": 50},
        legend={"orientation": "h", "y": -0.22},
    )
    return drawn


def _short(number: float, sign: str = "-") -> str:
    return f"{number:{sign}.3f}".replace("0.", ".", 1)
