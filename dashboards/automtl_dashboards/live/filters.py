"""Which trials a reader wants to see: by state, schedule, weighting and sharing tree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from automtl.results import TrialRecord
from automtl_dashboards.figures.members import config_of
from automtl_dashboards.figures.tree import fill_tree
from automtl_dashboards.snapshot import Snapshot

STATE, SCHEDULE, WEIGHTING, TREE = "state", "schedule", "weighting", "tree"
KINDS = (STATE, SCHEDULE, WEIGHTING, TREE)

Wanted = Mapping[str, Sequence[str]]
"""By kind, the values to keep; a kind that is missing or empty keeps all."""


def traits_of(record: TrialRecord) -> dict[str, str]:
    """Return a trial's value of each kind; a training of the user's own has a state alone."""
    config = config_of(record)
    if config is None:
        return {STATE: record.status.value}
    return {
        STATE: record.status.value,
        SCHEDULE: config.schedule.kind,
        WEIGHTING: config.weighting.kind,
        TREE: tree_words(record),
    }


def tree_words(record: TrialRecord) -> str:
    """Name a sharing tree: the groups of each stage, equal stages once.

    The same tree has the same name, whatever chain of tasks writes it.
    """
    config = config_of(record)
    if config is None:
        return ""
    tree = fill_tree(config)
    groups_of: dict[int, list[str]] = {}
    for box in tree.boxes:
        groups_of.setdefault(box.stage, []).append("+".join(task[:3] for task in box.tasks))
    stages = [" | ".join(groups) for groups in groups_of.values()]
    words = [stages[0]]
    counts = [1]
    for groups in stages[1:]:
        if groups == words[-1]:
            counts[-1] += 1
        else:
            words.append(groups)
            counts.append(1)
    return " > ".join(f"{n}x {groups}" for n, groups in zip(counts, words, strict=True))


def choices_of(history: Sequence[TrialRecord]) -> dict[str, list[str]]:
    """Return the values that occur, by kind."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for record in history:
        for kind, value in traits_of(record).items():
            found[kind].add(value)
    return {kind: sorted(values) for kind, values in found.items()}


def filtered(snapshot: Snapshot, wanted: Wanted) -> Snapshot:
    """Return the study with the wanted trials alone. Who is on the front does not change by it.

    Baselines and replicates stay: they are what the others are compared with.
    """
    if not any(wanted.values()):
        return snapshot
    history = [r for r in snapshot.history if not r.competes or _is_wanted(r, wanted)]
    kept = {record.number for record in history}
    attempts = [attempt for attempt in snapshot.attempts if attempt.number in kept]
    notes = [note for note in snapshot.trial_notes if note.number in kept]
    return replace(snapshot, history=history, attempts=attempts, trial_notes=notes)


def _is_wanted(record: TrialRecord, wanted: Wanted) -> bool:
    traits = traits_of(record)
    return all(not values or traits.get(kind) in values for kind, values in wanted.items())
