"""Real moving objects: frames and masks of clips that show one target each.

The layout is DAVIS' (Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video
Object Segmentation", 2016): a folder of pictures and a folder of masks for each clip, files by
the same names, every value of a mask but 0 being the target.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from automtl.data.images import by_stem, check_shape, open_picture, read_picture
from automtl.errors import DataError, closest

FEWEST_PIXELS = 64
"""A mask with fewer shows no object that could be cut out."""

_KEPT_FRAMES = 64
"""Decoded frames that are kept: the next clip often shows one of them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """A clip whose target can be cut out.

    Attributes:
        name: Of the clip.
        label: Class that the user gives it.
        pictures: Its frames, in order.
        masks: The mask of each.
    """

    name: str
    label: str
    pictures: tuple[Path, ...]
    masks: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a frame shows of a target, at the file's own size. Axis letters: h, w.

    Attributes:
        colours: uint8 ``[h, w, 3]``, the box around the target and no more.
        covered: bool ``[h, w]``.
        centre: Middle of that box in the frame, ``(y, x)`` in pixels.
    """

    colours: NDArray[np.uint8]
    covered: NDArray[np.bool_]
    centre: tuple[float, float]


def find_cutouts(
    pictures: Path, masks: Path, labels: Mapping[str, Sequence[str]]
) -> tuple[Cutout, ...]:
    """Return the clips that a user names, in the order of their names.

    Args:
        pictures: Folder with a folder of frames for each clip.
        masks: Folder with a folder of masks for each clip.
        labels: Names of clips by class.

    Raises:
        DataError: If a clip is not there, is named twice, or no frame of it has a mask.
    """
    named = [(clip, label) for label, clips in labels.items() for clip in clips]
    if not named:
        msg = "no clip is named that could be cut out"
        raise DataError(msg, where="--class", fix="Name classes, e.g. --class animal=dog,libby")
    twice = sorted({clip for clip, _ in named if sum(clip == other for other, _ in named) > 1})
    if twice:
        msg = f"the clip {twice[0]!r} is named twice"
        raise DataError(msg, where="--class", fix="Give each clip one class")
    return tuple(_cutout(pictures, masks, clip, label) for clip, label in sorted(named))


@lru_cache(maxsize=_KEPT_FRAMES)
def read_piece(picture: Path, mask: Path) -> Piece | None:
    """Return what a frame shows of the target; None where that is too little.

    Raises:
        UnreadableError: If a file cannot be decoded, or they do not fit each other.
    """
    frame, covers = read_picture(picture), open_picture(mask)
    check_shape(mask, covers.size, (frame.height, frame.width))
    covers = covers.resize(frame.size, Image.Resampling.NEAREST)
    values = np.asarray(covers)
    covered = values != 0 if values.ndim == 2 else (values != 0).any(axis=2)
    if covered.sum() < FEWEST_PIXELS:
        return None
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Piece(
        colours=np.asarray(frame)[window],
        covered=covered[window],
        centre=((rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2),
    )


def _cutout(pictures: Path, masks: Path, clip: str, label: str) -> Cutout:
    for folder in (pictures, masks):
        if not (folder / clip).is_dir():
            there = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            near = closest(clip, there)
            msg = f"there is no clip {clip!r}"
            fix = f"Did you mean {near!r}?" if near else f"There are: {', '.join(there) or 'none'}"
            raise DataError(msg, where=str(folder), fix=fix)
    frames = by_stem(pictures / clip, pictures)
    covers = by_stem(masks / clip, masks)
    shared = [stem for stem in sorted(frames) if stem in covers]
    if not shared:
        msg = f"no frame of the clip {clip!r} has a mask of its name"
        raise DataError(msg, where=str(masks / clip), fix="Name masks as the frames are")
    return Cutout(
        name=clip,
        label=label,
        pictures=tuple(frames[stem] for stem in shared),
        masks=tuple(covers[stem] for stem in shared),
    )
