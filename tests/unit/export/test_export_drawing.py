"""Overlays: sizes, colours and captions that do not hide one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from automtl.export import drawing
from automtl.export.colors import class_color, ink_on, track_color
from automtl.export.drawing import MIN_LONG_SIDE, Names, draw_overlay, enlargement
from automtl.export.formats import FrameObjects

NAMES = Names(("disc", "square", "triangle"), ("background", "disc", "square", "triangle"))


def objects(boxes: list[list[float]], ids: list[int], size=(96, 128)) -> FrameObjects:
    n = len(boxes)
    return FrameObjects(
        file_name="x.png",
        number=1,
        size=size,
        boxes=np.array(boxes, np.float32).reshape(n, 4),
        scores=np.linspace(0.9, 0.4, n).astype(np.float32),
        classes=np.arange(n, dtype=np.int64) % 3,
        ids=np.array(ids, np.int64),
    )


def grey(size=(128, 96)) -> Image.Image:
    return Image.new("RGB", size, (100, 100, 100))


@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_small_pictures_are_enlarged_just_enough(size):
    factor = enlargement(size)
    assert max(size) * factor >= MIN_LONG_SIDE
    assert factor == 1 or max(size) * (factor - 1) < MIN_LONG_SIDE


def test_nothing_seen_leaves_the_picture_alone():
    drawn = draw_overlay(grey(), objects([], []), np.zeros((96, 128), np.uint8), NAMES)
    assert np.asarray(drawn).shape == (576, 768, 3)
    assert (np.asarray(drawn) == 100).all()


def test_a_mask_is_blended_where_it_is_and_named_below():
    mask = np.zeros((96, 128), np.uint8)
    mask[20:60, 30:90] = 2
    drawn = np.asarray(draw_overlay(grey(), objects([], []), mask, NAMES))
    inside, outside = drawn[40 * 6, 60 * 6].astype(int), drawn[5, 5]
    expected = 100 + drawing.MASK_OPACITY * (np.array(class_color(2)) - 100)
    assert np.abs(inside - expected).max() <= 1
    assert outside.tolist() == [100, 100, 100]
    assert drawn.shape[0] > 96 * 6, "a legend is below the picture"
    assert class_color(2) in set(map(tuple, drawn[96 * 6 :].reshape(-1, 3).tolist()))


def test_a_box_has_its_track_color_and_one_without_a_track_its_class_color():
    drawn = draw_overlay(
        grey(), objects([[20, 30, 50, 60], [70, 30, 100, 60]], [5, -1]), None, NAMES
    )
    assert drawn.size == (768, 576)
    assert drawn.getpixel((20 * 6, 45 * 6)) == track_color(5)
    assert drawn.getpixel((70 * 6, 45 * 6)) == class_color(1)


coordinate = st.floats(-20, 150, width=32)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(coordinate, coordinate, st.floats(0, 140), st.floats(0, 140)), max_size=6)
)
def test_any_box_can_be_drawn(rows):
    boxes = [[x, y, x + w, y + h] for x, y, w, h in rows]
    drawn = draw_overlay(grey(), objects(boxes, list(range(len(boxes)))), None, NAMES)
    assert drawn.size == (768, 576)


def test_captions_of_neighbours_do_not_cover_each_other():
    box = (300.0, 300.0, 340.0, 340.0)
    taken: list[drawing.Rectangle] = []
    for _ in range(5):
        taken.append(drawing._free_place(box, (90, 20), (768, 576), taken=taken, boxes=[box]))
    shared = [drawing._shared(a, b) for i, a in enumerate(taken) for b in taken[:i]]
    assert max(shared) == 0


@pytest.mark.parametrize("color", [track_color(i) for i in range(12)])
def test_captions_are_legible(color):
    def luminance(rgb):
        linear = [
            (c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(color), luminance(ink_on(color))), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 3.0


def test_neighbouring_tracks_have_colors_far_apart():
    for i in range(40):
        apart = np.abs(np.array(track_color(i)) - np.array(track_color(i + 1))).sum()
        assert apart > 150


def test_with_a_whole_legend_every_page_has_one_size():
    names = Names((), tuple(f"a rather long name {i}" for i in range(8)))
    picture = Image.new("RGB", (160, 120))
    masks = [np.full((120, 160), value, np.uint8) for value in (0, 7)]
    masks[1][:60] = 3

    def pages(*, has_whole_legend: bool) -> list[tuple[int, int]]:
        nothing = objects([], [])
        return [
            draw_overlay(picture, nothing, mask, names, has_whole_legend=has_whole_legend).size
            for mask in masks
        ]

    assert len(set(pages(has_whole_legend=True))) == 1
    assert pages(has_whole_legend=True)[0][1] > pages(has_whole_legend=False)[0][1]
