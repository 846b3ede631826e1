"""Which worker ran which trial when."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automtl.attempts import Attempt
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.reuse import reused_from
from automtl_dashboards import palette
from automtl_dashboards.labels import duration, trial_text

LOST = "lost"
"""Outcome of an execution that ended by an accident and was followed by another one."""

COLORS: Mapping[str, str] = {
    **{status.value: color for status, color in palette.STATUS_COLORS.items()},
    LOST: "#F0A35E",
}
"""By outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One execution on its lane.

    Attributes:
        number: The trial.
        attempt: Which execution of it, from 1.
        lane: Row of the figure.
        start_min: Minutes after the first start of the study.
        length_min: Minutes.
        outcome: How it ended, or ``running``.
        text: What the mouse shows, escaped.
    """

    number: int
    attempt: int
    lane: int
    start_min: float
    length_min: float
    outcome: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineFigure:
    """Numbers of the figure.

    Attributes:
        lanes: Name of each row, escaped; a worker that ran trials at once has several rows.
        bars: By start.
        busy_share: Share of all rows' time, from the first start to the last end, in which a
            trial ran.
    """

    lanes: tuple[str, ...]
    bars: tuple[Bar, ...]
    busy_share: float


def fill_timeline(
    attempts: Sequence[Attempt], history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> TimelineFigure | None:
    """Return the figure's numbers, or None if no trial has started.

    Args:
        attempts: Executions of the trials.
        history: All trials by number.
        objectives: Shown under the mouse.
    """
    records = {record.number: record for record in history}
    # A baseline that another study trained kept no worker busy here.
    here = [attempt for attempt in attempts if not reused_from(records[attempt.number])]
    started = sorted(here, key=lambda a: (a.started_s, a.number, a.attempt))
    if not started:
        return None
    begin = started[0].started_s
    # What still runs is drawn up to the last thing known of the study.
    now = max(max(a.started_s, _last_known(a, records[a.number])) for a in started)
    free_at: dict[tuple[str, int], float] = {}
    rows = []
    for attempt in started:
        start = attempt.started_s
        end = max(start, now if attempt.ended_s is None else attempt.ended_s)
        worker = attempt.worker
        slot = next(n for n in range(len(started)) if free_at.get((worker, n), start) <= start)
        free_at[worker, slot] = end
        rows.append(((worker, slot), start, end, attempt))
    keys = sorted(free_at)
    busy = sum(end - start for _, start, end, _ in rows)
    span = (now - begin) * len(keys)
    return TimelineFigure(
        lanes=tuple(_lane_name(worker, slot) for worker, slot in keys),
        bars=tuple(
            Bar(
                number=attempt.number,
                attempt=attempt.attempt,
                lane=keys.index(key),
                start_min=(start - begin) / 60,
                length_min=(end - start) / 60,
                outcome=attempt.outcome,
                text=_text(attempt, end - start, records[attempt.number], objectives),
            )
            for key, start, end, attempt in rows
        ),
        busy_share=min(1.0, busy / span) if span > 0 else 1.0,
    )


def draw_timeline(figure: TimelineFigure) -> go.Figure:
    """Draw the bars, one trace for each outcome."""
    drawn = go.Figure(layout=palette.base_layout(height=130 + 34 * len(figure.lanes)))
    for outcome, color in COLORS.items():
        bars = [bar for bar in figure.bars if bar.outcome == outcome]
        if not bars:
            continue
        drawn.add_trace(
            go.Bar(
                base=[bar.start_min for bar in bars],
                x=[bar.length_min for bar in bars],
                y=[bar.lane for bar in bars],
                orientation="h",
                width=0.74,
                marker={
                    "color": color,
                    "line": {"color": "rgba(255,255,255,0.9)", "width": 1},
                },
                name=outcome,
                text=[str(bar.number) for bar in bars] if len(figure.bars) <= 80 else None,
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"size": 11},
                customdata=[bar.number for bar in bars],
                hovertext=[bar.text for bar in bars],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    drawn.update_layout(barmode="overlay", bargap=0.2)
    drawn.update_xaxes(title_text="minutes since the first trial", **palette.axis_style())
    drawn.update_yaxes(
        tickvals=list(range(len(figure.lanes))),
        ticktext=list(figure.lanes),
        range=[len(figure.lanes) - 0.4, -0.6],
        **(palette.axis_style() | {"gridcolor": "rgba(0,0,0,0)"}),
    )
    return drawn


def _last_known(attempt: Attempt, record: TrialRecord) -> float:
    reported = max((report.time_s for report in record.reports), default=0.0)
    return max(attempt.ended_s or 0.0, reported)


def _text(
    attempt: Attempt, seconds: float, record: TrialRecord, objectives: Sequence[Objective]
) -> str:
    which = f"execution {attempt.attempt}, " if record.attempts > 1 else ""
    why = "" if attempt.failure is None else f", {attempt.failure.value}"
    is_last = attempt.attempt == record.attempts and record.status is not TrialStatus.PAUSED
    then = "" if is_last else f" ({attempt.outcome}{why})"
    role = f"{which}{duration(seconds)}{then}"
    return trial_text(record, objectives, role=role, n_parameters=0)


def _lane_name(worker: str, slot: int) -> str:
    if not worker:
        return f"slot {slot + 1}"
    name = html.escape(worker)
    return f"{name} · {slot + 1}" if slot else name
