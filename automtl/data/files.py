"""Files below the data root: where a name may lead, and how much of a file is read."""

import os
from collections.abc import Collection
from pathlib import Path

from automtl.data.archives import is_archive
from automtl.errors import DataError

_MAX_PART_BYTES, _MAX_PATH_BYTES = 255, 4000


class UnreadableError(DataError):
    """A file that cannot be decoded; its frame is left out and named."""


def below(root: Path, relative: Path | str) -> Path | None:
    """Return ``root / relative`` with its links followed, or None if that is not below ``root``.

    A text that cannot be a path (a zero byte, a name too long, links in a circle) is not below.
    """
    try:
        path = (root / relative).resolve()
        is_short = len(os.fsencode(path)) <= _MAX_PATH_BYTES
        is_short = is_short and all(len(os.fsencode(p)) <= _MAX_PART_BYTES for p in path.parts)
    except (ValueError, OSError, RuntimeError):
        return None
    return path if is_short and path.is_relative_to(root.resolve()) else None


def list_files(folder: Path, suffixes: Collection[str], root: Path) -> list[Path]:
    """Return the files of a folder that have one of the endings, sorted by name.

    Raises:
        DataError: If there is no folder, or a link leads out of ``root``.
    """
    if not folder.is_dir():
        msg = "it is a file, not a folder"
        fix = "Name a folder"
        if is_archive(folder):
            fix = f"Unpack it first: automtl unpack {folder} FOLDER"
        raise DataError(msg, where=str(folder), fix=fix)
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if path.suffix.lower() not in suffixes:
                continue
            if entry.is_symlink() and below(root, path) is None:
                raise _leaves(path, root)
            found.append(path)
    return sorted(found)


def read_text(path: Path, *, root: Path, max_bytes: int, fix: str) -> str:
    """Return the text of a file.

    Args:
        path: The file.
        root: It must lie below this folder.
        max_bytes: How much is read at most.
        fix: What to do if it cannot be read.

    Raises:
        DataError: If it is no file of UTF-8, too large, or a link that leads out of ``root``.
    """
    if below(root, path) is None:
        raise _leaves(path, root)
    try:
        check_file(path, max_bytes)
        return path.read_text(encoding="utf-8")
    except UnreadableError as error:
        raise DataError(error.what, where=str(path), fix=fix) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"it cannot be read as text ({error})"
        raise DataError(msg, where=str(path), fix=fix) from error


def check_file(path: Path, max_bytes: int | None = None) -> None:
    """Refuse what is no plain file: reading a pipe or a device might never end.

    Raises:
        UnreadableError: If it is none, or larger than ``max_bytes``.
    """
    if not path.exists():
        msg = "there is no such file"
        raise UnreadableError(msg, where=str(path))
    if not path.is_file():
        msg = "it is no file"
        raise UnreadableError(msg, where=str(path))
    n_bytes = path.stat().st_size
    if max_bytes is not None and n_bytes > max_bytes:
        msg = f"it has {n_bytes} bytes, at most {max_bytes} are read"
        raise UnreadableError(msg, where=str(path))


def _leaves(path: Path, root: Path) -> DataError:
    msg = f"the link leads out of the data root {root}"
    return DataError(msg, where=str(path), fix="Copy the file in")
