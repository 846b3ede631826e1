"""Which worker ran which trial when."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automtl.results import Objective, TrialRecord, TrialStatus
from automtl_dashboards import palette
from automtl_dashboards.labels import duration, trial_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One trial on its lane, from its first start to its end.

    Attributes:
        number: The trial.
        lane: Row of the figure.
        start_min: Minutes after the first start of the study.
        length_min: Minutes.
        status: Where the trial stands.
        text: What the mouse shows, escaped.
    """

    number: int
    lane: int
    start_min: float
    length_min: float
    status: TrialStatus
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
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> TimelineFigure | None:
    """Return the figure's numbers, or None if no trial has started."""
    started = sorted(
        (record.started_s, record.number, record)
        for record in history
        if record.started_s is not None
    )
    if not started:
        return None
    begin = started[0][0]
    # A trial that still runs is drawn up to the last thing known of the study.
    now = max(max(start, _last_known(record)) for start, _, record in started)
    free_at: dict[tuple[str, int], float] = {}
    rows = []
    for start, _, record in started:
        end = max(start, now if record.ended_s is None else record.ended_s)
        slot = next(
            n for n in range(len(started)) if free_at.get((record.worker, n), start) <= start
        )
        free_at[record.worker, slot] = end
        rows.append(((record.worker, slot), start, end, record))
    keys = sorted(free_at)
    busy = sum(end - start for _, start, end, _ in rows)
    span = (now - begin) * len(keys)
    bars = tuple(
        Bar(
            number=record.number,
            lane=keys.index(key),
            start_min=(start - begin) / 60,
            length_min=(end - start) / 60,
            status=record.status,
            text=trial_text(record, objectives, role=duration(end - start), n_parameters=0),
        )
        for key, start, end, record in rows
    )
    return TimelineFigure(
        lanes=tuple(_lane_name(worker, slot) for worker, slot in keys),
        bars=bars,
        busy_share=min(1.0, busy / span) if span > 0 else 1.0,
    )


def draw_timeline(figure: TimelineFigure) -> go.Figure:
    """Draw the bars, one trace for each status."""
    drawn = go.Figure(layout=palette.base_layout(height=130 + 34 * len(figure.lanes)))
    for status in TrialStatus:
        bars = [bar for bar in figure.bars if bar.status is status]
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
                    "color": palette.STATUS_COLORS[status],
                    "line": {"color": "rgba(255,255,255,0.9)", "width": 1},
                },
                name=status.value,
                text=[str(bar.number) for bar in bars] if len(figure.bars) <= 80 else None,
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"size": 11},
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


def _last_known(record: TrialRecord) -> float:
    reported = max((report.time_s for report in record.reports), default=0.0)
    return max(record.ended_s or 0.0, reported)


def _lane_name(worker: str, slot: int) -> str:
    name = html.escape(worker or "worker")
    return f"{name} · {slot + 1}" if slot else name
