"""Masks of single objects, cut out of a frame's map of owners.

A map of owners says for each pixel which object it belongs to: the object's row, or ``NOBODY``.
Axis letters: n objects, H height, W width, h and w of a cut-out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
"""Owner of a pixel that belongs to no object."""

Owners = NDArray[np.int16]
Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Pixels of one object.

    Attributes:
        top: First row of the cut-out in the picture.
        left: First column.
        pixels: bool ``[h, w]``.
        area: Number of pixels that are set, at least one.
    """

    top: int
    left: int
    pixels: NDArray[np.bool_]
    area: int


def windows_of(owners: Owners, n_objects: int) -> list[Window | None]:
    """Return the rows and columns of each object's pixels; None where it has none."""
    rows, columns = np.nonzero(owners != NOBODY)
    whose = owners[rows, columns].astype(np.intp)
    spans = [_spans(whose, places, n_objects) for places in (rows, columns)]
    return [
        None if down.stop == 0 else (down, across) for down, across in zip(*spans, strict=True)
    ]


def _spans(whose: NDArray[np.intp], places: NDArray[np.intp], n_objects: int) -> list[slice]:
    """Return for each object the places from its first to its last; up to 0 where it has none."""
    first = np.full(n_objects, np.iinfo(np.int64).max)
    stop = np.zeros(n_objects, np.int64)
    np.minimum.at(first, whose, places)
    np.maximum.at(stop, whose, places + 1)
    return [slice(*span) for span in zip(first.tolist(), stop.tolist(), strict=True)]


def cut(owners: Owners, row: int, window: Window | None) -> Mask | None:
    """Return the pixels of object ``row``, or None where it has none."""
    if window is None:
        return None
    pixels = owners[window] == row
    area = int(np.count_nonzero(pixels))
    return Mask(top=window[0].start, left=window[1].start, pixels=pixels, area=area)


def overlaps(
    mask: Mask, owners: Owners, areas: NDArray[np.int64], *, right: float, down: float
) -> NDArray[np.float32]:
    """Return the IoU of a moved mask with every object of a frame, ``[n]``.

    Args:
        mask: Of another frame of the same size.
        owners: ``[H, W]``.
        areas: ``[n]``, number of pixels of each object.
        right: How far the mask moved, in pixels; whole ones are used.
        down: The same.
    """
    top, left = mask.top + round(down), mask.left + round(right)
    height, width = owners.shape
    seen = owners[max(top, 0) : top + mask.pixels.shape[0], max(left, 0) :]
    seen = seen[:, : max(0, left + mask.pixels.shape[1] - max(left, 0))]
    if top >= height or left >= width or not seen.size or top + mask.pixels.shape[0] <= 0:
        return np.zeros(len(areas), np.float32)
    above, before = max(0, -top), max(0, -left)
    pixels = mask.pixels[above : above + seen.shape[0], before : before + seen.shape[1]]
    both = np.bincount(seen[pixels] + 1, minlength=len(areas) + 1)[1:]
    iou: NDArray[np.float32] = (both / (areas + mask.area - both)).astype(np.float32)
    return iou


def window_of(box_xyxy: NDArray[np.float32], size: tuple[int, int]) -> Window:
    """Return the rows and columns whose pixels a box touches, within a picture of ``size``."""
    left, top = np.floor(box_xyxy[:2]).astype(int).tolist()
    right, bottom = np.ceil(box_xyxy[2:]).astype(int).tolist()
    rows = slice(min(max(top, 0), size[0]), min(max(bottom, 0), size[0]))
    columns = slice(min(max(left, 0), size[1]), min(max(right, 0), size[1]))
    return rows, columns
