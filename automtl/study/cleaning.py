"""Which files of a study nobody needs any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from automtl.pareto import front
from automtl.results import Objective, Pick, TrialRecord
from automtl.storage.base import Store
from automtl.storage.names import CHECKPOINTS, VIEWS, WEIGHTS
from automtl.study.folder import StudyFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """A file that may go.

    Attributes:
        name: The file's, in the store that holds it.
        n_bytes: Its size.
        reason: Why nobody needs it.
    """

    name: str
    n_bytes: int
    reason: str


def useless_checkpoints(
    folder: StudyFolder, store: Store, history: Sequence[TrialRecord]
) -> list[Removable]:
    """Return the checkpoints of trials that have ended: nothing will resume them."""
    ended = {folder.trial_name(r.number): r for r in history if r.status.is_final}
    if not ended:
        return []
    # One listing for one trial or for all: an object store takes its time for each.
    alone = next(iter(ended)) if len(ended) == 1 else folder.checkpoints.name
    found = []
    for name, n_bytes in store.sizes(alone).items():
        place, _, last = name.rpartition("/")
        if place in ended and fnmatchcase(last, CHECKPOINTS):
            reason = f"trial {ended[place].number} is {ended[place].status.value}"
            found.append(Removable(name=name, n_bytes=n_bytes, reason=reason))
    return found


def beaten_weights(
    folder: StudyFolder,
    store: Store,
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    picks: Sequence[Pick],
) -> list[Removable]:
    """Return the weights of trials that ended, are not on the front, and were never picked.

    Those of baselines are kept: they are few, and what others are compared with.
    """
    kept = {record.number for record in front(history, objectives)}
    kept |= {pick.number for pick in picks}
    sizes = store.sizes(folder.checkpoints.name)
    return [
        Removable(
            name=name,
            n_bytes=sizes[name],
            reason=f"trial {record.number} is {record.status.value} and not on the front",
        )
        for record in history
        if record.status.is_final
        and record.number not in kept
        and not record.origin.startswith("baseline")
        and (name := f"{folder.trial_name(record.number)}/{WEIGHTS}") in sizes
    ]


def useless_views(
    folder: StudyFolder, store: Store, history: Sequence[TrialRecord]
) -> list[Removable]:
    """Return the views of the frames if no trial waits; a resumed search computes them again."""
    if not all(record.status.is_final for record in history):
        return []
    sizes = store.sizes(f"{folder.checkpoints.name}/{VIEWS}")
    return [
        Removable(name=name, n_bytes=n_bytes, reason="no trial waits")
        for name, n_bytes in sizes.items()
        if name.endswith(".npy")
    ]


def remove(store: Store, found: Iterable[Removable]) -> None:
    """Remove files."""
    for one in found:
        store.remove(one.name)
