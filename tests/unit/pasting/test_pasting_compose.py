"""What every pasted frame keeps, whatever is drawn."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from automtl.pasting.compose import MIN_PIXELS, PastedFrame, compose
from automtl.pasting.cutouts import Cutout, read_piece
from automtl.pasting.plan import ClipPlan, Mover, Settings, View, plan_clip, shown_frame

SMALL = Settings(clips=3, frames=4, size=(48, 64), n_objects=(1, 4))
STILL = View(zoom=(0.8, 0.8), centre=((0.5, 0.5), (0.5, 0.5)))
GREY = Image.new("RGB", (90, 70), (120, 120, 120))
drawn = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def clip(cutouts: Sequence[Cutout], asked: Settings, number: int) -> tuple[PastedFrame, ...]:
    plan = plan_clip(asked, number, cutouts=cutouts, n_scenes=2)
    return tuple(compose(plan, asked, cutouts=cutouts, scene=GREY))


def mover(**changes: object) -> Mover:
    base = Mover(
        cutout=0,
        first=0,
        extent=0.5,
        is_mirrored=False,
        gain=1.0,
        start=(0.5, 0.5),
        drift=(0.0, 0.0),
    )
    return replace(base, **changes)


def one(cutouts: Sequence[Cutout], *movers: Mover, frames: int = 1) -> tuple[PastedFrame, ...]:
    asked = replace(SMALL, frames=frames)
    plan = ClipPlan(scene=0, view=STILL, movers=movers)
    return tuple(compose(plan, asked, cutouts=cutouts, scene=GREY))


@drawn
@given(seed=st.integers(0, 2**32), number=st.integers(0, 99))
def test_boxes_ids_and_instances_are_one_thing(
    cutouts: tuple[Cutout, ...], seed: int, number: int
) -> None:
    for frame in clip(cutouts, replace(SMALL, seed=seed), number):
        assert frame.image.shape == (*SMALL.size, 3)
        assert frame.ids == tuple(np.unique(frame.instances)[np.unique(frame.instances) > 0])
        for id_, box, visible in zip(frame.ids, frame.boxes, frame.visible, strict=True):
            rows, columns = np.nonzero(frame.instances == id_)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == tight
            assert len(rows) >= MIN_PIXELS
            assert 0 < visible <= 1


@drawn
@given(seed=st.integers(0, 2**32), number=st.integers(0, 99))
def test_a_clip_is_a_function_of_seed_and_number(
    cutouts: tuple[Cutout, ...], seed: int, number: int
) -> None:
    first = clip(cutouts, replace(SMALL, seed=seed), number)
    again = clip(cutouts, replace(SMALL, seed=seed, clips=50), number)
    assert all((a.image == b.image).all() for a, b in zip(first, again, strict=True))
    assert all((a.instances == b.instances).all() for a, b in zip(first, again, strict=True))


def test_where_no_object_is_the_scene_is_seen(cutouts: tuple[Cutout, ...]) -> None:
    (frame,) = one(cutouts, mover(start=(0.3, 0.3)))
    far = np.zeros(SMALL.size, dtype=bool)
    far[40:, 50:] = True
    assert (frame.image[far] == 120).all()
    assert not frame.instances[far].any()


def test_what_comes_later_lies_in_front(cutouts: tuple[Cutout, ...]) -> None:
    # Both are the bar; the second stands where the first does and hides it.
    (frame,) = one(cutouts, mover(cutout=1), mover(cutout=1))
    assert frame.ids == (2,)
    (apart,) = one(cutouts, mover(cutout=1, start=(0.2, 0.5)), mover(cutout=1, start=(0.7, 0.5)))
    assert apart.ids == (1, 2)
    (behind,) = one(cutouts, mover(cutout=1, start=(0.5, 0.5)), mover(cutout=1, start=(0.6, 0.5)))
    assert behind.ids == (1, 2)
    assert behind.visible[0] < 1 == behind.visible[1]


def test_an_object_moves_as_in_its_own_clip(cutouts: tuple[Cutout, ...]) -> None:
    # The ball moves 6 pixels a frame; shown at half its size, every second frame.
    ball = mover(cutout=0, extent=15 / 48, start=(0.5, 0.3))
    boxes = [frame.boxes[0] for frame in one(cutouts, ball, frames=3)]
    moved = np.diff([(box[0] + box[2]) / 2 for box in boxes])
    assert np.abs(moved - 6 * 2 * 15 / 29).max() <= 1
    mirrored = one(cutouts, replace(ball, is_mirrored=True, start=(0.5, 0.7)), frames=3)
    turned = np.diff([(f.boxes[0][0] + f.boxes[0][2]) / 2 for f in mirrored])
    assert np.abs(turned + moved).max() <= 1


def test_of_whom_too_little_is_seen_has_no_label(cutouts: tuple[Cutout, ...]) -> None:
    (frame,) = one(cutouts, mover(cutout=1, start=(0.5, -0.20)))
    assert frame.ids == ()
    assert not frame.instances.any()


def test_a_mask_without_a_target_is_an_object_that_is_away(
    cutouts: tuple[Cutout, ...], place: Path
) -> None:
    Image.new("L", (80, 60)).save(place / "masks" / "bar" / "2.png")
    read_piece.cache_clear()
    frames = one(cutouts, mover(cutout=1), frames=3)
    assert [frame.ids for frame in frames] == [(1,), (), (1,)]


@given(
    first=st.integers(0, 20),
    frame=st.integers(0, 50),
    stride=st.integers(1, 9),
    n_frames=st.integers(1, 21),
)
def test_a_clip_that_ends_runs_backwards(
    first: int, frame: int, stride: int, n_frames: int
) -> None:
    one = mover(first=first % n_frames)
    now = shown_frame(one, frame, stride=stride, n_frames=n_frames)
    then = shown_frame(one, frame + 1, stride=stride, n_frames=n_frames)
    assert 0 <= now < n_frames
    assert abs(then - now) <= stride
    assert shown_frame(one, 0, stride=stride, n_frames=n_frames) == one.first
