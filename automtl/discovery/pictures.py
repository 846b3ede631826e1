"""What the pictures of a folder show: frames, class masks, instances, depth."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from automtl.data.files import UnreadableError
from automtl.data.images import open_picture
from automtl.discovery.found import PictureKind, Pictures

N_SAMPLES = 5
MAX_VALUES = 64
"""A picture of at most so many grey values is a class mask."""

MAX_COLOURS = 256
INSTANCE = 1000
"""A pixel of a MOTS mask is its class times this, plus an id."""

LOSSY = (".jpg", ".jpeg", ".webp")


def look_at(root: Path, path: str, names: tuple[str, ...]) -> Pictures | None:
    """Look at some pictures of a folder; None if none of them can be decoded."""
    step = max(1, len(names) // N_SAMPLES)
    samples = []
    for name in names[::step][:N_SAMPLES]:
        try:
            samples.append(open_picture(root / path / name))
        except UnreadableError:
            continue  # The reader names it; what the folder holds is told by the others.
    if not samples:
        return None
    sizes = {(sample.height, sample.width) for sample in samples}
    kinds = [_kind(sample, path, Path(names[0]).suffix.lower()) for sample in samples]
    return Pictures(
        path=path,
        names=names,
        size=(samples[0].height, samples[0].width),
        kind=max(set(kinds), key=kinds.count),
        is_clip=len(sizes) == 1 and are_numbered(names),
    )


def are_numbered(names: Sequence[str]) -> bool:
    """Return whether names differ by a number that rises evenly.

    >>> are_numbered(["a_07.png", "a_09.png", "a_11.png"]), are_numbered(["3.png", "9.png"])
    (True, True)
    >>> are_numbered(["3.png", "9.png", "10.png"])
    False
    """
    matches = [re.fullmatch(r"(.*?)(\d+)", Path(name).stem) for name in names]
    found = [match for match in matches if match is not None]
    if len(found) < 2 or len(found) < len(names) or len({m.group(1) for m in found}) > 1:
        return False
    numbers = sorted(int(match.group(2)) for match in found)
    return len({after - before for before, after in pairwise(numbers)}) == 1


def mask_values(root: Path, pictures: Pictures) -> tuple[int, ...]:
    """Return every value that the class masks of a folder hold."""
    counts = np.zeros(256, dtype=np.int64)
    for name in pictures.names:
        try:
            picture = open_picture(root / pictures.path / name)
        except UnreadableError:
            continue  # Left out, with its name, when the data are read.
        counts += np.bincount(np.asarray(picture, dtype=np.uint8).ravel(), minlength=256)
    return tuple(int(value) for value in np.flatnonzero(counts))


def _kind(picture: Image.Image, path: str, suffix: str) -> PictureKind:
    if picture.mode.startswith("I"):
        return _deep_kind(picture, path)
    if suffix in LOSSY:
        return "frames"
    if picture.mode in ("L", "P"):
        n_values = len(np.unique(np.asarray(picture)))
        return "classes" if n_values <= MAX_VALUES else "frames"
    few = picture.convert("RGB").getcolors(MAX_COLOURS) is not None
    return ("other" if picture.mode == "1" else "colours") if few else "frames"


def _deep_kind(picture: Image.Image, path: str) -> PictureKind:
    """Say what a picture of 16 bits shows."""
    if "depth" in path.lower():
        return "depth"
    return "instances" if np.asarray(picture).max() >= INSTANCE else "other"
