"""Where one attempt keeps its files: the study's folder, or one of this machine with a mirror."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from automtl.errors import StorageError
from automtl.results import TrialOrder
from automtl.storage.choose import store_at
from automtl.storage.mirror import Mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingFolder:
    """What an attempt writes to.

    Attributes:
        path: A folder on this machine.
        keep: Called when something worth keeping has been written.
    """

    path: Path
    keep: Callable[[], None]


def _nothing() -> None:
    """Do nothing: the folder is the place."""


@contextmanager
def working_folder(order: TrialOrder) -> Iterator[WorkingFolder]:
    """Give an attempt its folder, and keep what is in it.

    Where the study's artifacts lie in a store, that is a folder of this machine: it begins with
    what the store has of the trial, and it is removed at the end.

    Raises:
        StorageError: If the store cannot be read or written to, after some tries.
    """
    if not order.artifacts:
        yield WorkingFolder(path=Path(order.folder), keep=_nothing)
        return
    path = _place(order)
    for old in path.parent.glob(f"{_trial(order)}.*"):
        shutil.rmtree(old, ignore_errors=True)  # of an attempt that was killed here
    path.mkdir(parents=True)
    mirror = Mirror(folder=path, store=store_at(order.artifacts))
    if order.resume:
        mirror.fetch()
    else:
        mirror.forget()
    try:
        yield WorkingFolder(path=path, keep=mirror.push)
    except Exception as error:
        _push_beside(mirror, error)
        raise
    else:
        mirror.push()
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _push_beside(mirror: Mirror, error: Exception) -> None:
    """Keep what a failed attempt has left; the reason of its failure stays the first one."""
    try:
        mirror.push()
    except StorageError as second:
        error.add_note(f"Its files could not be kept: {second}")


def _place(order: TrialOrder) -> Path:
    """Return a folder that no other user, study or attempt has; views lie beside it."""
    study = hashlib.sha256(order.artifacts.rpartition("/")[0].encode()).hexdigest()[:12]
    root = Path(tempfile.gettempdir()) / f"automtl-{os.getuid()}" / study
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root / f"{_trial(order)}.{order.attempt}"


def _trial(order: TrialOrder) -> str:
    return f"trial-{order.number:04d}"
