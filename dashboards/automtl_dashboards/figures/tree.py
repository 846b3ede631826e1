"""A sharing tree: which tasks run which stage of the backbone together."""

import html
from collections.abc import Mapping
from dataclasses import dataclass

from automtl.config import TrialConfig
from automtl.config.backbones import N_STAGES, channels_of
from automtl.config.blueprint import EVERY_STAGE
from automtl.config.sharing import canonical, groups_by_stage
from automtl_dashboards import palette

HALF_BOX = 0.33
"""Half the width of a box, where neighbouring stages are 1 apart."""

ROW = 0.74
"""Height of the box of one task, where neighbouring tasks are 1 apart."""

PICTURE = -0.85
"""Where the picture stands, left of the first stage at 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A stage as one group of tasks runs it; its parameters exist once for the group.

    Attributes:
        stage: From 0.
        tasks: Those that run it, from top to bottom.
        middle: Mean of their rows.
        parent: Index of the box that it reads; None for the picture.
        channels: Of its output, if they are known.
    """

    stage: int
    tasks: tuple[str, ...]
    middle: float
    parent: int | None
    channels: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A sharing tree.

    Attributes:
        tasks: From top to bottom: groups stand together.
        n_stages: Columns of boxes.
        is_whole: Whether they are all stages; of a backbone whose number of stages is not known
            the last column stands for all that follow.
        boxes: By stage, and from top to bottom.
    """

    tasks: tuple[str, ...]
    n_stages: int
    is_whole: bool
    boxes: tuple[Box, ...]


def fill_tree(config: TrialConfig) -> Tree:
    """Return the tree of a configuration; chains that write the same tree give the same one."""
    known = N_STAGES.get(config.backbone.name)
    splits = [split for split in config.sharing.split_after if split < EVERY_STAGE]
    n_stages = known or max(splits, default=0) + 1
    sharing = canonical(config.sharing, n_stages)
    channels = channels_of(config.backbone.name, width=config.backbone.width)
    rows = {task: row for row, task in enumerate(sharing.order)}
    boxes: list[Box] = []
    holder: dict[str, int] = {}
    for stage, groups in enumerate(groups_by_stage(sharing, n_stages)):
        for group in groups:
            tasks = tuple(sorted(group, key=rows.__getitem__))
            box = Box(
                stage=stage,
                tasks=tasks,
                middle=sum(rows[task] for task in tasks) / len(tasks),
                parent=holder.get(tasks[0]),
                channels=None if channels is None else channels[stage],
            )
            boxes.append(box)
        first = len(boxes) - len(groups)
        holder = {task: i for i in range(first, len(boxes)) for task in boxes[i].tasks}
    return Tree(
        tasks=sharing.order, n_stages=n_stages, is_whole=known is not None, boxes=tuple(boxes)
    )


def tree_shapes(tree: Tree, axes: tuple[str, str]) -> list[dict[str, object]]:
    """Return the lines and boxes of a tree, for a panel with the axes ``axes``."""
    shapes = [_picture(tree), *(_link(tree, box) for box in tree.boxes), *_head_links(tree)]
    shapes += [_box(box, tree) for box in tree.boxes]
    return [{**shape, "xref": axes[0], "yref": axes[1]} for shape in shapes]


def tree_notes(
    tree: Tree, axes: tuple[str, str], colors: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return the words in a tree: channels, and the tasks at the right end."""
    notes: list[dict[str, object]] = [
        {
            "x": box.stage,
            "y": box.middle,
            "text": str(box.channels),
            "font": {"size": 10},
            "hovertext": _words(box, tree),
        }
        for box in tree.boxes
        if box.channels is not None
    ]
    notes += [
        {
            "x": tree.n_stages - 0.5,
            "y": row,
            "text": f"<span style='color:{colors[task]}'>■</span> {html.escape(task)}",
            "xanchor": "left",
            "font": {"size": 11},
        }
        for row, task in enumerate(tree.tasks)
    ]
    return [{"showarrow": False, "xref": axes[0], "yref": axes[1], **note} for note in notes]


def tree_ranges(tree: Tree) -> tuple[list[float], list[float]]:
    """Return the ranges of the two axes of a tree's panel; the first task is on top."""
    return [PICTURE - 0.2, tree.n_stages + 1.1], [len(tree.tasks) - 0.45, -0.55]


def stage_names(tree: Tree) -> list[str]:
    """Return what stands under each column."""
    names = [f"stage {stage + 1}" for stage in range(tree.n_stages)]
    return names if tree.is_whole else [*names[:-1], f"{names[-1]} ..."]


def _words(box: Box, tree: Tree) -> str:
    return f"{stage_names(tree)[box.stage]}: {html.escape(' + '.join(box.tasks))}"


def _box(box: Box, tree: Tree) -> dict[str, object]:
    is_shared = len(box.tasks) > 1 or len(tree.tasks) == 1
    color = palette.SHARED if is_shared else palette.task_color(box.tasks[0])
    half = (len(box.tasks) - 1 + ROW) / 2
    return {
        "type": "rect",
        "x0": box.stage - HALF_BOX,
        "x1": box.stage + HALF_BOX,
        "y0": box.middle - half,
        "y1": box.middle + half,
        "line": {"color": color, "width": 1.4},
        "fillcolor": color,
        "opacity": 0.34,
        "layer": "below",
    }


def _picture(tree: Tree) -> dict[str, object]:
    half = min(0.6, len(tree.tasks) / 2 - 0.1)
    middle = (len(tree.tasks) - 1) / 2
    return {
        "type": "rect",
        "x0": PICTURE - 0.06,
        "x1": PICTURE + 0.06,
        "y0": middle - half,
        "y1": middle + half,
        "line": {"width": 0},
        "fillcolor": palette.EDGE,
        "layer": "below",
    }


def _link(tree: Tree, box: Box) -> dict[str, object]:
    if box.parent is None:
        start = PICTURE + 0.06, (len(tree.tasks) - 1) / 2
    else:
        parent = tree.boxes[box.parent]
        start = parent.stage + HALF_BOX, parent.middle
    return _line(start, (box.stage - HALF_BOX, box.middle))


def _head_links(tree: Tree) -> list[dict[str, object]]:
    last = [box for box in tree.boxes if box.stage == tree.n_stages - 1]
    return [
        _line(
            (box.stage + HALF_BOX, box.middle),
            (tree.n_stages - 0.48, float(tree.tasks.index(task))),
        )
        for box in last
        for task in box.tasks
    ]


def _line(start: tuple[float, float], end: tuple[float, float]) -> dict[str, object]:
    return {
        "type": "line",
        "x0": start[0],
        "y0": start[1],
        "x1": end[0],
        "y1": end[1],
        "line": {"color": palette.EDGE, "width": 1.4},
        "layer": "below",
    }
