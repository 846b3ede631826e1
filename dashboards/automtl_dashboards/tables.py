"""Tables of the report as HTML. All text that others wrote is escaped here."""

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from automtl.analysis.delta import DeltaM
from automtl.results import Objective, TrialRecord
from automtl.reuse import reused_from
from automtl_dashboards.labels import (
    MISSING,
    duration,
    number,
    short_names,
    short_parameters,
    value_text,
    varying,
)
from automtl_dashboards.runs import Runs, run_cells
from automtl_dashboards.standing import Role, Standing

CONVENTIONS = {
    "per metric": "mean change over all metrics against single-task networks, in percent",
    "per task": "mean over tasks of the mean change of each one's metrics, in percent",
    "primary": "mean change of one metric for each task, in percent",
}
"""Ways to compare with single-task networks; positive is better."""

Cell = tuple[str, str, str]
"""Inner HTML, the value to sort by (empty: the text itself), and CSS classes."""


def trials_table(
    history: Sequence[TrialRecord],
    standing: Standing,
    deltas: Mapping[int, DeltaM],
    runs: Runs,
) -> str:
    """Return the table of all trials: state, run, objectives, varying parameters, origin, time.

    ``deltas`` gives, by trial, the percents by which it beats single-task networks.
    """
    objectives = standing.objectives
    parameters = varying([r for r in history if r.competes])
    short = short_parameters(parameters)
    numeric = frozenset(name for name in parameters if _is_numeric(name, history))
    names = short_names(o.metric for o in objectives)
    head = [
        ("trial", "", "num"),
        ("state", "", ""),
        *([("MLflow", "the trial's run", "")] if runs.ids else []),
        *(
            (html.escape(names[o.metric]) + (" ↑" if o.maximize else " ↓"), o.metric, "num")
            for o in objectives
        ),
        *((f"Δm {name}", CONVENTIONS[name], "num") for name in CONVENTIONS if deltas),
        *(
            # On paper a name breaks between its parts.
            (re.sub("([._])", r"\1<wbr>", html.escape(short[p])), p, "num" if p in numeric else "")
            for p in parameters
        ),
        ("from", "who proposed it", ""),
        ("epochs", "", "num"),
        ("time", "", "num"),
    ]
    best = _best(history, objectives)
    rows = []
    for record in history:
        css, (values, parameters_and_more) = _trial_row(
            record, standing, parameters, numeric, best
        )
        state = [*_state_cells(record, standing), *run_cells(runs, record.number)]
        compared = _delta_cells(deltas.get(record.number)) if deltas else []
        rows.append((css, [*state, *values, *compared, *parameters_and_more]))
    return table_html(head, rows, css="trials sortable")


def glance_table(history: Sequence[TrialRecord], standing: Standing) -> str:
    """Return the pick's objectives beside the best, separate networks and trivial predictors.

    Without a pick the column is left out; without any candidate the answer is a sentence.
    """
    objectives = standing.objectives
    best = _best(history, objectives)
    if not best:
        return "<p class='calm'>There is nothing to compare yet.</p>"
    picked = next((r for r in history if r.number == standing.pick), None)
    columns = [("objective", "", "")]
    columns += [(f"★ pick: trial {picked.number}", "", "num")] if picked else []
    columns += [("best of all trials", "", "num")]
    columns += [("gives up", "pick against the best", "num")] if picked else []
    columns += [("single-task networks", "", "num")] if standing.single_task else []
    columns += [("best trivial predictor", "", "num")] if standing.floors else []
    columns += [("reference", "worst value that counts for the hypervolume", "num")]
    rows = [("", _glance_row(o, picked, best, standing)) for o in objectives]
    return table_html(columns, rows, css="glance")


