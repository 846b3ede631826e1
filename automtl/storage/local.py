"""A store in a folder: of this machine, or of a file system that all machines mount."""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from automtl.storage.base import is_hidden, patiently


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Files in a folder: written beside their place, put on the disk, then renamed.

    Attributes:
        root: The folder; it need not exist yet.
    """

    root: Path

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.root)

    def put(self, source: Path, name: str) -> None:
        """Store a copy of a local file."""
        patiently(f"storing {name}", self.url, lambda: copy_whole(source, self.root / name))

    def get(self, name: str, target: Path) -> bool:
        """Copy a file to a local path; False if there is none."""

        def once() -> bool:
            if not (self.root / name).is_file():
                return False
            copy_whole(self.root / name, target)
            return True

        return patiently(f"reading {name}", self.url, once)

    def sizes(self, under: str = "") -> dict[str, int]:
        """Return the bytes of each file below a folder, by name."""

        def once() -> dict[str, int]:
            found = {}
            for path in sorted((self.root / under).rglob("*")):
                name = path.relative_to(self.root).as_posix()
                if not is_hidden(name) and path.is_file():
                    found[name] = path.stat().st_size
            return found

        return patiently(f"listing {under or 'everything'}", self.url, once)

    def remove(self, name: str) -> None:
        """Remove a file."""
        path = self.root / name
        patiently(f"removing {name}", self.url, lambda: path.unlink(missing_ok=True))

    def sweep(self, under: str) -> None:
        """Remove what killed writers have left in a folder."""

        def once() -> None:
            for path in (self.root / under).glob(f".*{PART}*"):
                path.unlink(missing_ok=True)

        patiently(f"sweeping {under}", self.url, once)


PART = ".part-"
"""In the names of files that are being written."""


def part_name(name: str) -> str:
    """Return a new name for a file that is being written."""
    return f".{name}{PART}{uuid.uuid4().hex[:12]}"


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that a reader finds the old or the new one, also after a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(part_name(target.name))
    try:
        shutil.copyfile(source, beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
