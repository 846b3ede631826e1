"""Tables of what went wrong: attempts that failed, what attempts said, data that are not used."""

import html
from collections.abc import Sequence

from automtl.left_out import BECAME, LeftOut, groups_of
from automtl.results import Failure, Note, TrialRecord
from automtl_dashboards.labels import MISSING
from automtl_dashboards.tables import Cell, table_html

MOST_LEFT_OUT = 50
"""Files of each split and kind that a page names."""


def failures_table(history: Sequence[TrialRecord]) -> str:
    """Return the table of attempts that failed, or a sentence if there is none."""
    rows = []
    for record in history:
        rows += [
            _failure_row(record, s.attempt, s.failure, "tried again") for s in record.setbacks
        ]
        if record.failure is not None:
            rows.append(_failure_row(record, record.attempts, record.failure, "trial failed"))
    if not rows:
        return "<p class='calm'>No trial failed.</p>"
    head = [("trial", "", "num"), ("attempt", "", "num"), ("then", "", "")]
    head += [("kind", "", ""), ("message", "", "wide"), ("worker", "", "")]
    return table_html(head, rows, css="failures sortable")


def notes_table(notes: Sequence[Note]) -> str:
    """Return the table of what attempts said besides numbers, or nothing if none did."""
    if not notes:
        return ""
    head = [("trial", "", "num"), ("attempt", "", "num"), ("it said", "", "wide")]
    rows = [
        ("", [*_numbers(n.number, n.attempt), (html.escape(n.text), "", "wide")]) for n in notes
    ]
    return table_html(head, rows, css="said sortable")


def left_out_table(left_out: Sequence[LeftOut]) -> str:
    """Return the table of data that are not used or were mended, or nothing if there are none."""
    rows = []
    for (split, kind), members in groups_of(left_out).items():
        became = f"{BECAME[kind]} {split}"
        told = [(one.name, one.reason) for one in members[:MOST_LEFT_OUT]]
        if len(members) > MOST_LEFT_OUT:
            told.append((f"{len(members) - MOST_LEFT_OUT} more", "the ledger names them"))
        rows += [
            ("", [(kind, "", ""), (became, "", ""), *_texts(name, reason)])
            for name, reason in told
        ]
    if not rows:
        return ""
    head = [("kind", "", ""), ("this frame was", "", ""), ("file", "", ""), ("why", "", "wide")]
    return table_html(head, rows, css="left-out sortable")


def _texts(name: str, reason: str) -> list[Cell]:
    return [(html.escape(name), "", ""), (html.escape(reason), "", "wide")]


def _numbers(*values: int) -> list[Cell]:
    return [(str(value), str(value), "num") for value in values]


def _failure_row(
    record: TrialRecord, attempt: int, failure: Failure, then: str
) -> tuple[str, list[Cell]]:
    return "", [
        *_numbers(record.number, attempt),
        (then, "", ""),
        (html.escape(failure.kind.value), "", ""),
        (f"<code>{html.escape(failure.message)}</code>", "", "wide"),
        (html.escape(record.worker) or MISSING, "", ""),
    ]
