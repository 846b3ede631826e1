"""The frames of a folder: which there are and in which order."""

import re
from dataclasses import dataclass
from pathlib import Path

from automtl.data.images import SUFFIXES
from automtl.errors import DataError


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames that follow each other.

    Attributes:
        name: Name of its folder.
        folder: Path relative to the folder of all frames; empty for that folder itself.
        frames: In order.
    """

    name: str
    folder: str
    frames: tuple[Path, ...]


def find_clips(root: Path) -> tuple[Clip, ...]:
    """Return the clips in ``root``: the pictures in it are one, each sub-folder is another.

    Frames are sorted by name; numbers in names count as numbers, so ``9.png`` is before
    ``10.png``.

    Raises:
        DataError: If there is no folder or no picture in it.
    """
    if not root.is_dir():
        msg = "there is no such folder"
        raise DataError(msg, where=str(root), fix="Name a folder of frames")
    folders = sorted(filter(Path.is_dir, root.iterdir()), key=_by_name)
    candidates = [
        Clip(root.resolve().name, "", _pictures(root)),
        *(Clip(folder.name, folder.name, _pictures(folder)) for folder in folders),
    ]
    clips = [clip for clip in candidates if clip.frames]
    if not clips:
        msg = "the folder has no pictures"
        raise DataError(
            msg,
            where=str(root),
            fix=f"Put frames there, or in one sub-folder per clip ({', '.join(sorted(SUFFIXES))})",
        )
    return tuple(clips)


def _pictures(folder: Path) -> tuple[Path, ...]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    return tuple(sorted(found, key=_by_name))


def _by_name(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(1, int(p), p) if p.isdecimal() else (0, 0, p) for p in parts]
