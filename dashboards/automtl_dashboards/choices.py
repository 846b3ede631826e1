"""What trials with the same choice gave: the first look at sharing, weighting and schedule."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from automtl.results import Objective, TrialRecord
from automtl_dashboards.labels import number, short_names, value_text, varying
from automtl_dashboards.standing import Standing
from automtl_dashboards.tables import Cell, table_html

MAX_VALUES = 8
"""A parameter with more values is a scale, not a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of one parameter.

    Attributes:
        parameter: Its name.
        value: Its value, as text, escaped.
        n_trials: Completed trials that chose it.
        n_front: Those of them on the front.
        medians: Per objective, the median over those trials.
        is_best: Per objective, whether no other value of the parameter has a better median.
    """

    parameter: str
    value: str
    n_trials: int
    n_front: int
    medians: tuple[float, ...]
    is_best: tuple[bool, ...]


def fill_choices(history: Sequence[TrialRecord], standing: Standing) -> tuple[Choice, ...]:
    """Return all values of all parameters that have few, by parameter and value."""
    objectives = standing.objectives
    ended = [r for r in history if r.is_candidate and r.vector(objectives) is not None]
    return tuple(
        choice for name in varying(ended) for choice in _choices_of(name, ended, standing)
    )


def choices_table(choices: Sequence[Choice], objectives: Sequence[Objective]) -> str:
    """Return the table as HTML; the best median of each parameter is bold."""
    names = short_names(o.metric for o in objectives)
    head = [
        ("parameter", "", ""),
        ("value", "", ""),
        ("trials", "completed trials", "num"),
        ("on the front", "", "num"),
        *(
            (html.escape(names[o.metric]) + (" ↑" if o.maximize else " ↓"), o.metric, "num")
            for o in objectives
        ),
    ]
    return table_html(head, [("", _cells(choice)) for choice in choices], css="sortable")


def _choices_of(name: str, ended: Sequence[TrialRecord], standing: Standing) -> tuple[Choice, ...]:
    present = [record for record in ended if name in record.point]
    values = sorted({record.point[name] for record in present}, key=_order)
    has_fractions = any(isinstance(value, float) for value in values)
    if has_fractions or not 2 <= len(values) <= MAX_VALUES:
        return ()
    groups = [[r for r in present if r.point[name] == value] for value in values]
    medians = [
        tuple(median(r.values[o.metric] for r in group) for o in standing.objectives)
        for group in groups
    ]
    best = [min(o.as_loss(row[i]) for row in medians) for i, o in enumerate(standing.objectives)]
    return tuple(
        Choice(
            parameter=name,
            value=value_text(value),
            n_trials=len(group),
            n_front=sum(record.number in standing.front for record in group),
            medians=row,
            is_best=tuple(o.as_loss(row[i]) == best[i] for i, o in enumerate(standing.objectives)),
        )
        for value, group, row in zip(values, groups, medians, strict=True)
    )


def _order(value: float | str) -> tuple[bool, float, str]:
    """Numbers by size, words by letters."""
    if isinstance(value, str):
        return True, 0.0, value
    return False, float(value), ""


def _cells(choice: Choice) -> list[Cell]:
    values = zip(choice.medians, choice.is_best, strict=True)
    return [
        (html.escape(choice.parameter), "", ""),
        (choice.value, "", ""),
        (str(choice.n_trials), str(choice.n_trials), "num"),
        (str(choice.n_front), str(choice.n_front), "num"),
        *((number(v), repr(v), "num best" if is_best else "num") for v, is_best in values),
    ]
