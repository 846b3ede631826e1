"""What an archive holds, entry by entry, and which names are allowed."""

from collections.abc import Generator
from dataclasses import dataclass
from unicodedata import category

from automtl.data.limits import shown
from automtl.errors import DataError

CHUNK = 1 << 20
"""Bytes that are read at a time."""

MAX_NAME_BYTES = 1024
MAX_PART_BYTES = 255
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A plain file or a folder.

    Attributes:
        name: As the archive gives it.
        is_folder: Whether it is a folder.
        chunks: The file's content, to be read before the next entry is asked for.
    """

    name: str
    is_folder: bool
    chunks: Generator[bytes]


def refusal(reason: str, archive: str) -> DataError:
    """Return the error of an archive that is not unpacked."""
    return DataError(
        f"it is not unpacked: {reason}",
        where=archive,
        fix="Get another archive, or unpack it with a tool of your own if you trust it",
    )


def safe_parts(name: str, archive: str) -> tuple[str, ...]:
    """Return the parts of a relative path that stays below its folder, on any system.

    Raises:
        DataError: If the name is another kind of path.

    >>> safe_parts("./train/0001.png", "frames.zip")
    ('train', '0001.png')
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    # A drive and a backslash lead out of the folder on Windows, and are nothing else elsewhere.
    if name.startswith("/") or ".." in parts or "\\" in name or name[1:2] == ":":
        msg = f"the name {shown(name)} leads out of the folder"
        raise refusal(msg, archive)
    if any(category(character) in ("Cc", "Cs") for character in name):
        msg = f"the name {shown(name)} has control characters"
        raise refusal(msg, archive)
    n_bytes = [len(part.encode()) for part in parts]
    if sum(n_bytes) > MAX_NAME_BYTES or max(n_bytes, default=0) > MAX_PART_BYTES:
        msg = f"the name {shown(name)} is longer than {MAX_NAME_BYTES} bytes, or a part of it "
        msg += f"than {MAX_PART_BYTES}"
        raise refusal(msg, archive)
    if len(parts) > MAX_DEPTH:
        msg = f"the name {shown(name)} has more than {MAX_DEPTH} folders"
        raise refusal(msg, archive)
    return parts
