"""Class masks drawn from COCO segmentations: polygons and run lengths.

Axis letters: h, w of the file; H, W decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from automtl.data.images import resize_nearest
from automtl.data.limits import MAX_PIXELS, shown
from automtl.errors import DataError

Polygon = tuple[float, ...]

MAX_POINTS = 100_000
"""Of all polygons of an object."""

MAX_COORDINATE = 1_000_000
"""In pixels, either side of the picture's corner."""

_MAX_SHIFT = 60
"""Bits of a run length; no picture has more pixels."""


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
    # The area of what is drawn at a pixel, so that no region has to be kept in memory.
    areas = np.full(size, size[0] * size[1], dtype=np.int64)
    for region in regions:
        cover = _cover(region, original, size)
        area = int(cover.sum())
        seen = cover & (areas >= area)
        canvas[seen] = region.value
        areas[seen] = area
    return canvas


def check_polygons(polygons: Sequence[Polygon], *, where: str) -> None:
    """Refuse polygons that cannot be drawn.

    Raises:
        DataError: If one has too few numbers, an odd one, or any that no picture has; or if they
            have very many points.
    """
    if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        msg = "a polygon needs three points or more, each of two numbers"
        raise DataError(msg, where=where, fix="Write x, y, x, y, ...")
    n_points = sum(len(polygon) // 2 for polygon in polygons)
    if n_points > MAX_POINTS:
        msg = f"its polygons have {n_points} points, at most {MAX_POINTS} are drawn"
        raise DataError(msg, where=where, fix="Give the area as run lengths")
    if not all(-MAX_COORDINATE <= number <= MAX_COORDINATE for p in polygons for number in p):
        msg = f"a polygon has a coordinate beyond {MAX_COORDINATE} pixels"
        raise DataError(msg, where=where, fix="Give coordinates in pixels of the picture")


def _cover(region: Region, original: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    if isinstance(region.outline, Runs):
        _check_size(region.outline, original, region.where)
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


def _check_size(runs: Runs, original: tuple[int, int], where: str) -> None:
    if runs.size != original:
        msg = f"run lengths of the size {list(runs.size)}, the picture has {list(original)}"
        raise DataError(msg, where=where, fix="Give height and width of the picture")


def decode_runs(runs: Runs, *, where: str) -> NDArray[np.uint8]:
    """Return the mask ``[h, w]`` of COCO run lengths, compressed or not.

    Raises:
        DataError: If they do not fill ``size``, or that is no size of a picture.

    >>> decode_runs(Runs(size=(2, 2), counts=(1, 2, 1)), where="here").tolist()
    [[0, 1], [1, 0]]
    """
    counts = _expand(runs.counts, where) if isinstance(runs.counts, str) else list(runs.counts)
    n_pixels = runs.size[0] * runs.size[1]
    if min(runs.size) < 1 or n_pixels > MAX_PIXELS:
        msg = f"run lengths of the size {list(runs.size)}; at most {MAX_PIXELS} pixels are drawn"
        raise DataError(msg, where=where, fix="Give height and width of the picture")
    if min(counts, default=0) < 0 or sum(counts) != n_pixels:
        msg = f"run lengths give {sum(counts)} pixels, the size {list(runs.size)} has {n_pixels}"
        raise DataError(msg, where=where, fix="Write the annotation again")
    inside = np.arange(len(counts)) % 2
    flat = np.repeat(inside.astype(np.uint8), counts)
    return np.ascontiguousarray(flat.reshape(runs.size[1], runs.size[0]).T)


def _expand(text: str, where: str) -> list[int]:
    """Read COCO's compressed counts: 5 bits a character, from the third on as differences.

    The format of the COCO API's ``rleToString``: the low 5 bits first, bit 5 says that more
    characters follow, the highest of the last 5 bits is the sign.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        chunk = ord(character) - 48
        if not 0 <= chunk < 64 or shift > _MAX_SHIFT:
            msg = f"its run lengths are no compressed text of COCO ({shown(text)})"
            raise DataError(msg, where=where, fix="Write the annotation again")
        value |= (chunk & 0x1F) << shift
        shift += 5
        if chunk & 0x20:
            continue
        if chunk & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
