"""Colours and the common layout of all figures.

The colours are those of Okabe and Ito (told apart with any colour vision), in shades that stand
out on white and on near-black, because a report is read on both. Text and grid are left to the
page's style sheet, which knows the reader's theme.
"""

from collections.abc import Mapping

from automtl.results import TrialStatus

FRONT = "#1F83C9"
PICK = "#E69F00"
SINGLE_TASK = "#009E73"
FLOOR = "#CC79A7"
FAINT = "rgba(130,138,150,0.58)"
FAINT_LINE = "rgba(130,138,150,0.40)"
EDGE = "rgba(130,138,150,0.9)"
SHARED = "#6C7B8C"

TASK_COLORS: Mapping[str, str] = {
    "detection": "#D55E00",
    "segmentation": "#56B4E9",
    "tracking": "#009E73",
    "classification": "#CC79A7",
    "depth": "#BFA600",
}
"""Colours of the built-in tasks."""

FURTHER_COLOR = "#8A919C"
"""Of all tasks of the user's own."""

STATUS_COLORS: Mapping[TrialStatus, str] = {
    TrialStatus.COMPLETED: FRONT,
    TrialStatus.STOPPED: "#7CC4EE",
    TrialStatus.FAILED: "#D55E00",
    TrialStatus.INFEASIBLE: "#CC79A7",
    TrialStatus.RUNNING: "#009E73",
    TrialStatus.PAUSED: "#BFA600",
    TrialStatus.QUEUED: "#8A919C",
}

N_TICKS = 8
"""Up to so far each count has its tick."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def base_layout(*, height: int, top: int = 40) -> dict[str, object]:
    """Return the layout that every figure starts from.

    Args:
        height: Height in pixels.
        top: Upper margin in pixels: where titles of panels and the legend lie.
    """
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 64, "r": 24, "t": top, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12},
        "hoverlabel": {"align": "left", "font": {"family": FONT, "size": 12}},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "xanchor": "left"},
        "hovermode": "closest",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": FAINT, "activecolor": FRONT},
    }


def crowded(line: Mapping[str, object], n_lines: int) -> dict[str, object]:
    """Return ``line`` thin enough for ``n_lines`` of them: many thick lines are one blot.

    >>> [crowded({"width": 2.0}, n)["width"] for n in (8, 80, 800)]
    [2.0, 1.2, 0.6]
    """
    width = float(str(line["width"]))
    factor = 1.0 if n_lines <= 30 else 0.6 if n_lines <= 120 else 0.3
    return {**line, "width": width * factor}


def whole_ticks(last: int) -> int | None:
    """Return the step between ticks of an axis of counts that ends at ``last``.

    Left alone (None), plotly writes half an epoch under a training of two.
    """
    return 1 if last <= N_TICKS else None


def axis_style() -> dict[str, object]:
    """Return what all axes have in common."""
    return {
        "showline": False,
        "zeroline": False,
        "gridcolor": "rgba(130,138,150,0.22)",
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "rgba(0,0,0,0)",
        "automargin": True,
        # A metric has no unit that "50 micro" could be of.
        "exponentformat": "e",
        "title": {"standoff": 8},
    }


def task_color(task: str) -> str:
    """Return a task's colour, the same in all figures."""
    return TASK_COLORS.get(task, FURTHER_COLOR)


def task_place(task: str) -> tuple[int, str]:
    """Return where a task stands among others: the built-in ones first.

    >>> sorted(["mine", "tracking", "detection"], key=task_place)
    ['detection', 'tracking', 'mine']
    """
    known = list(TASK_COLORS)
    return known.index(task) if task in TASK_COLORS else len(known), task
