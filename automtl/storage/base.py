"""What a store of files promises, and how it is asked patiently."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from automtl.errors import StorageError

T = TypeVar("T")

PAUSES_S = (0.5, 2.0, 5.0)
"""Between tries: a store that is away for a moment costs no trial."""


class Store(Protocol):
    """Whole files by name, found by every machine (contract: ``store_contract``).

    A name is a relative path with ``/``; no part of it begins with a dot. A reader finds a file
    as it was put, or the one before, never a part. What cannot be done after some tries raises
    :class:`StorageError`.
    """

    @property
    def url(self) -> str:
        """Address of the store, for people and for :func:`automtl.storage.choose.store_at`."""
        ...

    def put(self, source: Path, name: str) -> None:
        """Store a copy of a local file, in place of an earlier one of the name."""
        ...

    def get(self, name: str, target: Path) -> bool:
        """Copy a file to a local path, whole or not at all; False if there is none."""
        ...

    def sizes(self, under: str = "") -> dict[str, int]:
        """Return the bytes of each file in a folder and in those below it, by name."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def sweep(self, under: str) -> None:
        """Remove what writers that were killed have left half written in a folder."""
        ...


def patiently(what: str, where: str, ask: Callable[[], T]) -> T:
    """Ask a store, some times if need be.

    Args:
        what: What is being done, for the error.
        where: Address of the store.
        ask: Does it once; what it raises counts as the store's failure.

    Raises:
        StorageError: If the last try failed too.
    """
    for pause_s in PAUSES_S:
        try:
            return ask()
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - the border to foreign code; the last try tells
            time.sleep(pause_s)
    try:
        return ask()
    except StorageError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        msg = f"{what} failed ({type(error).__name__}: {lines[0]})"
        fix = "Check that the place is there and may be written to, then resume"
        raise StorageError(msg, where=where, fix=fix) from error


def is_hidden(name: str) -> bool:
    """Return whether a part of a name begins with a dot: it is no file of ours, or a half.

    >>> is_hidden("trial-0001/.best.safetensors.0f3a"), is_hidden("trial-0001/model.json")
    (True, False)
    """
    return any(part.startswith(".") for part in name.split("/"))
