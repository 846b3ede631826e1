"""One walk over a folder: which files lie where."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automtl.data.images import SUFFIXES
from automtl.errors import DataError

MAX_FILES = 500_000
SKIPPED = ("__pycache__", "__MACOSX", "node_modules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a folder.

    Attributes:
        root: The folder.
        pictures: Names of picture files by folder, relative to the root.
        others: Names of all other files by folder.
    """

    root: Path
    pictures: Mapping[str, tuple[str, ...]]
    others: Mapping[str, tuple[str, ...]]

    def with_suffix(self, *suffixes: str) -> list[str]:
        """Return the paths of other files with these endings, in order."""
        return [
            f"{folder}/{name}" if folder != "." else name
            for folder, names in self.others.items()
            for name in names
            if name.lower().endswith(suffixes)
        ]


def walk(root: Path) -> Tree:
    """List the files below a folder; hidden ones and links to folders are passed over.

    Raises:
        DataError: If it is no folder, or holds too many files.
    """
    if not root.is_dir():
        msg = f"{root} is no folder"
        raise DataError(msg, fix="Name the folder that holds your frames and labels")
    pictures: dict[str, tuple[str, ...]] = {}
    others: dict[str, tuple[str, ...]] = {}
    n_files = 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in SKIPPED)
        shown = sorted(f for f in files if not f.startswith("."))
        n_files += len(shown)
        if n_files > MAX_FILES:
            msg = f"{root} holds more than {MAX_FILES:,} files"
            raise DataError(msg, fix="Name a folder below it")
        path = Path(folder).relative_to(root).as_posix()
        found = tuple(f for f in shown if Path(f).suffix.lower() in SUFFIXES)
        if found:
            pictures[path] = found
        if len(found) < len(shown):
            others[path] = tuple(f for f in shown if f not in set(found))
    return Tree(root=root, pictures=pictures, others=others)
