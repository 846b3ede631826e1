"""Linking by embedding alone: identities survive what they should survive."""

from dataclasses import replace

import numpy as np
import pytest

from automtl.data.table import UNKNOWN_ID
from automtl.tasks.association import associate_by_embedding, identity_f1
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
