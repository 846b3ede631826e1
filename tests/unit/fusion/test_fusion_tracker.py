"""The tracker: identities survive what they should survive, by motion, looks and masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from automtl.data.table import UNKNOWN_ID
from automtl.fusion.association import Association
from automtl.fusion.instances import Instances, make_instances
from automtl.fusion.tracker import Tracker, generalized_iou, track_clips

ONE, OTHER = np.eye(4, dtype=np.float32)[:2]
MOTION_ALONE = Association(embedding_weight=0, mask_weight=0)


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


def test_a_class_does_not_take_over_another_ones_track():
    tracker = Tracker()
    assert step(tracker, [0], classes=[0]) == [0]
    assert step(tracker, [0], classes=[1]) == [1]


def test_embeddings_find_an_object_that_jumped():
    jumped = (0, 60)
    by_motion, by_looks = Tracker(), Tracker()
    assert [step(by_motion, [x]) for x in jumped] == [[0], [1]]
    assert [step(by_looks, [x], embeddings=both(ONE)) for x in jumped] == [[0], [0]]


coordinates = st.floats(-50, 50, width=32)
box = st.tuples(coordinates, coordinates, st.floats(0.5, 40), st.floats(0.5, 40)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


some_boxes = st.lists(box, min_size=1, max_size=4).map(lambda b: np.array(b, np.float32))


@given(some_boxes, some_boxes)
def test_generalised_overlap_is_symmetric_bounded_and_one_with_itself(a, b):
    overlap = generalized_iou(a, b)
    assert overlap.shape == (len(a), len(b))
    assert ((overlap >= -1 - 1e-5) & (overlap <= 1 + 1e-5)).all()
    np.testing.assert_allclose(overlap, generalized_iou(b, a).T, atol=1e-5)
    np.testing.assert_allclose(np.diag(generalized_iou(a, a)), 1, atol=1e-5)


@pytest.mark.parametrize(("left", "expected"), [(5, 1 / 3), (10, 0.0), (30, -0.5)])
def test_generalised_overlap_has_its_textbook_value(left, expected):
    assert generalized_iou(boxes_at(0), boxes_at(left))[0, 0] == pytest.approx(expected)


def masked(lefts, semantic):
    n = len(lefts)
    return make_instances(
        boxes_at(*lefts),
        np.ones(n, np.float32),
        np.zeros(n, np.int64),
        embeddings=None,
        semantic=semantic,
        mask_values=[1],
    )


def test_the_mask_tells_apart_what_boxes_do_not():
    # Two boxes of one place: the first frame's object fills the left of it, then either box
    # might be it, and the pixels decide. The second box is the nearer one by motion.
    picture = np.zeros((32, 32), np.uint8)
    picture[10:20, 4:8] = 1
    by_mask = Tracker(association=Association(mask_weight=1, motion_weight=0.2, max_cost=0.8))
    by_box = Tracker(association=MOTION_ALONE)
    first = masked([4], picture)
    then = masked([0, 5], picture)
    assert by_mask.update(first).ids.tolist() == by_box.update(first).ids.tolist() == [0]
    assert by_box.update(then).ids.tolist() == [1, 0]
    assert by_mask.update(then).ids[int(then.masks[0].area < then.masks[1].area)] == 0


def test_a_mask_moves_with_its_track():
    # The object moves by 8 pixels a frame; in the third a twin stands where it was before. A
    # mask that stayed behind would take the twin for it.
    pictures = [np.zeros((32, 96), np.uint8) for _ in range(3)]
    for t, picture in enumerate(pictures):
        picture[12:18, 10 + 8 * t : 16 + 8 * t] = 1
    pictures[2][12:18, 18:24] = 1
    setting = Association(mask_weight=1, motion_weight=0, max_cost=1, velocity_gain=1)
    tracker = Tracker(association=setting)
    assert tracker.update(masked([8], pictures[0])).ids.tolist() == [0]
    assert tracker.update(masked([16], pictures[1])).ids.tolist() == [0]
    assert tracker.update(masked([16, 24], pictures[2])).ids.tolist() == [1, 0]


@pytest.mark.parametrize("embeddings", [None, np.zeros((0, 4), np.float32)])
@pytest.mark.parametrize("semantic", [None, np.zeros((32, 32), np.uint8)])
def test_frames_without_objects_are_no_trouble(embeddings, semantic):
    nothing = make_instances(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        embeddings=embeddings,
        semantic=semantic,
        mask_values=[1],
    )
    found = track_clips([nothing] * 2, np.array([0, 0]), np.array([0, 1]), Association())
    assert [len(each.ids) for each in found] == [0, 0]
    assert [each.boxes.shape for each in found] == [(0, 4)] * 2


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
