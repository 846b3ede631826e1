"""The generated clips: same bytes, exact labels, knobs that do what they say."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from automtl.data.painting import SHAPES, hue_axis
from automtl.data.raw import RawFrame
from automtl.data.shapes import generate
from automtl.data.table import IGNORED
from automtl.errors import DataError
from automtl.sources import ShapesSource

SIZE = (64, 96)

sources = st.builds(
    ShapesSource,
    clips=st.just(2),
    frames=st.integers(1, 3),
    seed=st.integers(-(2**40), 2**40),
    n_objects=st.tuples(st.integers(0, 3), st.integers(3, 9)),
    occlusion=st.sampled_from([0.0, 0.5, 1.0]),
    contrast=st.sampled_from([0.05, 1.0]),
    relatedness=st.sampled_from([0.0, 0.4, 1.0]),
    lookalikes=st.sampled_from([0.0, 1.0]),
    camera_shift=st.sampled_from([0.0, 7.3, 64.0]),
    gap=st.sampled_from([1, 5, 32]),
    loss_skew=st.sampled_from([0.2, 1.0, 4.0]),
)


def frames_of(source: ShapesSource, size: tuple[int, int] = SIZE) -> list[RawFrame]:
    return [frame for clip in generate(source, image_size=size).clips for frame in clip]


@settings(max_examples=40, deadline=None)
@given(source=sources)
def test_labels_agree_with_each_other(source: ShapesSource) -> None:
    for frame in frames_of(source):
        assert len(set(frame.ids.tolist())) == len(frame.ids)
        assert set(np.unique(frame.instances).tolist()) - {0} == set(frame.ids.tolist())
        for box, name, id_ in zip(frame.boxes, frame.classes, frame.ids, strict=True):
            rows, columns = np.nonzero(frame.instances == id_)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == tight
            assert len(rows) >= 12
            assert set(frame.semantic[rows, columns].tolist()) == {SHAPES.index(name) + 1}
        elsewhere = frame.semantic[frame.instances == 0]
        assert set(np.unique(elsewhere).tolist()) <= {0, IGNORED}


@settings(max_examples=10, deadline=None)
@given(source=sources)
def test_same_source_gives_the_same_bytes(source: ShapesSource) -> None:
    for one, two in zip(frames_of(source), frames_of(source), strict=True):
        assert one.image.tobytes() == two.image.tobytes()
        assert one.instances.tobytes() == two.instances.tobytes()
        assert one.boxes.tobytes() == two.boxes.tobytes()


def test_a_clip_does_not_depend_on_the_number_of_clips() -> None:
    few = generate(ShapesSource(clips=2, frames=2, seed=3), image_size=SIZE)
    many = generate(ShapesSource(clips=5, frames=2, seed=3), image_size=SIZE)
    for one, two in zip(few.clips, many.clips[:2], strict=True):
        assert [f.image.tobytes() for f in one] == [f.image.tobytes() for f in two]


def test_another_seed_gives_other_clips() -> None:
    one, two = (frames_of(ShapesSource(clips=1, frames=1, seed=seed)) for seed in (0, 1))
    assert one[0].image.tobytes() != two[0].image.tobytes()


@pytest.mark.parametrize("size", [(64, 96), (96, 128), (128, 160)])
def test_image_size_is_met(size: tuple[int, int]) -> None:
    frame = frames_of(ShapesSource(clips=1, frames=1), size)[0]
    assert frame.image.shape == (3, *size)
    assert frame.image.dtype == np.uint8
    assert frame.semantic.shape == frame.instances.shape == size


def test_every_class_and_the_background_appear() -> None:
    frames = frames_of(ShapesSource(clips=12, frames=2))
    names = {name for frame in frames for name in frame.classes}
    assert names == set(SHAPES)
    background = np.mean([(frame.semantic == 0).mean() for frame in frames])
    assert 0.7 < background < 0.95


def test_objects_enter_and_leave() -> None:
    clips = generate(ShapesSource(clips=20, frames=10), image_size=SIZE).clips
    changed = [len({len(frame.ids) for frame in clip}) > 1 for clip in clips]
    assert 0.2 < np.mean(changed) < 0.95


@pytest.mark.parametrize("task", ["detection", "segmentation", "tracking"])
def test_label_dropout_takes_one_task_from_its_share_of_clips(task: str) -> None:
    source = ShapesSource(clips=60, frames=1, label_dropout={task: 0.5})
    plain = frames_of(source.model_copy(update={"label_dropout": {}}))
    dropped = frames_of(source)
    lacking = [task not in frame.labels for frame in dropped]
    assert 0.3 < np.mean(lacking) < 0.7
    for frame, full, lacks in zip(dropped, plain, lacking, strict=True):
        assert frame.image.tobytes() == full.image.tobytes()
        assert full.labels - frame.labels == ({task} if lacks else set())
        if lacks and task == "segmentation":
            assert (frame.semantic == IGNORED).all()
        if lacks and task == "tracking":
            assert (frame.ids == -1).all()
            assert not frame.instances.any()


def test_boxes_go_when_neither_detection_nor_tracking_has_labels() -> None:
    source = ShapesSource(clips=1, frames=2, label_dropout={"detection": 1.0, "tracking": 1.0})
    for frame in frames_of(source):
        assert frame.labels == {"segmentation"}
        assert len(frame.boxes) == len(frame.ids) == len(frame.classes) == 0


def test_loss_skew_changes_the_size_of_objects() -> None:
    def area(skew: float) -> float:
        frames = frames_of(ShapesSource(clips=8, frames=2, loss_skew=skew))
        return float(np.mean([(frame.instances > 0).mean() for frame in frames]))

    assert area(0.5) < 0.5 * area(1.0)
    assert area(2.0) > 1.5 * area(1.0)


def test_relatedness_ties_hue_to_class() -> None:
    def spread(relatedness: float) -> float:
        source = ShapesSource(
            clips=30, frames=1, relatedness=relatedness, lookalikes=0.0, contrast=1.0
        )
        colours: dict[str, list[np.ndarray]] = {name: [] for name in SHAPES}
        for frame in frames_of(source):
            for name, id_ in zip(frame.classes, frame.ids, strict=True):
                pixels = frame.image[:, frame.instances == id_].astype(float)
                colours[name].append(pixels.mean(1) - pixels.mean())
        return float(np.mean([np.std(values, axis=0).mean() for values in colours.values()]))

    assert spread(1.0) < 0.6 * spread(0.0)


def test_contrast_moves_objects_away_from_the_background() -> None:
    def saturation(contrast: float) -> float:
        frames = frames_of(ShapesSource(clips=10, frames=1, contrast=contrast))
        inside = [np.ptp(f.image[:, f.instances > 0].astype(float), axis=0).mean() for f in frames]
        return float(np.mean(inside))

    assert saturation(1.0) > 1.5 * saturation(0.2)


def test_gap_and_camera_move_objects_further() -> None:
    def motion(gap: int, shift: float) -> float:
        source = ShapesSource(clips=20, frames=2, gap=gap, camera_shift=shift, occlusion=0.0)
        moves = []
        for one, two in generate(source, image_size=SIZE).clips:
            for id_, box in zip(one.ids, one.boxes, strict=True):
                moves += [np.abs(other - box).max() for other in two.boxes[two.ids == id_]]
        return float(np.mean(moves))

    assert motion(3, 0.0) > 1.8 * motion(1, 0.0)
    assert motion(1, 30.0) > 1.8 * motion(1, 0.0)


def test_bars_hide_parts_of_objects() -> None:
    def labelled(occlusion: float) -> int:
        frames = frames_of(ShapesSource(clips=20, frames=2, occlusion=occlusion))
        return sum(int((frame.instances > 0).sum()) for frame in frames)

    assert labelled(1.0) < 0.92 * labelled(0.0)


def test_hue_keeps_brightness() -> None:
    luma = np.array([0.299, 0.587, 0.114])
    for hue in np.linspace(0, 1, 13):
        axis = hue_axis(float(hue))
        assert abs(float(axis @ luma)) < 1e-6
        assert np.linalg.norm(axis) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(hue_axis(float(hue) + 0.5), -axis, atol=1e-5)


def test_a_range_upside_down_names_the_fix() -> None:
    with pytest.raises(DataError, match=r"n_objects: \[5, 2\].*Write \[2, 5\]"):
        generate(ShapesSource(n_objects=(5, 2)), image_size=SIZE)


def test_an_unknown_task_in_label_dropout_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"'detektion'.*'detection'"):
        generate(ShapesSource(label_dropout={"detektion": 0.5}), image_size=SIZE)


@pytest.mark.slow
def test_the_default_clips_take_seconds() -> None:
    start = time.process_time()
    generate(ShapesSource(), image_size=(96, 128))
    assert time.process_time() - start < 4.0


def matched_by(feature: str, clips: list[tuple[RawFrame, ...]]) -> float:
    """Share of objects found again in the next frame by the nearest feature, one to one."""
    right = total = 0
    for clip in clips:
        for one, two in itertools.pairwise(clip):
            ids, others = one.ids.tolist(), two.ids.tolist()
            common = [id_ for id_ in ids if id_ in others]
            if len(common) < 2:
                continue
            before = np.array([FEATURES[feature](one, ids.index(id_)) for id_ in common])
            after = np.array([FEATURES[feature](two, others.index(id_)) for id_ in common])
            cost = np.linalg.norm(before[:, None] - after[None], axis=2)
            _, found = linear_sum_assignment(cost)
            right += int((found == np.arange(len(common))).sum())
            total += len(common)
    return right / total


def mean_colour(frame: RawFrame, row: int) -> np.ndarray:
    left, top, right, bottom = frame.boxes[row].astype(int)
    return frame.image[:, top:bottom, left:right].mean((1, 2))


def centre(frame: RawFrame, row: int) -> np.ndarray:
    return (frame.boxes[row, :2] + frame.boxes[row, 2:]) / 2


FEATURES = {"colour": mean_colour, "place": centre}


@pytest.mark.parametrize("feature", ["colour", "place"])
def test_identity_is_a_task_by_default(feature: str) -> None:
    """Neither colour nor place gives the identities away, yet colour is more than a guess."""
    clips = generate(ShapesSource(clips=30, seed=77), image_size=(96, 128)).clips
    share = matched_by(feature, list(clips))
    assert 0.5 < share < 0.88


def test_small_jumps_give_the_identity_away() -> None:
    """The knobs decide it: without gap, jumps and motion between frames, place is enough."""
    source = ShapesSource(clips=15, seed=77, gap=1, camera_shift=0.0)
    assert matched_by("place", list(generate(source, image_size=(96, 128)).clips)) > 0.93
