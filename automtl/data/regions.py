"""Class masks drawn from COCO segmentations: polygons and run lengths.

Axis letters: h, w of the file; H, W decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from automtl.data.images import resize_nearest
from automtl.errors import DataError

Polygon = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Run lengths in column order, of pixels outside and inside in turn.

    Attributes:
        size: Height and width.
        counts: Lengths, or the compressed text of COCO.
    """

    size: tuple[int, int]
    counts: tuple[int, ...] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One object's area.

    Attributes:
        value: Mask value to draw.
        outline: Polygons (x, y, x, y ...) in pixels of the file, or run lengths.
        where: File and annotation.
    """

    value: int
    outline: tuple[Polygon, ...] | Runs
    where: str


def paint_regions(
    regions: Sequence[Region], original: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the class mask ``[H, W]``: larger regions below smaller ones, 0 elsewhere.

    Raises:
        DataError: If run lengths do not fill their picture.
    """
    canvas = np.zeros(size, dtype=np.uint8)
    covers = [(region.value, _cover(region, original, size)) for region in regions]
    for value, cover in sorted(covers, key=lambda entry: -int(entry[1].sum())):
        canvas[cover] = value
    return canvas


def _cover(region: Region, original: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    if isinstance(region.outline, Runs):
        whole = decode_runs(region.outline, where=region.where)
        return resize_nearest(whole, size).astype(np.bool_)
    sheet = Image.new("1", (size[1], size[0]))
    pen = ImageDraw.Draw(sheet)
    across, down = size[1] / original[1], size[0] / original[0]
    for polygon in region.outline:
        # Pillow's pixel centres lie on whole numbers, COCO's on halves.
        points = [
            (x * across - 0.5, y * down - 0.5)
            for x, y in zip(polygon[0::2], polygon[1::2], strict=True)
        ]
        pen.polygon(points, fill=1)
    return np.asarray(sheet)


def decode_runs(runs: Runs, *, where: str) -> NDArray[np.uint8]:
    """Return the mask ``[h, w]`` of COCO run lengths, compressed or not.

    >>> decode_runs(Runs(size=(2, 2), counts=(1, 2, 1)), where="here").tolist()
    [[0, 1], [1, 0]]
    """
    counts = _expand(runs.counts) if isinstance(runs.counts, str) else list(runs.counts)
    n_pixels = runs.size[0] * runs.size[1]
    if min(counts, default=0) < 0 or sum(counts) != n_pixels:
        msg = f"run lengths give {sum(counts)} pixels, the size {list(runs.size)} has {n_pixels}"
        raise DataError(msg, where=where, fix="Write the annotation again")
    inside = np.arange(len(counts)) % 2
    flat = np.repeat(inside.astype(np.uint8), counts)
    return np.ascontiguousarray(flat.reshape(runs.size[1], runs.size[0]).T)


def _expand(text: str) -> list[int]:
    """Read COCO's compressed counts: 5 bits a character, from the third on as differences.

    The format of the COCO API's ``rleToString``: the low 5 bits first, bit 5 says that more
    characters follow, the highest of the last 5 bits is the sign.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        chunk = ord(character) - 48
        value |= (chunk & 0x1F) << shift
        shift += 5
        if chunk & 0x20:
            continue
        if chunk & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
