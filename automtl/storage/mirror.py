"""A folder on this machine whose files are kept in a store."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from automtl.storage.base import Store, is_hidden


@dataclass(slots=True, kw_only=True)
class Mirror:
    """Keeps a place in a store like a local folder: with what is new, and without what is gone.

    Attributes:
        folder: On this machine; written to by one process.
        store: Where its files are kept, with names that begin at the folder.
    """

    folder: Path
    store: Store
    _stored: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fetch(self) -> None:
        """Bring what the store has into the folder.

        Raises:
            StorageError: If it cannot be read.
        """
        self.store.sweep("")
        for name in self.store.sizes():
            if self.store.get(name, self.folder / name):
                self._stored[name] = _state(self.folder / name)

    def forget(self) -> None:
        """Begin with an empty folder: what the store has is removed at the next push."""
        self.store.sweep("")
        self._stored = dict.fromkeys(self.store.sizes(), (-1, -1))

    def push(self) -> None:
        """Bring what changed in the folder since the last time into the store.

        New files are there before old ones go, so that a kill between the two loses nothing.

        Raises:
            StorageError: If it cannot be written to; the next push makes up for it.
        """
        here = self._here()
        changed = [name for name, state in here.items() if self._stored.get(name) != state]
        for name in sorted(changed, key=lambda name: here[name][1]):
            self.store.put(self.folder / name, name)
            self._stored[name] = here[name]
        for name in set(self._stored) - set(here):
            self.store.remove(name)
            del self._stored[name]

    def _here(self) -> dict[str, tuple[int, int]]:
        found = {}
        for parent, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in files:
                path = Path(parent) / file
                name = path.relative_to(self.folder).as_posix()
                if not is_hidden(name):
                    found[name] = _state(path)
        return found


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
