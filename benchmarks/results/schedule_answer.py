"""What the trainings of question 3 say: a table, a figure, and a sentence."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl_dashboards.palette import EDGE, FONT, FRONT, PICK, SINGLE_TASK
from benchmarks.results.comparing import (
    MEAN,
    Compared,
    compare,
    difference,
    listed,
    tally,
    text,
    verdict,
    with_mean,
)
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.schedule_arms import (
    QUESTION,
    Size,
    arm_of,
    order_of,
    ways,
)
from benchmarks.results.schedule_data import ALL, FRACTIONS
from benchmarks.results.section import waiting
from benchmarks.results.trainings import Outcome

METRICS = {
    "detection/mAP": "detection, mAP",
    "segmentation/mIoU": "segmentation, mIoU",
    "tracking/IDF1": "tracking, IDF1",
}
SHOWN = {**METRICS, MEAN: "mean of the three"}
COLORS = (FRONT, PICK, SINGLE_TASK)
APART = 0.05
"""Distance of neighbouring marks at one share of the labels: else intervals hide one another."""

FIRST = ("together", ALL)
"""The cell that is trained first."""

DASHES = {"together": "solid", "apart": "dot"}

Cells = Mapping[tuple[str, float], tuple[Compared, ...]]
"""By layout and fraction the ways, the first being what the others are compared with. A cell
without a whole seed has none."""


def cells_of(dataset: str, outcomes: Sequence[Outcome]) -> Cells:
    """Compare the ways in each cell.

    Args:
        dataset: Its name.
        outcomes: Whole seeds, of any question.
    """
    some = [one for one in outcomes if (one.question, one.dataset) == (QUESTION, dataset)]
    found: dict[tuple[str, float], tuple[Compared, ...]] = {}
    for layout, fraction in (cell for group in order_of(dataset) for cell in group):
        arms = [arm_of(layout, fraction, way.name) for way in ways()]
        here = with_mean((one for one in some if one.arm in arms), PRIMARIES)
        found[layout, fraction] = (
            compare(here, reference=arms[0], metrics=tuple(SHOWN)) if here else ()
        )
    return found


def table(cells: Cells, size: Size) -> str:
    """Return the answer's table in Markdown: means of joint, then paired differences to it."""
    n_seeds = len(size.seeds)
    heads = ("labels", "seeds", "way", "steps", "updates of each task", *SHOWN.values())
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for (layout, fraction), found in cells.items():
        labels = f"{layout}, {_percent(fraction)}"
        if not found:
            empty = " | " * (len(heads) - 3)
            lines.append(f"| {labels} | 0 of {n_seeds} | {waiting(0, n_seeds)} | {empty}|")
        for place, (way, one) in enumerate(zip(ways(), found, strict=False)):
            values = [
                text(one.means[metric]) if place == 0 else difference(one.differences[metric])
                for metric in SHOWN
            ]
            first = f"{labels} | {one.n_seeds} of {n_seeds}" if place == 0 else " | "
            steps, updates = size.n_steps(way), size.n_updates(way)
            cells_of_row = " | ".join((way.name, str(steps), str(updates), *values))
            lines.append(f"| {first} | {cells_of_row} |")
    return "\n".join(lines) + "\n"


def answer(cells: Cells, n_seeds: int) -> str:
    """Return the answer in one sentence: cell by cell, by the mean of the three metrics."""
    said, unsaid = [], []
    for place, found in cells.items():
        n_done = found[0].n_seeds if found else 0
        if n_done == n_seeds:
            said.append(f"{_labels(*place)}: {_of_cell(found)}")
        else:
            unsaid.append(f"{_labels(*place)}: {waiting(n_done, n_seeds)}")
    return "; ".join((*said, *unsaid))


def summary(found: Sequence[Cells], n_seeds: int) -> str:
    """Return the answer over all kinds of data: what comes out clearly, counted.

    Cells in which all labels are used, few of them, and labels on other frames, each apart.
    """
    kinds: dict[str, list[Sequence[Compared]]] = {}
    for cells in found:
        for place, cell in cells.items():
            if cell and cell[0].n_seeds == n_seeds:
                kinds.setdefault(_kind(*place), []).append(cell)
    if not kinds:
        return "not answered yet"
    said = []
    for number, way in enumerate(ways()[1:], start=1):
        counts = {
            kind: tally(cell[number].differences[MEAN] for cell in some)
            for kind, some in kinds.items()
        }
        beats = [f"{one.better} of {one.n} cells with {kind}" for kind, one in counts.items()]
        beaten = [str(one.worse) for one in counts.values()]
        said.append(
            f"{_way(way.name)} beats joint in {listed(beats)}, and is beaten by it in "
            f"{listed(beaten)}"
        )
    return f"in the mean of the three metrics, {'; '.join(said)}"


