"""The course of a training: which tasks trained when, and how their losses were weighed."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import assert_never

import plotly.graph_objects as go

from automtl.config import (
    AlternatingSchedule,
    JointSchedule,
    ProportionalSchedule,
    ScheduleConfig,
    StagedSchedule,
    TrialConfig,
    UntilPlateauSchedule,
)
from automtl.results import TrialRecord

STEPS = "cost/optimizer_steps/"
"""What stands before a task's name where a training reports its steps so far."""

WEIGHT = "weight/"
"""What stands before a task's name where a training reports the weight of its loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Epochs in a row in which a task took part in the same share of the steps.

    Attributes:
        task: Which one.
        first: First epoch, from 1.
        last: Last epoch.
        share: Of the steps, in (0, 1].
    """

    task: str
    first: int
    last: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of one training.

    Attributes:
        n_epochs: Epochs that were reported.
        turns: By task and time.
        weights: By task, its epochs and the mean weights in them.
    """

    n_epochs: int
    turns: tuple[Turn, ...]
    weights: Mapping[str, tuple[tuple[int, ...], tuple[float, ...]]]


def fill_course(record: TrialRecord, config: TrialConfig) -> Course:
    """Return what a trial's reports say of its course."""
    steps = config.optimizer.steps_per_epoch
    turns = tuple(turn for task in config.tasks for turn in _turns(record, task, steps))
    weights = {}
    for task in config.tasks:
        seen = [
            (report.epoch, report.values[WEIGHT + task])
            for report in record.reports
            if WEIGHT + task in report.values
        ]
        if seen:
            epochs, values = zip(*seen, strict=True)
            weights[task] = (epochs, values)
    last = max((report.epoch for report in record.reports), default=0)
    return Course(n_epochs=last, turns=turns, weights=weights)


def _turns(record: TrialRecord, task: str, steps_per_epoch: int) -> list[Turn]:
    shares: list[tuple[int, float]] = []
    before = 0.0
    for report in record.reports:
        now = report.values.get(STEPS + task, before)
        share = min(1.0, max(0.0, (now - before) / steps_per_epoch))
        shares.append((report.epoch, round(share, 3)))
        before = now
    return [
        Turn(task=task, first=run[0][0], last=run[-1][0], share=share)
        for share, members in groupby(shares, key=lambda pair: pair[1])
        if (run := list(members)) and share > 0
    ]


def schedule_words(schedule: ScheduleConfig) -> str:
    """Say in a few words which tasks step when.

    >>> schedule_words(AlternatingSchedule(block=4))
    'alternating every 4 steps'
    """
    match schedule:
        case JointSchedule():
            return "joint"
        case AlternatingSchedule():
            unit = schedule.unit if schedule.block > 1 else schedule.unit.removesuffix("s")
            return f"alternating every {f'{schedule.block} ' if schedule.block > 1 else ''}{unit}"
        case ProportionalSchedule():
            return "drawn by rates" if schedule.rates else "drawn by labels"
        case UntilPlateauSchedule():
            return f"each until a plateau of {schedule.patience} epochs"
        case StagedSchedule():
            n = len(schedule.stages)
            return f"{n} stage{'s' if n > 1 else ''}"
    assert_never(schedule)


def turn_traces(course: Course, colors: Mapping[str, str], *, in_legend: bool) -> list[go.Bar]:
    """Return the bars of each task: one row for each, as dark as its share of the steps."""
    traces = []
    for task, color in colors.items():
        turns = [turn for turn in course.turns if turn.task == task]
        traces.append(
            go.Bar(
                base=[turn.first - 0.5 for turn in turns],
                x=[turn.last - turn.first + 1 for turn in turns],
                y=[task] * len(turns),
                orientation="h",
                width=0.7,
                marker={
                    "color": color,
                    "opacity": [0.2 + 0.8 * turn.share for turn in turns],
                    "line": {"width": 0},
                },
                name=task,
                legendgroup=task,
                showlegend=in_legend,
                text=[f"{turn.share:.0%}" for turn in turns],
                textposition="none",
                customdata=[_epochs(turn) for turn in turns],
                hovertemplate="%{y}, %{customdata}: in %{text} of the steps<extra></extra>",
            )
        )
    return traces


def weight_traces(course: Course, colors: Mapping[str, str]) -> list[go.Scatter]:
    """Return the weights of each task's loss by epoch.

    Equal weights are common: each line is wider than those drawn over it, so that all are seen.
    """
    n_over = reversed(range(len(course.weights)))
    return [
        go.Scatter(
            x=epochs,
            y=values,
            mode="lines+markers" if len(epochs) <= 30 else "lines",
            line={"color": colors[task], "width": 2 + 1.5 * n},
            marker={"size": 5 + 2 * n},
            name=task,
            legendgroup=task,
            showlegend=False,
            hovertemplate=f"{task}, epoch %{{x}}: %{{y:.3g}}<extra></extra>",
        )
        for n, (task, (epochs, values)) in zip(n_over, course.weights.items(), strict=True)
    ]


def is_wide(course: Course) -> bool:
    """Whether the weights need a logarithmic axis."""
    values = [value for _, seen in course.weights.values() for value in seen]
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def _epochs(turn: Turn) -> str:
    same = turn.first == turn.last
    return f"epoch {turn.first}" if same else f"epochs {turn.first} to {turn.last}"
