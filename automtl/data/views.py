"""Views of a picture: the input representations that a network can read, alone or stacked.

``rgb`` is the picture itself. ``hog`` is a map of histograms of oriented gradients (Dalal and
Triggs, CVPR 2005): for each cell its nine orientations, normalised in every block that holds the
cell, and averaged over those blocks. ``sift`` is a grid of descriptors like SIFT's (Lowe, IJCV
2004, section 6): for each pixel the block of cells around the nearest corner, eight directions in
each cell.

Both maps take the luminance, so that one gain and one offset for all three channels change
nothing but what rounding does. Their values lie in [0, 1] and are kept as uint8, each off by at
most ``QUANTISATION``.

Axis letters: N frames, C channels, H height, W width.
"""

from collections.abc import Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from automtl.config.blueprint import CELL, View
from automtl.data.gradient_maps import (
    BLOCK,
    HOG_BINS,
    SIFT_BINS,
    SIFT_CHANNELS,
    hog_map,
    luminance_of,
    sift_map,
)

QUANTISATION = 0.5 / 255
"""Largest difference between a value of a map and what its uint8 stands for."""

VERSION = 1
"""Changes whenever a view of the same picture changes."""

# ImageNet's mean and deviation, in units of uint8: what torchvision's weights were trained with.
_RGB_MEAN = (123.675, 116.28, 103.53)
_RGB_DEVIATION = (58.395, 57.12, 57.375)
# Measured on generated clips and on a street clip, rounded.
_HOG_MEAN, _HOG_DEVIATION = 31.0, 28.0
_SIFT_MEAN, _SIFT_DEVIATION = 34.0, 29.0


def channels_of(views: Sequence[View]) -> int:
    """Return how many channels the stacked ``views`` have.

    >>> channels_of(("rgb", "hog"))
    12
    """
    return sum(_channels(view) for view in views)


def normalisation(views: Sequence[View]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the deviation of each channel, in units of uint8."""
    mean: list[float] = []
    deviation: list[float] = []
    for view in views:
        match view:
            case "rgb":
                mean += _RGB_MEAN
                deviation += _RGB_DEVIATION
            case "hog":
                mean += [_HOG_MEAN] * HOG_BINS
                deviation += [_HOG_DEVIATION] * HOG_BINS
            case "sift":
                mean += [_SIFT_MEAN] * SIFT_CHANNELS
                deviation += [_SIFT_DEVIATION] * SIFT_CHANNELS
            case _:
                assert_never(view)
    return tuple(mean), tuple(deviation)


def rgb_channels(views: Sequence[View]) -> slice:
    """Return where the picture itself stands in the stacked ``views``; empty if it does not."""
    if "rgb" not in views:
        return slice(0, 0)
    before = channels_of(views[: list(views).index("rgb")])
    return slice(before, before + 3)


def mirror_channels(views: Sequence[View]) -> NDArray[np.int64]:
    """Return the channels whose mirrored maps are the maps of the mirrored picture.

    ``compute_views(x, v)[:, mirror_channels(v), :, ::-1]`` equals ``compute_views(x[..., ::-1],
    v)``: what leans to the left leans to the right then, and left cells become right ones.

    Returns:
        A permutation, int64 ``[C]``.
    """
    order: list[NDArray[np.int64]] = []
    first = 0
    for view in views:
        match view:
            case "rgb":
                own = np.arange(3)
            case "hog":
                # Bin k holds the angles from 20 k to 20 (k + 1) degrees.
                own = np.arange(HOG_BINS)[::-1]
            case "sift":
                directions = (SIFT_BINS // 2 - np.arange(SIFT_BINS)) % SIFT_BINS
                cells = np.arange(SIFT_CHANNELS).reshape(BLOCK, BLOCK, SIFT_BINS)
                own = cells[:, ::-1, directions].ravel()
            case _:
                assert_never(view)
        order.append(first + own)
        first += len(own)
    return np.concatenate(order)


def compute_views(images: NDArray[np.uint8], views: Sequence[View]) -> NDArray[np.uint8]:
    """Return the stacked views of pictures.

    Args:
        images: uint8 RGB ``[N, 3, H, W]``; for ``hog`` and ``sift`` W is a multiple of ``CELL``,
            and both sides have at least ``BLOCK`` cells.
        views: In the order of their channels.

    Returns:
        uint8 ``[N, C, H, W]``; ``images`` itself where the views are ``rgb`` alone.

    Raises:
        ValueError: If the pictures have another type or shape.
    """
    _check(images, views)
    if tuple(views) == ("rgb",):
        return images
    n_frames, _, height, width = images.shape
    stacked = np.empty((n_frames, channels_of(views), height, width), dtype=np.uint8)
    # Frame by frame: the many maps between are as large as hundreds of pictures.
    for row, image in enumerate(images):
        stacked[row] = np.concatenate([_view(image, view) for view in views])
    return stacked


def _channels(view: View) -> int:
    match view:
        case "rgb":
            return 3
        case "hog":
            return HOG_BINS
        case "sift":
            return SIFT_CHANNELS
        case _:
            assert_never(view)


def _check(images: NDArray[np.uint8], views: Sequence[View]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != 3:
        msg = (
            f"`images` must be uint8 RGB [N, 3, H, W]. Found {images.dtype} {list(images.shape)}."
        )
        raise ValueError(msg)
    height, width = images.shape[2:]
    has_maps = tuple(views) != ("rgb",)
    if has_maps and (width % CELL or min(height, width) < CELL * BLOCK):
        msg = (
            f"`images` must have a width that is a multiple of {CELL} and at least "
            f"{CELL * BLOCK} pixels a side. Found {height}x{width}."
        )
        raise ValueError(msg)


def _view(image: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return one view ``[C, H, W]`` of a picture ``[3, H, W]``."""
    match view:
        case "rgb":
            return image
        case "hog":
            small = hog_map(luminance_of(image))
            start = 0.0
        case "sift":
            small = sift_map(luminance_of(image))
            start = CELL / 2
        case _:
            assert_never(view)
    levels = np.rint(255 * small).astype(np.uint8)
    rows, columns = (
        _nearest(image.shape[1 + axis], small.shape[1 + axis], start) for axis in range(2)
    )
    return levels[:, rows[:, None], columns]


def _nearest(n_pixels: int, n_values: int, start: float) -> NDArray[np.int64]:
    """Return for each pixel the value, of those every ``CELL`` pixels, that is nearest to it."""
    place = np.floor((np.arange(n_pixels) + 0.5 - start) / CELL).astype(np.int64)
    return np.clip(place, 0, n_values - 1)