def facts_list(facts: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and values. The values are HTML already, the names are not."""
    items = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{v}</dd></div>" for k, v in facts)
    return f"<dl class='facts'>{items}</dl>"


def _best(
    history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> dict[str, tuple[float, int]]:
    """Return the best value of each objective over all candidates, and the trial that has it."""
    found = {}
    for objective in objectives:
        ended = [r for r in history if r.is_candidate and r.vector([objective]) is not None]
        if ended:
            top = min(ended, key=lambda r: objective.as_loss(r.values[objective.metric]))
            found[objective.metric] = (top.values[objective.metric], top.number)
    return found


def _glance_row(
    objective: Objective,
    picked: TrialRecord | None,
    best: Mapping[str, tuple[float, int]],
    standing: Standing,
) -> list[Cell]:
    metric = objective.metric
    unit = f" <small>{html.escape(objective.unit)}</small>" if objective.unit else ""
    arrow = "↑" if objective.maximize else "↓"
    cells = [(f"<b>{html.escape(metric)}</b> {arrow}", "", "")]
    value = None if picked is None else picked.values.get(metric)
    top = best.get(metric)
    if picked is not None:
        cells.append((f"<b>{number(value)}</b>{unit}", "", "num pick"))
    text = MISSING if top is None else f"{number(top[0])}{unit} <small>trial {top[1]}</small>"
    cells.append((text, "", "num"))
    if picked is not None:
        gap = None if value is None or top is None else value - top[0]
        text = "nothing" if gap == 0 else f"{number(None if gap is None else abs(gap))}{unit}"
        cells.append((text, "", "num"))
    if standing.single_task:
        single = standing.single_task.get(metric)
        cells.append((f"{number(single)}{unit}" if single is not None else MISSING, "", "num"))
    if standing.floors:
        name, floor = standing.floors.get(metric, ("", None))
        cells.append((f"{number(floor)} <small>{html.escape(name)}</small>", "", "num"))
    return [*cells, (number(objective.reference), "", "num")]


def _state_cells(record: TrialRecord, standing: Standing) -> list[Cell]:
    mark = {Role.PICK: "★ ", Role.FRONT: "● "}.get(standing.role(record), "")
    state = record.status.value
    return [
        (f"{mark}{record.number}", str(record.number), "num"),
        (f"<span class='state {state}'>{state}</span>", "", ""),
    ]


def _trial_row(
    record: TrialRecord,
    standing: Standing,
    parameters: Sequence[str],
    numeric: frozenset[str],
    best: Mapping[str, tuple[float, int]],
) -> tuple[str, tuple[list[Cell], list[Cell]]]:
    role = standing.role(record)
    cells: list[Cell] = []
    for objective in standing.objectives:
        value = record.values.get(objective.metric)
        is_best = best.get(objective.metric, (None, -1))[1] == record.number
        cells.append((number(value), _sort_key(value), "num best" if is_best else "num"))
    more = [
        _parameter_cell(record.point.get(name), is_numeric=name in numeric) for name in parameters
    ]
    epochs = max((report.epoch for report in record.reports), default=0)
    spent = None
    if record.started_s is not None and record.ended_s is not None:
        spent = max(0.0, record.ended_s - record.started_s)
    more += [
        (_origin(record), "", ""),
        (str(epochs), str(epochs), "num"),
        (MISSING if spent is None else duration(spent), _sort_key(spent), "num"),
    ]
    return {Role.PICK: "is-pick", Role.FRONT: "is-front"}.get(role, ""), (cells, more)


def _origin(record: TrialRecord) -> str:
    reused = html.escape(reused_from(record))
    mark = f' <small title="{reused}">reused: {reused}</small>' if reused else ""
    return f"{html.escape(record.origin)}{mark}"


def _delta_cells(delta: DeltaM | None) -> list[Cell]:
    if delta is None:
        return [(MISSING, "", "num") for _ in CONVENTIONS]
    values = (delta.per_metric, delta.per_task, delta.primary)
    return [(f"{value:+.1f}", _sort_key(value), "num") for value in values]


def _parameter_cell(value: float | str | None, *, is_numeric: bool) -> Cell:
    if not is_numeric:
        return value_text(value), "", ""
    return value_text(value), "" if value is None else repr(float(value)), "num"


def _is_numeric(name: str, history: Sequence[TrialRecord]) -> bool:
    seen = [record.point[name] for record in history if name in record.point]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in seen)


def _sort_key(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))


def table_html(
    head: Sequence[Cell], rows: Iterable[tuple[str, Sequence[Cell]]], *, css: str
) -> str:
    """Return a table.

    Args:
        head: Headings: HTML, tooltip, CSS classes.
        rows: CSS classes of a row and its cells.
        css: CSS classes of the table; ``sortable`` lets a click on a heading sort it.
    """
    # What can be clicked can be reached by the keyboard too.
    reach = " tabindex='0'" if "sortable" in css.split() else ""
    top = "".join(
        f"<th scope='col' class='{cls}'{reach}"
        + (f' title="{html.escape(tip)}"' if tip else "")
        + f">{text}</th>"
        for text, tip, cls in head
    )
    body = "".join(
        f"<tr{_row_id(css, cells)} class='{row_class}'>"
        + "".join(_cell(cell) for cell in cells)
        + "</tr>"
        for row_class, cells in rows
    )
    return (
        f"<div class='scroll'><table class='{css}'><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _row_id(css: str, cells: Sequence[Cell]) -> str:
    # What a click on a trial in a figure leads to.
    return f" id='trial-{cells[0][1]}'" if css.startswith("trials") else ""


def _cell(cell: Cell) -> str:
    text, key, css = cell
    data = f' data-v="{key}"' if key else ""
    return f"<td class='{css}'{data}>{text}</td>" if css else f"<td{data}>{text}</td>"
