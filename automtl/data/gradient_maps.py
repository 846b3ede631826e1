"""Maps of gradients: histograms of oriented gradients, and descriptors like SIFT's.

HOG: Dalal and Triggs, CVPR 2005. SIFT: Lowe, IJCV 2004, section 6.

Axis letters: H height, W width; cells R rows, Q columns, K orientations.
"""

import numpy as np
from numpy.typing import NDArray

from automtl.config.blueprint import CELL

Maps = NDArray[np.float32]

BLOCK = 2
"""Side of a block in cells."""

HOG_BINS = 9
SIFT_BINS = 8
SIFT_CHANNELS = BLOCK * BLOCK * SIFT_BINS

_LUMINANCE = (0.2125, 0.7154, 0.0721)
_CLIP = 0.2
_EPSILON = 1e-5


def hog_map(luminance: NDArray[np.float64]) -> Maps:
    """Return the HOG map of a picture before it is quantised.

    It equals, to 1e-6, the values of ``skimage.feature.hog(luminance, orientations=9,
    pixels_per_cell=(CELL, CELL), cells_per_block=(BLOCK, BLOCK), block_norm="L2-Hys",
    feature_vector=False)`` averaged for each cell over the blocks that hold it. One thing is
    done otherwise: a gradient that is exactly horizontal lies on the edge of two bins;
    scikit-image gives it to the first, and here both get half, because else a mirrored picture
    would have other histograms. Of a photograph of 96x128 those are 2 to 3 % of the pixels, and
    the maps differ by less than 0.003 in the mean, nearly all of it in these two bins.

    Args:
        luminance: ``[H, W]``.

    Returns:
        float32 ``[9, R, Q]``, in [0, 1].
    """
    magnitude, angle, is_edge = _gradients(luminance)
    place = np.minimum((angle / np.pi * HOG_BINS).astype(np.int64), HOG_BINS - 1)
    votes = np.zeros((HOG_BINS, *luminance.shape))
    np.put_along_axis(votes, place[None], magnitude[None], axis=0)
    halves = np.where(is_edge, magnitude / 2, 0)
    votes[0] -= halves
    votes[-1] += halves
    cells = _pool(votes)
    return _spread_over_cells(_blocks(cells), cells.shape[1:]).astype(np.float32)


def sift_map(luminance: NDArray[np.float64]) -> Maps:
    """Return the descriptors of a picture before they are quantised.

    Each of the corners where four cells meet has one: its four cells' histograms over eight
    directions, votes shared by the two nearest, normalised, clipped at 0.2, normalised again.

    Args:
        luminance: ``[H, W]``.

    Returns:
        float32 ``[32, R - 1, Q - 1]``, in [0, 1]; channels by row of cells, column, direction.
    """
    down, right = _differences(luminance)
    magnitude = np.hypot(right, down)
    turn = (np.arctan2(down, right) / (2 * np.pi) * SIFT_BINS) % SIFT_BINS
    below = np.floor(turn)
    share = turn - below
    first = below.astype(np.int64) % SIFT_BINS
    votes = np.zeros((SIFT_BINS, *luminance.shape))
    np.put_along_axis(votes, first[None], (magnitude * (1 - share))[None], axis=0)
    second = (first + 1) % SIFT_BINS
    np.put_along_axis(votes, second[None], (magnitude * share)[None], axis=0)
    blocks = _blocks(_pool(votes))
    return blocks.reshape(SIFT_CHANNELS, *blocks.shape[-2:]).astype(np.float32)


def luminance_of(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the luminance ``[H, W]`` of an RGB picture ``[3, H, W]``, in units of uint8."""
    red, green, blue = image.astype(np.float64)
    # One pixel like another, so that equal colours give equal bits.
    return np.asarray(red * _LUMINANCE[0] + green * _LUMINANCE[1] + blue * _LUMINANCE[2])


def _differences(luminance: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the central differences down and to the right; 0 on the border."""
    down, right = np.zeros_like(luminance), np.zeros_like(luminance)
    down[1:-1] = luminance[2:] - luminance[:-2]
    right[:, 1:-1] = luminance[:, 2:] - luminance[:, :-2]
    return down, right


def _gradients(
    luminance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return magnitude, angle in [0, pi), and whether the gradient is exactly horizontal."""
    down, right = _differences(luminance)
    return np.hypot(right, down), np.arctan2(down, right) % np.pi, down == 0


def _pool(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the votes ``[K, H, W]`` in each whole cell, ``[K, R, Q]``."""
    rows, columns = (side // CELL for side in votes.shape[1:])
    whole = votes[:, : rows * CELL, : columns * CELL]
    return np.asarray(whole.reshape(-1, rows, CELL, columns, CELL).mean(axis=(2, 4)))


def _blocks(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normalised blocks of cells ``[K, R, Q]``: ``[BLOCK, BLOCK, K, R - 1, Q - 1]``.

    Divided by the length, clipped, divided by the length again: "L2-Hys" in the HOG paper.
    """
    rows, columns = (side - BLOCK + 1 for side in cells.shape[1:])
    blocks = np.array(
        [[cells[:, r : r + rows, c : c + columns] for c in range(BLOCK)] for r in range(BLOCK)]
    )
    return _scaled(np.minimum(_scaled(blocks), _CLIP))


def _scaled(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        blocks / np.sqrt((blocks**2).sum(axis=(0, 1, 2), keepdims=True) + _EPSILON**2)
    )


def _spread_over_cells(blocks: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return each cell's values averaged over the blocks that hold it, ``[K, R, Q]``."""
    total = np.zeros((blocks.shape[2], *shape))
    count = np.zeros(shape)
    rows, columns = blocks.shape[-2:]
    for r in range(BLOCK):
        for c in range(BLOCK):
            total[:, r : r + rows, c : c + columns] += blocks[r, c]
            count[r : r + rows, c : c + columns] += 1
    return total / count
