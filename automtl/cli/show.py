"""Tables and JSON for people and programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from automtl.cli.terminal import say
from automtl.results import Objective, Pick, TrialRecord
from automtl.study.words import kind_of, number, short, tree_of


def print_json(value: object) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def record_json(record: TrialRecord) -> dict[str, object]:
    """Return what a program wants to know of a trial."""
    plain = record.model_dump(mode="json", exclude={"reports"})
    return {**plain, "epochs": max((r.epoch for r in record.reports), default=0)}


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
    """Return a table with a row for each trial and a column for each objective."""
    table = plain_table(title)
    table.add_column("trial", justify="right")
    columns = [*(o.metric for o in objectives), *extra]
    for metric in columns:
        goal = next((o.goal for o in objectives if o.metric == metric), None)
        arrow = {"maximize": " ↑", "minimize": " ↓", None: ""}[goal]
        table.add_column(short(metric) + arrow, justify="right")
    for name in ("shared stages", "weighting", "schedule"):
        table.add_column(name, no_wrap=True)
    for record in records:
        table.add_row(
            str(record.number),
            *(number(record.values.get(metric)) for metric in columns),
            tree_of(record),
            kind_of(record, "weighting"),
            kind_of(record, "schedule"),
        )
    return table


def floors_table(
    floors: Mapping[str, Mapping[str, float]], best: Mapping[str, float], metrics: Sequence[str]
) -> Table:
    """Return trivial predictors beside the best value that any trial reached."""
    table = plain_table("Floors: what trivial predictors reach")
    table.add_column("predictor")
    for metric in metrics:
        table.add_column(short(metric), justify="right")
    for name, values in floors.items():
        table.add_row(name, *(number(values.get(metric)) for metric in metrics))
    table.add_row("best trial", *(number(best.get(metric)) for metric in metrics), style="bold")
    return table


def best_values(history: Iterable[TrialRecord], metrics: Sequence[str]) -> dict[str, float]:
    """Return the largest value of each metric over all candidates (quality: larger is better)."""
    candidates = [record for record in history if record.is_candidate]
    return {
        metric: max(record.values[metric] for record in candidates if metric in record.values)
        for metric in metrics
        if any(metric in record.values for record in candidates)
    }


def print_pick(console: Console, pick: Pick) -> None:
    """Print the pick, its rule and its reason."""
    say(console, f"Pick: trial {pick.number} by the rule {pick.rule!r}", style="bold")
    say(console, f"  {pick.reason}")
    if pick.alternatives:
        say(console, f"  others on the front: {', '.join(map(str, pick.alternatives))}")
