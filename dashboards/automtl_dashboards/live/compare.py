"""Two trials side by side: in what they differ, and what became of it."""

from collections.abc import Mapping

from automtl.results import TrialRecord
from automtl_dashboards.labels import MISSING, number
from automtl_dashboards.snapshot import Snapshot

Row = tuple[str, str, str]
"""A name, and the two values."""


def differences(first: TrialRecord, second: TrialRecord) -> list[Row]:
    """Return the parts of two configurations that differ, by dotted name; not escaped."""
    one, other = flat(first.config), flat(second.config)
    names = dict.fromkeys((*one, *other))
    rows = ((name, one.get(name, MISSING), other.get(name, MISSING)) for name in names)
    return [row for row in rows if row[1] != row[2]]


def values_of(first: TrialRecord, second: TrialRecord, metrics: tuple[str, ...]) -> list[Row]:
    """Return the two trials' objectives, and how they ended."""
    return [
        ("state", first.status.value, second.status.value),
        ("epochs", str(len(first.reports)), str(len(second.reports))),
        *(
            (metric, number(first.values.get(metric)), number(second.values.get(metric)))
            for metric in metrics
        ),
    ]


def states_of(snapshot: Snapshot, *numbers: int | None) -> list[object]:
    """Return what a comparison is made of, so that one can see whether it changed."""
    records = {record.number: record for record in snapshot.history}
    chosen = [records[number] for number in numbers if number in records]
    states = [[r.number, r.attempts, len(r.reports), r.status.value] for r in chosen]
    return [*states, snapshot.gallery is not None]


def flat(tree: Mapping[str, object], start: str = "") -> dict[str, str]:
    """Return a nested configuration as dotted names and texts.

    >>> flat({"optimizer": {"lr": 0.1}, "sharing": {"order": ["a", "b"]}})
    {'optimizer.lr': '0.1', 'sharing.order': "['a', 'b']"}
    """
    found: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{start}{name}.")
        else:
            found[f"{start}{name}"] = str(value)
    return found
