"""The files of checkpoints: the newest and the one before, each with its checksum in its name.

A name such as ``checkpoint-000012-0f3a96c1d2e4b587.pt`` comes into being by one renaming, together
with the content that it describes: there is no second file that could disagree. A disk that was
full, a power cut, or a bit that flipped is seen when the file is read.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from automtl.storage.names import CHECKPOINTS, checkpoint_of

N_KEPT = 2
"""The newest, and one to fall back to."""

_NAME = re.compile(r"checkpoint-(\d{6,})-([0-9a-f]{16})\.pt")
_LEFTOVER = re.compile(r"\.(checkpoint|best\.safetensors|model\.json)\.\d+")
"""What a process leaves that was killed while it wrote."""


def write_checkpoint(folder: Path, epoch: int, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a file, put it on the disk, name it, and remove those no longer needed.

    Args:
        folder: Of the trial.
        epoch: Finished epochs.
        write: Writes the content to a path.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".checkpoint.{os.getpid()}"
    try:
        write(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        path = folder / f"{checkpoint_of(epoch)}{_checksum(beside)}.pt"
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _put_on_disk(folder)
    before = [old for old in kept_checkpoints(folder) if epoch_of(old) < epoch]
    for old in before[N_KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return path


def kept_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, that of the latest epoch first."""
    found = [path for path in folder.glob(CHECKPOINTS) if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (epoch_of(path), path.name), reverse=True)


def epoch_of(path: Path) -> int:
    """Return how many epochs were finished when a checkpoint was written.

    >>> epoch_of(Path("checkpoint-000012-0f3a96c1d2e4b587.pt"))
    12
    """
    return int(_parts(path)[0])


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint still has the content that was written."""
    return _checksum(path) == _parts(path)[1]


def remove_leftovers(folder: Path) -> None:
    """Remove what killed attempts left half written."""
    for path in folder.glob(".*"):
        if _LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _parts(path: Path) -> tuple[str, str]:
    found = _NAME.fullmatch(path.name)
    assert found is not None, "only names of checkpoints are asked for"
    return found[1], found[2]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _put_on_disk(folder: Path) -> None:
    # A renaming is a change of the folder; without this a power cut could undo it.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
