"""The figure of questions 1, 2 and 5: what each network reaches on the test split, by task."""

from collections.abc import Iterator, Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SHARED, SINGLE_TASK
from benchmarks.results.comparing import interval
from benchmarks.results.front_arms import ALONE, DEFAULT_WAYS, front_arm
from benchmarks.results.metrics import METRICS
from benchmarks.results.trainings import Outcome

Arms = Mapping[str, Mapping[int, Outcome]]


def figure(pick_number: int, arms: Arms) -> go.Figure:
    """Return a panel for each task: mean and 95 % interval of every network.

    Args:
        pick_number: Trial of the pick.
        arms: Outcomes by arm and seed.
    """
    primaries = {task: of.metrics[0] for task, of in METRICS.items()}
    drawn = make_subplots(
        cols=len(primaries), subplot_titles=list(primaries.values()), shared_yaxes=True
    )
    rows = [label for label, *_ in _rows(pick_number, arms, next(iter(primaries)))]
    for column, (task, metric) in enumerate(primaries.items(), start=1):
        for label, name, color in _rows(pick_number, arms, task):
            found = interval([one.test[metric] for one in arms[name].values()])
            point = go.Scatter(
                x=[found.mean],
                y=[label],
                # With one seed there is no interval, and none is drawn.
                error_x={"array": [found.high - found.mean], "color": color, "thickness": 2},
                mode="markers",
                marker={"color": color, "size": 10},
                showlegend=False,
            )
            drawn.add_trace(point, row=1, col=column)
    drawn.update_yaxes(categoryorder="array", categoryarray=rows[::-1], automargin=True)
    drawn.update_xaxes(zeroline=False, linecolor=EDGE, showgrid=True)
    drawn.update_layout(
        template="none",
        font={"family": FONT, "size": 13},
        width=1200,
        height=120 + 36 * len(rows),
        margin={"l": 50, "r": 20, "t": 50, "b": 50},
    )
    return drawn


def _rows(pick_number: int, arms: Arms, task: str) -> Iterator[tuple[str, str, str]]:
    """Yield label, arm and colour of each network that does a task, from the top."""
    yield f"pick (trial {pick_number})", front_arm(pick_number), PICK
    for name in arms:
        if name.startswith("front, ") and name != front_arm(pick_number):
            yield name.removeprefix("front, "), name, FRONT
    for against, pattern in ALONE.items():
        if pattern.format(task) in arms:
            yield f"alone, {against}", pattern.format(task), SINGLE_TASK
    for way in DEFAULT_WAYS.values():
        if way in arms:
            yield way, way, SHARED
