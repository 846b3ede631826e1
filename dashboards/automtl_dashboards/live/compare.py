"""Two trials side by side: in what they differ, and what became of it."""

from collections.abc import Mapping

from automtl.results import TrialRecord
from automtl_dashboards.labels import number, plain_text
from automtl_dashboards.snapshot import Snapshot

Row = tuple[str, str, str]
"""A name, and the two values."""


def differences(first: TrialRecord, second: TrialRecord) -> list[Row]:
    """Return the parts of two configurations that differ, by dotted name; not escaped."""
    one, other = flat(first.config), flat(second.config)
    names = dict.fromkeys((*one, *other))
    pairs = ((name, one.get(name), other.get(name)) for name in names)
    return [(name, *_apart(*pair)) for name, *pair in pairs if pair[0] != pair[1]]


def _apart(first: object, second: object) -> tuple[str, str]:
    """Render two values that differ: rounded, unless that would make them look the same."""
    rounded = plain_text(first), plain_text(second)
    return rounded if rounded[0] != rounded[1] else (repr(first), repr(second))


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


def flat(tree: Mapping[str, object], start: str = "") -> dict[str, object]:
    """Return a nested configuration by dotted names.

    >>> flat({"optimizer": {"lr": 0.1}, "sharing": {"order": ["a", "b"]}})
    {'optimizer.lr': 0.1, 'sharing.order': ['a', 'b']}
    """
    found: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{start}{name}.")
        else:
            found[f"{start}{name}"] = value
    return found