def _kind(layout: str, fraction: float) -> str:
    if layout != FIRST[0]:
        return "labels on clips of each task's own"
    return "all labels" if fraction == ALL else "few labels"


def seconds_words(dataset: str, outcomes: Sequence[Outcome]) -> str:
    """Say how long each way trains beside joint training: medians over pairs of cell and seed."""
    took = {(one.arm, one.seed): one.seconds for one in outcomes if one.dataset == dataset}
    base, *others = [way.name for way in ways()]
    said = []
    for name in others:
        ratios = [
            seconds / took[arm.replace(name, base), seed]
            for (arm, seed), seconds in took.items()
            if arm.endswith(name)
        ]
        if ratios:
            said.append(f"{_way(name)} takes {statistics.median(ratios):.1f} times")
    return f"{' and '.join(said)} joint's seconds" if said else ""


def labels_words(cells: Cells, title: str) -> str:
    """Say what joint training reaches with the fewest and with all labels, where both are there.

    Where that is the same, labels are not what is scarce, and the cells of few labels say little
    about data that are.
    """
    few, every = (cells.get(("together", share), ()) for share in (FRACTIONS[0], ALL))
    if not few or not every:
        return ""
    said = ", ".join(
        f"{words} {few[0].means[metric].mean:.3f} and {every[0].means[metric].mean:.3f}"
        for metric, words in METRICS.items()
    )
    return (
        f"{title}: with {_percent(FRACTIONS[0])} and with all labels joint training reaches "
        f"{said}: where these are close, it is steps and not labels that are scarce here. "
    )


def _labels(layout: str, fraction: float) -> str:
    amount = "all labels" if fraction == ALL else f"{_percent(fraction)} of the labels"
    place = " on clips of each task's own" if layout == "apart" else ""
    return f"with {amount}{place}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.0f} %"


def _of_cell(found: Sequence[Compared]) -> str:
    return ", ".join(
        f"{_way(one.arm.partition(': ')[2])} is {verdict(one.differences[MEAN], 'joint')}"
        for one in found[1:]
    )


def _way(name: str) -> str:
    return name.replace(", ", " with ")


def figure(cells: Cells) -> go.Figure:
    """Return a panel for each task: what each way reaches over the share of the labels."""
    drawn = make_subplots(cols=len(METRICS), subplot_titles=list(METRICS.values()))
    named: set[str] = set()
    for column, metric in enumerate(METRICS, start=1):
        for line in _lines(cells, metric):
            line.showlegend = line.name not in named
            named.add(line.name)
            drawn.add_trace(line, row=1, col=column)
    drawn.update_xaxes(
        title="labels used",
        zeroline=False,
        linecolor=EDGE,
        tickvals=list(range(len(FRACTIONS))),
        ticktext=[_percent(fraction) for fraction in FRACTIONS],
        range=[-0.5, len(FRACTIONS) - 0.5],
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


def _lines(cells: Cells, metric: str) -> Iterator[go.Scatter]:
    """Yield what each way reaches where labels lie together, then where they lie apart."""
    layouts = sorted({layout for layout, _ in cells}, key=list(DASHES).index)
    names = [way.name for way in ways()]
    middle = (len(layouts) * len(names) - 1) / 2
    for row, layout in enumerate(layouts):
        shown = [fraction for fraction in FRACTIONS if cells[layout, fraction]]
        for place, name in enumerate(names) if shown else ():
            aside = APART * (len(names) * row + place - middle)
            found = [cells[layout, fraction][place].means[metric] for fraction in shown]
            # With one seed there is no interval, and none is drawn.
            reach = [one.high - one.mean for one in found]
            yield go.Scatter(
                x=[FRACTIONS.index(fraction) + aside for fraction in shown],
                y=[one.mean for one in found],
                error_y={"array": reach, "color": COLORS[place], "thickness": 1, "width": 3},
                mode="lines+markers",
                line={"color": COLORS[place], "dash": DASHES[layout], "width": 2},
                name=f"{name}; labels {layout}",
                legendgroup=f"{name}; labels {layout}",
            )
