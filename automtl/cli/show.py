"""Tables and JSON for people and programs."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from automtl.analysis.delta import Comparison
from automtl.analysis.rung_standing import RungStanding
from automtl.cli.terminal import say
from automtl.pareto import front
from automtl.results import Objective, Pick, TrialRecord
from automtl.study.deltas import deltas_of
from automtl.study.words import kind_of, number, short, tree_of

QUALITY = (
    "detection/mAP",
    "detection/mAP_50",
    "segmentation/mIoU",
    "tracking/IDF1",
    "tracking/HOTA",
)


def print_json(value: object) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def record_json(record: TrialRecord, compared: Comparison) -> dict[str, object]:
    """Return what a program wants to know of a trial, and its delta-m or why it has none."""
    plain = record.model_dump(mode="json", exclude={"reports"})
    epochs = max((r.epoch for r in record.reports), default=0)
    delta = compared.deltas.get(record.number)
    told = {
        "delta_m": None if delta is None else delta.as_values(),
        "no_delta_m": compared.missing.get(record.number, ""),
    }
    return {**plain, "epochs": epochs, **told}


def rung_json(rung: RungStanding) -> dict[str, object]:
    """Return what is known of a rung; what is not known yet is null."""
    plain = asdict(rung)
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in plain.items()
    }


def plain_table(title: str) -> Table:
    """Return an empty table of few lines that fits a hundred columns."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )


def trial_table(
    title: str,
    records: Iterable[TrialRecord],
    objectives: Sequence[Objective],
    *,
    extra: Sequence[str] = (),
) -> Table:
    """Return a table with a row for each trial and a column for each objective.

    A metric of ``extra`` that no trial has is left out.
    """
    records = tuple(records)
    table = plain_table(title)
    table.add_column("trial", justify="right")
    known = [metric for metric in extra if any(metric in r.values for r in records)]
    columns = [*(o.metric for o in objectives), *known]
    for metric in columns:
        goal = next((o.goal for o in objectives if o.metric == metric), None)
        arrow = {"maximize": " ↑", "minimize": " ↓", None: ""}[goal]
        table.add_column(short(metric) + arrow, justify="right")
    choices = _choices(records)
    for name in choices:
        table.add_column(name, no_wrap=True)
    for i, record in enumerate(records):
        table.add_row(
            str(record.number),
            *(number(record.values.get(metric)) for metric in columns),
            *(told[i] for told in choices.values()),
        )
    return table


def _choices(records: Sequence[TrialRecord]) -> dict[str, list[str]]:
    """Return what was chosen, by column: the three questions, or a user's own parameters."""
    trees = [tree_of(record) for record in records]
    if not records or any(tree != "-" for tree in trees):
        kinds = {p: [kind_of(record, p) for record in records] for p in ("weighting", "schedule")}
        return {"shared stages": trees, **kinds}
    names = dict.fromkeys(name for record in records for name in record.point)
    return {name: [_told(record.point.get(name)) for record in records] for name in names}


def _told(value: object) -> str:
    return number(value) if isinstance(value, float) else "-" if value is None else str(value)


def delta_table(records: Iterable[TrialRecord], compared: Comparison) -> Table:
    """Return each trial's change against single-task networks, by convention."""
    rivals = ", ".join(f"{task}: trial {n}" for task, n in compared.rivals.items())
    table = plain_table(f"Against single-task networks ({rivals}), in percent, larger is better")
    for name in ("trial", "per metric", "per task", "primary metrics"):
        table.add_column(name, justify="right")
    for record in records:
        delta = compared.deltas.get(record.number)
        if delta is not None:
            numbers = (delta.per_metric, delta.per_task, delta.primary)
            name = " ".join([str(record.number), *([record.baseline] if record.baseline else [])])
            table.add_row(name, *(f"{value:+.1f}" for value in numbers))
    return table


def comparison_table(
    floors: Mapping[str, Mapping[str, float]],
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
) -> Table:
    """Return the front's best values beside trivial predictors and single-task networks.

    Only qualities are compared, for which larger is better; each row names its own best, so the
    last row is no single model.
    """
    members = front(history, objectives)
    asked = (o.metric for o in objectives if o.maximize and not o.metric.startswith("cost/"))
    best = {
        metric: max(record.values.get(metric, -math.inf) for record in members)
        for metric in dict.fromkeys((*QUALITY, *asked))
        if any(metric in record.values for record in members)
    }
    metrics = list(best)
    table = plain_table("Floors and single tasks beside the front")
    table.add_column("model")
    for metric in metrics:
        table.add_column(short(metric), justify="right")
    rows = [(name, values) for name, values in floors.items()]
    rows += _baseline_rows(history)
    for name, values in rows:
        table.add_row(name, *(number(values.get(metric)) for metric in metrics))
    shown = (number(best.get(metric)) for metric in metrics)
    table.add_row("best of the front", *shown, style="bold")
    return table


def _baseline_rows(history: Sequence[TrialRecord]) -> list[tuple[str, Mapping[str, float]]]:
    """Return the best network of each task by the task's primary metric, then the named ones."""
    rows = []
    rivals = deltas_of(history).rivals
    for record in history:
        task = record.origin.removeprefix("baseline:")
        if rivals.get(task) == record.number:
            n_trained = sum(r.origin == record.origin for r in history)
            best_of = f", best of {n_trained}" if n_trained > 1 else ""
            rows.append((f"{task} alone (trial {record.number}{best_of})", record.values))
    rows += [(f"{r.baseline} (trial {r.number})", r.values) for r in history if r.baseline]
    return [(name, values) for name, values in rows if values]


def print_pick(console: Console, pick: Pick) -> None:
    """Print the pick, its rule and its reason."""
    say(console, f"Pick: trial {pick.number} by the rule {pick.rule!r}", style="bold")
    say(console, f"  {pick.reason}")
    if pick.alternatives:
        say(console, f"  others on the front: {', '.join(map(str, pick.alternatives))}")
