"""Masks of single objects, kept as small windows of the picture."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Pixels of one object.

    Attributes:
        top: First row of the window in the picture; outside the picture after a shift.
        left: First column.
        pixels: bool ``[h, w]``, the window.
        area: Number of pixels that are set.
    """

    top: int
    left: int
    pixels: NDArray[np.bool_]
    area: int

    def shifted(self, right: float, down: float) -> "Mask":
        """Return the mask moved by whole pixels."""
        return replace(self, top=self.top + round(down), left=self.left + round(right))


def mask_iou(first: Mask, second: Mask) -> float:
    """Return the overlap of two masks; 0 where neither has a pixel."""
    top, left = max(first.top, second.top), max(first.left, second.left)
    bottom = min(first.top + first.pixels.shape[0], second.top + second.pixels.shape[0])
    right = min(first.left + first.pixels.shape[1], second.left + second.pixels.shape[1])
    if bottom <= top or right <= left:
        return 0.0
    a = first.pixels[top - first.top : bottom - first.top, left - first.left : right - first.left]
    b = second.pixels[
        top - second.top : bottom - second.top, left - second.left : right - second.left
    ]
    both = int(np.count_nonzero(a & b))
    return both / max(1, first.area + second.area - both)


def window_of(box_xyxy: NDArray[np.float32], size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns whose pixels a box touches, within a picture of ``size``."""
    left, top = np.floor(box_xyxy[:2]).astype(int).tolist()
    right, bottom = np.ceil(box_xyxy[2:]).astype(int).tolist()
    rows = slice(min(max(top, 0), size[0]), min(max(bottom, 0), size[0]))
    columns = slice(min(max(left, 0), size[1]), min(max(right, 0), size[1]))
    return rows, columns


def extent(mask: Mask) -> NDArray[np.float32] | None:
    """Return the box around a mask's pixels, xyxy; None where it has none."""
    rows, columns = (
        np.flatnonzero(mask.pixels.any(axis=1)),
        np.flatnonzero(mask.pixels.any(axis=0)),
    )
    if not len(rows):
        return None
    return np.array(
        [
            mask.left + columns[0],
            mask.top + rows[0],
            mask.left + columns[-1] + 1,
            mask.top + rows[-1] + 1,
        ],
        np.float32,
    )
