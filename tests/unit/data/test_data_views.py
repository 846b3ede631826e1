"""Views: the published HOG, descriptors that are what they say, and mirroring of cached maps."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from automtl.config import View
from automtl.data.gradient_maps import CELL, hog_map, luminance_of, sift_map
from automtl.data.views import (
    QUANTISATION,
    channels_of,
    compute_views,
    mirror_channels,
    normalisation,
    rgb_channels,
)

STACKS: list[tuple[View, ...]] = [
    stack
    for n in (1, 2, 3)
    for stack in itertools.permutations(("rgb", "hog", "sift"), n)  # type: ignore[arg-type]
]

pictures = arrays(np.uint8, st.sampled_from([(1, 3, 8, 8), (2, 3, 13, 16), (1, 3, 16, 12)]))


def noise(seed: int, height: int = 24, width: int = 32) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, 255, (height, width))


def reference_blocks(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dalal and Triggs as scikit-image does it, pixel by pixel: ``[R - 1, Q - 1, 2, 2, 9]``."""
    height, width = picture.shape
    histograms = np.zeros((height // CELL, width // CELL, 9))
    for row in range(height // CELL * CELL):
        for column in range(width // CELL * CELL):
            inner_row, inner_column = 0 < row < height - 1, 0 < column < width - 1
            down = picture[row + 1, column] - picture[row - 1, column] if inner_row else 0.0
            right = picture[row, column + 1] - picture[row, column - 1] if inner_column else 0.0
            degrees = math.degrees(math.atan2(down, right)) % 180
            bin_ = int(degrees // 20) % 9
            histograms[row // CELL, column // CELL, bin_] += math.hypot(down, right) / CELL**2
    rows, columns = histograms.shape[0] - 1, histograms.shape[1] - 1
    blocks = np.zeros((rows, columns, 2, 2, 9))
    for row in range(rows):
        for column in range(columns):
            block = histograms[row : row + 2, column : column + 2]
            block = block / math.sqrt((block**2).sum() + 1e-10)
            block = np.minimum(block, 0.2)
            blocks[row, column] = block / math.sqrt((block**2).sum() + 1e-10)
    return blocks


def averaged(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each cell the mean over the blocks that hold it: ``[9, R, Q]``."""
    rows, columns = blocks.shape[:2]
    held: dict[tuple[int, int], list[NDArray[np.float64]]] = {}
    for r, c, i, j in itertools.product(range(rows), range(columns), range(2), range(2)):
        held.setdefault((r + i, c + j), []).append(blocks[r, c, i, j])
    cells = np.zeros((9, rows + 1, columns + 1))
    for (r, c), values in held.items():
        cells[:, r, c] = np.mean(values, axis=0)
    return cells


@pytest.mark.parametrize("seed", range(4))
def test_hog_is_the_published_one(seed: int) -> None:
    picture = noise(seed)
    # On the border a difference is 0, which lies on the edge of two bins: shared, see below.
    picture[0] = picture[-1] = 0
    wanted = averaged(reference_blocks(_without_edges(picture)))
    np.testing.assert_allclose(hog_map(_without_edges(picture)), wanted, atol=1e-6)


def _without_edges(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the first and last row flat: their gradients are 0 or upright, on no edge of bins."""
    flat = picture.copy()
    flat[0] = flat[0, 0]
    flat[-1] = flat[-1, 0]
    return flat


def blocks_of_scikit_image(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    feature = pytest.importorskip("skimage.feature", reason="scikit-image is not installed")
    blocks: NDArray[np.float64] = feature.hog(
        picture,
        orientations=9,
        pixels_per_cell=(CELL, CELL),
        cells_per_block=(2, 2),
        block_norm="L2-Hys",
        feature_vector=False,
    )
    return blocks


def test_hog_equals_scikit_image() -> None:
    picture = _without_edges(noise(5))
    blocks = blocks_of_scikit_image(picture)
    np.testing.assert_allclose(hog_map(picture), averaged(blocks), atol=1e-6)
    np.testing.assert_allclose(reference_blocks(picture), blocks, atol=1e-6)


def test_on_photographs_hog_differs_from_scikit_image_by_its_level_gradients(
    real_data: Path,
) -> None:
    places = sorted((real_data / "coco128").rglob("*.jpg"))[:6]
    assert places
    for place in places:
        with Image.open(place) as picture:
            small = np.asarray(picture.convert("RGB").resize((128, 96)), dtype=np.float64)
        luminance = small @ np.array([0.2125, 0.7154, 0.0721])
        blocks = blocks_of_scikit_image(luminance)
        away = np.abs(hog_map(luminance) - averaged(blocks))
        assert away.mean() < 0.003
        # A level gradient goes to the first bin there, half to the last one here; what is left to
        # the others is that a block's length is another.
        assert away[1:8].mean() < 0.0005


def test_a_level_gradient_is_shared_by_the_two_bins_it_lies_between() -> None:
    ramp = np.tile(np.arange(16.0) * 10, (16, 1))
    cells = hog_map(ramp)
    np.testing.assert_allclose(cells[0], cells[8])
    assert cells[0].min() > 0.3
    assert np.abs(cells[1:8]).max() == 0


@pytest.mark.parametrize(("angle", "direction"), [(0, 0), (90, 2), (180, 4), (270, 6), (45, 1)])
def test_sift_votes_for_the_direction_of_a_ramp(angle: int, direction: int) -> None:
    rows, columns = np.mgrid[0:24, 0:24]
    radians = math.radians(angle)
    ramp = 3 * (columns * math.cos(radians) + rows * math.sin(radians))
    inner = sift_map(ramp).reshape(2, 2, 8, 5, 5)[:, :, :, 1:-1, 1:-1]
    # Four equal entries of a unit vector, each at the clip and scaled up again.
    np.testing.assert_allclose(inner[:, :, direction], 0.5, atol=1e-6)
    others = np.delete(inner, direction, axis=2)
    np.testing.assert_allclose(others, 0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(picture=arrays(np.float64, (16, 16), elements=st.floats(0, 255)))
def test_descriptors_are_of_unit_length_or_empty(picture: NDArray[np.float64]) -> None:
    lengths = np.sqrt((sift_map(picture).astype(np.float64) ** 2).sum(axis=0))
    assert (
        (lengths < 1 + 1e-6) & ((lengths > 0.99) | (lengths < 0.01) | (picture.std() < 1))
    ).all()


@pytest.mark.parametrize("views", STACKS)
@settings(max_examples=15, deadline=None)
@given(images=pictures)
def test_a_mirrored_view_is_the_view_of_the_mirrored_picture(
    views: tuple[View, ...], images: NDArray[np.uint8]
) -> None:
    mirrored = np.ascontiguousarray(images[..., ::-1])
    wanted = compute_views(mirrored, views).astype(int)
    found = compute_views(images, views)[:, mirror_channels(views), :, ::-1].astype(int)
    # One level: sums taken in another order may round a half the other way.
    assert np.abs(wanted - found).max() <= 1


@settings(max_examples=20, deadline=None)
@given(images=pictures)
def test_the_picture_is_untouched_and_stands_where_it_is_said(images: NDArray[np.uint8]) -> None:
    for views in STACKS:
        stacked = compute_views(images, views)
        assert stacked.dtype == np.uint8
        assert stacked.shape == (len(images), channels_of(views), *images.shape[2:])
        own = stacked[:, rgb_channels(views)]
        if "rgb" in views:
            np.testing.assert_array_equal(own, images)
        else:
            assert own.shape[1] == 0


def test_rgb_alone_is_not_copied() -> None:
    images = np.zeros((1, 3, 7, 9), dtype=np.uint8)
    assert compute_views(images, ("rgb",)) is images


def test_a_level_is_off_by_at_most_what_is_stated() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 24, 32), dtype=np.uint8)
    levels = compute_views(image, ("hog",))[0] / 255
    exact = hog_map(luminance_of(image[0])).repeat(CELL, axis=1).repeat(CELL, axis=2)
    assert np.abs(levels - exact).max() <= QUANTISATION + 1e-9


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(0.8, 1.2), offset=st.floats(-20, 20))
def test_maps_do_not_see_what_augmentation_does_to_light(
    seed: int, gain: float, offset: float
) -> None:
    picture = noise(seed, 16, 16) / 2 + 40
    lit = picture * gain + offset
    for of in (hog_map, sift_map):
        np.testing.assert_allclose(np.rint(255 * of(lit)), np.rint(255 * of(picture)), atol=1)


@pytest.mark.parametrize("views", STACKS)
def test_normalisation_has_a_number_for_each_channel(views: tuple[View, ...]) -> None:
    mean, deviation = normalisation(views)
    assert len(mean) == len(deviation) == channels_of(views)
    assert min(deviation) > 0
    assert sorted(mirror_channels(views)) == list(range(channels_of(views)))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 3, 8, 10), np.uint8),
        ((1, 3, 4, 8), np.uint8),
        ((3, 8, 8), np.uint8),
        ((1, 1, 8, 8), np.uint8),
        ((1, 3, 8, 8), np.float32),
    ],
)
def test_other_pictures_are_refused(shape: tuple[int, ...], dtype: type) -> None:
    with pytest.raises(ValueError, match="`images` must"):
        compute_views(np.zeros(shape, dtype=dtype), ("rgb", "hog"))
