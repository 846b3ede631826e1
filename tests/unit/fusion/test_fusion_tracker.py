"""The tracker: identities survive what they should survive, by motion, looks and masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from automtl.data.table import UNKNOWN_ID
from automtl.fusion import tracker as tracker_module
from automtl.fusion.association import BOXES_ALONE, Association
from automtl.fusion.costs import iou_matrix
from automtl.fusion.instances import Instances, make_pixels
from automtl.fusion.tracker import Tracker, track_clips

ONE, OTHER = np.eye(4, dtype=np.float32)[:2]


def both(*vectors):
    return np.stack(vectors).astype(np.float32)


def boxes_at(*lefts: float):
    return np.array([[x, 10, x + 10, 20] for x in lefts], np.float32).reshape(-1, 4)


def step(tracker: Tracker, lefts, scores=None, embeddings=None, classes=None):
    n = len(lefts)
    seen = Instances(
        boxes=boxes_at(*lefts),
        scores=np.ones(n, np.float32) if scores is None else np.array(scores, np.float32),
        classes=np.zeros(n, np.int64) if classes is None else np.array(classes),
        embeddings=embeddings,
    )
    return tracker.update(seen).ids.tolist()


def noisy_clip():
    """Five objects of two classes that cross, hide and look alike."""
    rng, n = np.random.default_rng(1), 5
    place, velocity, looks = rng.uniform(10, 40, (n, 2)), rng.normal(0, 6, (n, 2)), np.eye(n)
    for t in range(12):
        seen = rng.random(n) > 0.25
        centre = (place + velocity * t + rng.normal(0, 2, (n, 2)))[seen]
        vectors = looks[seen] + rng.normal(0, 0.8, (seen.sum(), n))
        yield Instances(
            boxes=np.concatenate([centre - 6, centre + 6], axis=1).astype(np.float32),
            embeddings=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4"),
            scores=rng.uniform(0.1, 1, seen.sum()).astype(np.float32),
            classes=(np.arange(n) % 2)[seen],
        )


def test_the_tracker_that_trainings_are_measured_with_stays_as_it_is():
    # Found by the first version of the tracker, whose figures are on record.
    expected = """-1 0 1 2 -1, -1 1 2, 3 -1 1 2 -1, 3 -1 4 2 1, 3 -1 -1 -1, -1 -1 5 4, 1 6 5 4,
        1 6 5 4, 1 4 5 6, 6 7 8 -1, 1 7 4 5, 8 7 4 5 -1"""
    tracker = Tracker()
    found = [tracker.update(seen).ids.tolist() for seen in noisy_clip()]
    assert found == [[int(i) for i in frame.split()] for frame in expected.split(",")]


def test_motion_bridges_a_gap():
    tracker = Tracker()
    seen = [step(tracker, [x]) for x in (0, 4, 8, 12)]
    assert [step(tracker, []) for _ in range(2)] == [[], []]
    assert seen == [[0]] * 4
    assert step(tracker, [24]) == [0]


def test_a_track_dies_after_its_age():
    tracker = Tracker(association=Association(max_age=1))
    assert step(tracker, [0]) == [0]
    for _ in range(2):
        step(tracker, [60])
    assert step(tracker, [0])[0] not in (0, UNKNOWN_ID)


def test_scores_decide_who_begins_and_who_continues():
    tracker = Tracker(association=Association(high_score=0.5, low_score=0.2))
    assert step(tracker, [0, 50], scores=[0.9, 0.4]) == [0, UNKNOWN_ID]
    assert step(tracker, [1, 50], scores=[0.3, 0.1]) == [0, UNKNOWN_ID]


@pytest.mark.parametrize(("penalty", "expected"), [(1.0, [1]), (0.2, [0])])
def test_another_class_takes_over_a_track_only_where_that_is_allowed(penalty, expected):
    tracker = Tracker(association=Association(class_penalty=penalty))
    assert step(tracker, [0], classes=[0]) == [0]
    assert step(tracker, [0], classes=[1]) == expected


def test_embeddings_find_an_object_that_jumped():
    jumped = (0, 60)
    by_motion, by_looks = Tracker(), Tracker()
    assert [step(by_motion, [x]) for x in jumped] == [[0], [1]]
    assert [step(by_looks, [x], embeddings=both(ONE)) for x in jumped] == [[0], [0]]


def test_boxes_alone_do_not_look():
    tracker = Tracker(association=BOXES_ALONE)
    assert step(tracker, [0, 8], embeddings=both(ONE, OTHER)) == [0, 1]
    assert step(tracker, [0, 8], embeddings=both(OTHER, ONE)) == [0, 1]


def test_a_buffer_bridges_boxes_that_do_not_touch():
    tight, wide = Tracker(), Tracker(association=Association(buffer=0.8))
    assert [step(tight, [x]) for x in (0, 12)] == [[0], [1]]
    assert [step(wide, [x]) for x in (0, 12)] == [[0], [0]]


@pytest.mark.parametrize(("memory", "expected"), [(0.0, [1]), (0.7, [0])])
def test_memory_keeps_what_a_track_looked_like(memory, expected):
    # For one frame the object looks like another one; then it jumps and looks like itself.
    tracker = Tracker(association=Association(memory=memory, max_cosine_distance=0.3))
    step(tracker, [0], embeddings=both(ONE))
    step(tracker, [0], embeddings=both(OTHER))
    assert step(tracker, [60], embeddings=both(ONE)) == expected


coordinates = st.floats(-50, 50, width=32)
box = st.tuples(coordinates, coordinates, st.floats(0.5, 40), st.floats(0.5, 40)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)
some_boxes = st.lists(box, min_size=1, max_size=4).map(lambda b: np.array(b, np.float32))


@given(some_boxes, some_boxes)
def test_overlap_is_symmetric_bounded_and_one_with_itself(a, b):
    overlap = iou_matrix(a, b)
    assert overlap.shape == (len(a), len(b))
    assert ((overlap >= 0) & (overlap <= 1 + 1e-5)).all()
    np.testing.assert_allclose(overlap, iou_matrix(b, a).T, atol=1e-6)
    np.testing.assert_allclose(np.diag(iou_matrix(a, a)), 1, atol=1e-5)


def test_overlap_has_its_textbook_value():
    assert iou_matrix(boxes_at(0), boxes_at(5))[0, 0] == pytest.approx(1 / 3)


def masked(lefts, semantic):
    boxes, scores = boxes_at(*lefts), np.ones(len(lefts), np.float32)
    classes = np.zeros(len(lefts), np.int64)
    pixels = make_pixels(boxes, scores, classes, semantic=semantic, mask_values=[1])
    return Instances(boxes=boxes, scores=scores, classes=classes, pixels=pixels)


def test_the_mask_tells_apart_what_boxes_do_not():
    # Two boxes of one place: the first frame's object fills the left of it, then either box
    # might be it, and the pixels decide. The second box is the nearer one by motion.
    picture = np.zeros((32, 32), np.uint8)
    picture[10:20, 4:8] = 1
    by_mask = Tracker(association=Association(mask_weight=1, motion_weight=0.2))
    by_box = Tracker(association=BOXES_ALONE)
    first, then = masked([4], picture), masked([0, 5], picture)
    assert by_mask.update(first).ids.tolist() == by_box.update(first).ids.tolist() == [0]
    assert by_box.update(then).ids.tolist() == [1, 0]
    assert then.pixels.areas.tolist() == [40, 0]
    assert by_mask.update(then).ids.tolist() == [0, 1]


def test_masks_without_a_weight_are_not_cut_out(monkeypatch):
    # Cutting them out took a good part of the time of a tuning of boxes alone.
    monkeypatch.setattr(tracker_module, "cut", lambda *_: pytest.fail("a mask was cut out"))
    tracker = Tracker(association=BOXES_ALONE)
    semantic = np.zeros((20, 40), np.uint8)
    for _ in range(2):
        assert tracker.update(masked((0, 20), semantic)).ids.tolist() == [0, 1]


def test_a_mask_moves_with_its_track():
    # The object moves by 8 pixels a frame; in the third a twin stands where it was before. A
    # mask that stayed behind would take the twin for it.
    pictures = [np.zeros((32, 96), np.uint8) for _ in range(3)]
    for t, picture in enumerate(pictures):
        picture[12:18, 10 + 8 * t : 16 + 8 * t] = 1
    pictures[2][12:18, 18:24] = 1
    alone = Association(mask_weight=1, motion_weight=0, min_mask_iou=0, velocity_gain=1)
    tracker = Tracker(association=alone)
    assert tracker.update(masked([8], pictures[0])).ids.tolist() == [0]
    assert tracker.update(masked([16], pictures[1])).ids.tolist() == [0]
    assert tracker.update(masked([16, 24], pictures[2])).ids.tolist() == [1, 0]


def nothing(embeddings, semantic):
    boxes, scores, classes = np.zeros((0, 4), "f4"), np.zeros(0, "f4"), np.zeros(0, np.int64)
    pixels = None
    if semantic is not None:
        pixels = make_pixels(boxes, scores, classes, semantic=semantic, mask_values=[1])
    return Instances(
        boxes=boxes, scores=scores, classes=classes, embeddings=embeddings, pixels=pixels
    )


@pytest.mark.parametrize("embeddings", [None, np.zeros((0, 4), np.float32)])
@pytest.mark.parametrize("semantic", [None, np.zeros((32, 32), np.uint8)])
@pytest.mark.parametrize("n_frames", [1, 3])
def test_frames_without_objects_are_no_trouble(embeddings, semantic, n_frames):
    frames = [nothing(embeddings, semantic)] * n_frames
    order = np.arange(n_frames)
    for setting in (Association(), BOXES_ALONE, Association(mask_weight=1, motion_weight=0)):
        found = track_clips(frames, np.zeros(n_frames, np.int64), order, setting)
        assert [each.ids.shape for each in found] == [(0,)] * n_frames
        assert [each.boxes.shape for each in found] == [(0, 4)] * n_frames


def test_without_masks_and_embeddings_motion_counts_alone():
    tracker = Tracker(association=Association(mask_weight=1, motion_weight=0))
    assert [step(tracker, [x, x + 40]) for x in (0, 2, 4)] == [[0, 1]] * 3


@given(
    st_numpy.arrays(np.float32, 5, elements=st.floats(0, 1, width=32)),
    st.floats(0, 1),
    st.integers(1, 5),
)
def test_a_track_is_given_once_in_a_frame(scores, high, n_frames):
    tracker = Tracker(association=Association(high_score=high, low_score=high / 2))
    for _ in range(n_frames):
        ids = np.array(step(tracker, [0, 3, 6, 40, 43], scores=scores))
        assert len(set(ids[ids >= 0].tolist())) == (ids >= 0).sum()
        assert (ids[scores < high / 2] == UNKNOWN_ID).all()
