"""Which files of a study nobody needs any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl.pareto import front
from automtl.results import Objective, Pick, TrialRecord
from automtl.study.folder import StudyFolder

CHECKPOINTS = "checkpoint-*.pt"
WEIGHTS = "best.safetensors"
VIEWS = "views"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """A file that may go.

    Attributes:
        path: The file.
        n_bytes: Its size.
        reason: Why nobody needs it.
    """

    path: Path
    n_bytes: int
    reason: str


def useless_checkpoints(folder: StudyFolder, history: Iterable[TrialRecord]) -> list[Removable]:
    """Return the checkpoints of trials that have ended: nothing will resume them."""
    return [
        _removable(path, f"trial {record.number} is {record.status.value}")
        for record in history
        if record.status.is_final
        for path in sorted(folder.trial(record.number).glob(CHECKPOINTS))
    ]


def beaten_weights(
    folder: StudyFolder,
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    picks: Sequence[Pick],
) -> list[Removable]:
    """Return the weights of trials that ended, are not on the front, and were never picked.

    Those of baselines are kept: they are few, and what others are compared with.
    """
    kept = {record.number for record in front(history, objectives)}
    kept |= {pick.number for pick in picks}
    return [
        _removable(path, f"trial {record.number} is {record.status.value} and not on the front")
        for record in history
        if record.status.is_final
        and record.number not in kept
        and not record.origin.startswith("baseline")
        and (path := folder.trial(record.number) / WEIGHTS).is_file()
    ]


def useless_views(folder: StudyFolder, history: Sequence[TrialRecord]) -> list[Removable]:
    """Return the views of the frames if no trial waits; a resumed search computes them again."""
    if not all(record.status.is_final for record in history):
        return []
    found = sorted((folder.checkpoints / VIEWS).glob("*.npy"))
    return [_removable(path, "no trial waits") for path in found]


def remove(found: Iterable[Removable]) -> int:
    """Remove files, and return how many bytes that was."""
    total = 0
    for one in found:
        one.path.unlink(missing_ok=True)
        total += one.n_bytes
    return total


def _removable(path: Path, reason: str) -> Removable:
    return Removable(path=path, n_bytes=path.stat().st_size, reason=reason)
