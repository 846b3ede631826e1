"""Networks side by side: sharing tree, schedule, weights; one row for each."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from automtl.config import TrialConfig
from automtl.results import TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.figures.course import (
    Course,
    fill_course,
    is_wide,
    schedule_words,
    turn_traces,
    weight_traces,
)
from automtl_dashboards.figures.tree import (
    Tree,
    fill_tree,
    stage_names,
    tree_notes,
    tree_ranges,
    tree_shapes,
)
from automtl_dashboards.standing import Role, Standing

N_COLUMNS = 3
ROW_PX = 190
GAP_PX = 74
"""Between two rows: the axis of the upper one and the title of the lower one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One trained network.

    Attributes:
        number: The trial.
        is_pick: Whether it is the pick.
        words: Backbone, weighting and schedule in a line, escaped.
        tree: What is shared.
        course: How it was trained.
    """

    number: int
    is_pick: bool
    words: str
    tree: Tree
    course: Course


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersFigure:
    """Numbers of the figure: the tasks of all members, and each one."""

    tasks: tuple[str, ...]
    members: tuple[Member, ...]


def fill_members(records: Sequence[TrialRecord], standing: Standing) -> MembersFigure | None:
    """Return the figure's numbers, or None if no trial is a network of this program."""
    members = []
    for record in records:
        config = config_of(record)
        if config is None:
            continue
        backbone = html.escape(config.backbone.name)
        members.append(
            Member(
                number=record.number,
                is_pick=standing.role(record) is Role.PICK,
                words=f"{backbone} · {config.weighting.kind} · {schedule_words(config.schedule)}",
                tree=fill_tree(config),
                course=fill_course(record, config),
            )
        )
    if not members:
        return None
    tasks = {task for member in members for task in member.tree.tasks}
    return MembersFigure(
        tasks=tuple(sorted(tasks, key=palette.task_place)), members=tuple(members)
    )


def config_of(record: TrialRecord) -> TrialConfig | None:
    """Return a trial's configuration, or None if it trains code of the user's own."""
    try:
        return TrialConfig.from_plain(record.config)
    except ValueError:
        return None


def draw_members(figure: MembersFigure) -> go.Figure:
    """Draw a row for each member."""
    n = len(figure.members)
    height = 110 + ROW_PX * n + GAP_PX * (n - 1)
    drawn = make_subplots(
        rows=n,
        cols=N_COLUMNS,
        column_widths=[0.45, 0.29, 0.26],
        horizontal_spacing=0.05,
        vertical_spacing=0.0 if n == 1 else GAP_PX / (height - 110),
    )
    drawn.update_layout(palette.base_layout(height=height, top=70))
    drawn.update_layout(barmode="overlay", legend={"y": 1 + 34 / (height - 110)})
    drawn.update_xaxes(**palette.axis_style())
    drawn.update_yaxes(**palette.axis_style())
    colors = {task: palette.task_color(task) for task in figure.tasks}
    shapes: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    for row, member in enumerate(figure.members):
        axes = _axes(row)
        shapes += tree_shapes(member.tree, axes)
        notes += [*tree_notes(member.tree, axes, colors), *_titles(member, drawn, row)]
        _add_course(drawn, member.course, figure.tasks, row=row + 1)
        _set_tree_axes(drawn, member.tree, row=row + 1)
    return drawn.update_layout(shapes=shapes, annotations=notes)


def _axes(row: int) -> tuple[str, str]:
    number = row * N_COLUMNS + 1
    suffix = "" if number == 1 else str(number)
    return f"x{suffix}", f"y{suffix}"


def _titles(member: Member, drawn: go.Figure, row: int) -> list[dict[str, object]]:
    """Return what stands over the three panels of a row."""
    star = "★ pick: " if member.is_pick else ""
    words = (
        f"<b>{star}trial {member.number}</b>  {member.words}",
        "steps by task",
        "weights of the losses",
    )
    titles: list[dict[str, object]] = []
    for column, text in enumerate(words):
        number = row * N_COLUMNS + column + 1
        suffix = "" if number == 1 else str(number)
        titles.append(
            {
                "text": text,
                "x": drawn.layout[f"xaxis{suffix}"].domain[0],
                "xref": "paper",
                "xanchor": "left",
                "y": drawn.layout[f"yaxis{suffix}"].domain[1],
                "yref": "paper",
                "yanchor": "bottom",
                "yshift": 3,
                "showarrow": False,
                "font": {"size": 13 if column == 0 else 11},
            }
        )
    return titles


def _set_tree_axes(drawn: go.Figure, tree: Tree, *, row: int) -> None:
    x_range, y_range = tree_ranges(tree)
    # A panel without a trace has no axes.
    drawn.add_trace(go.Scatter(x=[None], y=[None], showlegend=False), row=row, col=1)
    drawn.update_xaxes(
        range=x_range,
        tickvals=list(range(tree.n_stages)),
        ticktext=stage_names(tree),
        showgrid=False,
        row=row,
        col=1,
    )
    drawn.update_yaxes(range=y_range, visible=False, row=row, col=1)


def _add_course(drawn: go.Figure, course: Course, tasks: Sequence[str], *, row: int) -> None:
    colors = {task: palette.task_color(task) for task in tasks}
    for bar in turn_traces(course, colors, in_legend=row == 1):
        drawn.add_trace(bar, row=row, col=2)
    for line in weight_traces(course, colors):
        drawn.add_trace(line, row=row, col=3)
    end = max(course.n_epochs, 1) + 0.5
    drawn.update_xaxes(range=[0.5, end], title_text="epoch", row=row, col=2)
    drawn.update_xaxes(range=[0.5, end], title_text="epoch", row=row, col=3)
    drawn.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=list(reversed(tasks)),
        range=[-0.6, len(tasks) - 0.4],
        showticklabels=False,
        row=row,
        col=2,
    )
    drawn.update_yaxes(type="log" if is_wide(course) else "linear", row=row, col=3)
    if not is_wide(course):
        drawn.update_yaxes(rangemode="tozero", row=row, col=3)
