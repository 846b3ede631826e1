"""Instances: every pixel has at most one owner, of the right class, and masks have their say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.fusion.association import Association
from automtl.fusion.instances import Instances, fused, make_pixels, mask_values_of
from automtl.fusion.masks import NOBODY, cut, overlaps

SIZE = (24, 32)
BOX = np.array([[4, 4, 12, 12]], np.float32)
SURE = np.ones(1, np.float32)
FIRST = np.zeros(1, np.int64)


def square(value: int = 1, rows: slice = slice(4, 12), columns: slice = slice(4, 12)):
    semantic = np.zeros(SIZE, np.uint8)
    semantic[rows, columns] = value
    return semantic


def owned(pixels, row: int):
    return pixels.owners == row


def test_a_perfect_box_gets_exactly_its_objects_pixels():
    semantic = square()
    pixels = make_pixels(BOX, SURE, FIRST, semantic=semantic, mask_values=[1])
    assert (owned(pixels, 0) == (semantic == 1)).all()
    assert pixels.areas.tolist() == [64]
    assert pixels.extents.tolist() == BOX.tolist()
    assert pixels.support.tolist() == [1.0]


def test_pixels_outside_the_box_are_not_the_objects():
    semantic = square() + square(rows=slice(4, 12), columns=slice(20, 28))
    pixels = make_pixels(BOX, SURE, FIRST, semantic=semantic, mask_values=[1])
    assert not owned(pixels, 0)[:, 16:].any()


def test_a_class_without_a_mask_value_takes_what_fills_its_middle():
    semantic = square(value=3)
    pixels = make_pixels(BOX, SURE, FIRST, semantic=semantic, mask_values=[None])
    assert (owned(pixels, 0) == (semantic == 3)).all()
    assert pixels.support.tolist() == [0.5]


def test_the_surer_of_two_boxes_of_one_place_gets_the_pixels():
    boxes, classes = np.repeat(BOX, 2, axis=0), np.zeros(2, np.int64)
    scores = np.array([0.3, 0.9], np.float32)
    pixels = make_pixels(boxes, scores, classes, semantic=square(), mask_values=[1])
    assert pixels.areas.tolist() == [0, 64]
    assert pixels.windows[0] is None
    assert pixels.extents[0].tolist() == BOX[0].tolist()


def test_between_two_equally_sure_boxes_the_nearer_gets_a_pixel():
    boxes = np.array([[4, 4, 12, 12], [8, 4, 16, 12]], np.float32)
    semantic = square(columns=slice(4, 16))
    pixels = make_pixels(
        boxes, np.ones(2, np.float32), np.zeros(2, np.int64), semantic=semantic, mask_values=[1]
    )
    assert owned(pixels, 0)[4:12, 4:10].all()
    assert owned(pixels, 1)[4:12, 10:16].all()


some_boxes = st.lists(
    st.tuples(st.floats(-4, 30), st.floats(-4, 22), st.floats(1, 20), st.floats(1, 20)),
    min_size=0,
    max_size=5,
)


@given(some_boxes, st.integers(0, 1000))
def test_pixels_belong_to_one_object_of_a_class_within_reach(drawn, seed):
    rng = np.random.default_rng(seed)
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in drawn], np.float32).reshape(-1, 4)
    n = len(boxes)
    semantic = rng.integers(0, 3, SIZE).astype(np.uint8)
    scores, classes = rng.random(n).astype(np.float32), rng.integers(0, 2, n)
    pixels = make_pixels(boxes, scores, classes, semantic=semantic, mask_values=[1, 2])
    assert not owned(pixels, NOBODY)[(semantic == 0) & (pixels.owners != NOBODY)].any()
    assert (semantic[pixels.owners != NOBODY] != 0).all()
    assert pixels.areas.sum() == (pixels.owners != NOBODY).sum()
    assert ((pixels.support >= 0) & (pixels.support <= 1)).all()
    for row, window in enumerate(pixels.windows):
        mask = cut(pixels.owners, row, window)
        assert (mask is None) == (pixels.areas[row] == 0)
        if mask is not None:
            assert mask.area == pixels.areas[row]
            own = overlaps(mask, pixels.owners, pixels.areas, right=0, down=0)
            assert own.tolist() == [float(i == row) for i in range(n)]


@given(st.integers(-40, 40), st.integers(-40, 40))
def test_a_moved_mask_overlaps_as_counted_pixel_by_pixel(right, down):
    semantic = square(rows=slice(3, 11), columns=slice(2, 12)) + square(
        rows=slice(14, 20), columns=slice(18, 30)
    )
    boxes = np.array([[2, 3, 12, 11], [18, 14, 30, 20]], np.float32)
    pixels = make_pixels(
        boxes, np.ones(2, np.float32), np.zeros(2, np.int64), semantic=semantic, mask_values=[1]
    )
    mask = cut(pixels.owners, 0, pixels.windows[0])
    found = overlaps(mask, pixels.owners, pixels.areas, right=right, down=down)
    where = {(y + down, x + right) for y, x in np.argwhere(owned(pixels, 0)).tolist()}
    for row in (0, 1):
        there = {(y, x) for y, x in np.argwhere(owned(pixels, row)).tolist()}
        assert found[row] == pytest.approx(len(where & there) / len(where | there))


def instances(semantic):
    pixels = make_pixels(BOX, SURE * 0.5, FIRST, semantic=semantic, mask_values=[1])
    return Instances(boxes=BOX, scores=SURE * 0.5, classes=FIRST, pixels=pixels)


def test_support_raises_and_lowers_a_score_by_its_odds():
    strong = Association(support_weight=2.0)
    assert fused(instances(square()), strong)[1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert fused(instances(square(0)), strong)[1] == pytest.approx(1 / (1 + np.exp(1)))
    assert fused(instances(square()), Association())[1].tolist() == [0.5]


@pytest.mark.parametrize(("share", "left"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_a_box_moves_towards_its_mask(share, left):
    seen = instances(square(columns=slice(6, 12)))
    boxes, _ = fused(seen, Association(box_share=share))
    assert boxes[0].tolist() == [left, 4, 12, 12]


def test_classes_meet_by_name():
    assert mask_values_of(["car", "dog"], ["sky", "car"]) == (1, None)
