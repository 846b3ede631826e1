"""Linking by embedding, and the tracker: identities survive what they should survive."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.data.table import UNKNOWN_ID
from automtl.tasks.association import (
    Tracker,
    TrackerConfig,
    associate_by_embedding,
    identity_f1,
    iou_matrix,
)
from automtl.testing.task_contract import contract_table

ONE, OTHER = np.eye(4, dtype=np.float32)[:2]


def both(*vectors):
    return np.stack(vectors).astype(np.float32)


def test_order_within_a_frame_does_not_matter():
    table = contract_table("tracking")
    embeddings = [both(ONE, OTHER), both(OTHER, ONE), both(ONE, OTHER)] * 2
    first, second, third = associate_by_embedding(table, embeddings)[:3]
    assert first.tolist() == second[::-1].tolist() == third.tolist()
    assert len(set(first.tolist())) == 2


def test_an_object_unseen_for_a_frame_keeps_its_track():
    table = contract_table("tracking")
    embeddings = [both(ONE), np.zeros((0, 4), np.float32), both(ONE)] * 2
    found = associate_by_embedding(table, embeddings)
    assert found[0].tolist() == found[2].tolist()
    assert found[1].shape == (0,)


def test_a_stranger_begins_a_track():
    table = contract_table("tracking")
    found = associate_by_embedding(table, [both(ONE), both(OTHER), both(ONE)] * 2)
    assert found[0].tolist() != found[1].tolist()
    assert found[0].tolist() == found[2].tolist()


def test_one_track_for_two_objects_halves_the_identities():
    table = contract_table("tracking")
    right = [np.array([7, 9])] * 6
    assert identity_f1(table, right) == pytest.approx(1.0)
    # In the last frame of each clip both objects got new numbers: 4 of 6 boxes each stay right,
    # so IDF1 = 2 * 8 / (12 + 12).
    broken = [np.array([7, 9]), np.array([7, 9]), np.array([1, 2])] * 2
    assert identity_f1(table, broken) == pytest.approx(2 / 3)


def test_unknown_identities_are_not_counted():
    table = contract_table("tracking")
    ids = table.ids.copy()
    ids[1::2] = UNKNOWN_ID
    tracks = [np.array([3, number]) for number in range(6)]
    assert identity_f1(replace(table, ids=ids), tracks) == pytest.approx(1.0)


def boxes_at(*lefts: float):
    return np.array([[x, 10, x + 10, 20] for x in lefts], np.float32)


def step(tracker: Tracker, lefts, scores=None, embeddings=None, classes=None):
    boxes = boxes_at(*lefts)
    n = len(boxes)
    given_scores = np.ones(n, np.float32) if scores is None else np.array(scores, np.float32)
    given_classes = np.zeros(n, np.int64) if classes is None else np.array(classes)
    return tracker.update(boxes, given_scores, given_classes, embeddings).tolist()


def test_motion_bridges_a_gap():
    tracker = Tracker()
    seen = [step(tracker, [x]) for x in (0, 4, 8, 12)]
    boxes, nothing = boxes_at(), np.zeros(0, np.float32)
    for _ in range(2):
        tracker.update(boxes.reshape(0, 4), nothing, np.zeros(0, np.int64), None)
    assert seen == [[0]] * 4
    assert step(tracker, [24]) == [0]


def test_a_track_dies_after_its_age():
    tracker = Tracker(config=TrackerConfig(max_age=1))
    assert step(tracker, [0]) == [0]
    for _ in range(2):
        step(tracker, [60])
    assert step(tracker, [0])[0] not in (0, UNKNOWN_ID)


def test_scores_decide_who_begins_and_who_continues():
    tracker = Tracker(config=TrackerConfig(high_score=0.5, low_score=0.2))
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


@given(st.lists(box, min_size=1, max_size=4), st.lists(box, min_size=1, max_size=4))
def test_overlap_is_symmetric_bounded_and_one_with_itself(first, second):
    a, b = np.array(first, np.float32), np.array(second, np.float32)
    overlap = iou_matrix(a, b)
    assert overlap.shape == (len(a), len(b))
    assert ((overlap >= 0) & (overlap <= 1 + 1e-5)).all()
    np.testing.assert_allclose(overlap, iou_matrix(b, a).T, atol=1e-6)
    np.testing.assert_allclose(np.diag(iou_matrix(a, a)), 1, atol=1e-5)


def test_overlap_has_its_textbook_value():
    assert iou_matrix(boxes_at(0), boxes_at(5))[0, 0] == pytest.approx(1 / 3)
