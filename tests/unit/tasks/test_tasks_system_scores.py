"""Tracking scores of published tracker output, and of the truth itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from automtl.fusion.scoring import score_tracks
from automtl.tasks.detection import Detections
from automtl.tasks.system import evaluate_system
from automtl.testing.task_contract import contract_table

pytestmark = pytest.mark.filterwarnings("error")


def read_tracks(path: Path, n_frames: int):
    rows = np.loadtxt(path, delimiter=",")
    ids, boxes = [], []
    for frame in range(1, n_frames + 1):
        chosen = rows[rows[:, 0] == frame]
        ids.append(chosen[:, 1].astype(int).tolist())
        boxes.append(np.concatenate([chosen[:, 2:4], chosen[:, 2:4] + chosen[:, 4:6]], axis=1))
    return ids, boxes


def sequence(root: Path, name: str):
    gt = root / "tud" / name / "gt" / "gt.txt"
    result = root / "tud" / "results" / f"{name}.txt"
    n = int(max(np.loadtxt(p, delimiter=",")[:, 0].max() for p in (gt, result)))
    return read_tracks(gt, n), read_tracks(result, n)


@pytest.mark.frames
@pytest.mark.parametrize(
    ("name", "mota", "idf1", "hota"),
    [("TUD-Campus", 0.5265, 0.5577, 0.3914), ("TUD-Stadtmitte", 0.5640, 0.6446, 0.3978)],
)
def test_golden_values(real_data, name, mota, idf1, hota):
    truth, found = sequence(real_data, name)
    scores = score_tracks(*truth, *found)
    assert scores["MOTA"] == pytest.approx(mota, abs=1e-4)
    assert scores["IDF1"] == pytest.approx(idf1, abs=1e-4)
    assert scores["HOTA"] == pytest.approx(hota, abs=1e-4)


@pytest.mark.frames
def test_the_truth_is_perfect_and_shuffled_ids_are_not(real_data):
    (ids, boxes), _ = sequence(real_data, "TUD-Campus")
    assert score_tracks(ids, boxes, ids, boxes)["HOTA"] == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(i).tolist() for i in ids]
    scores = score_tracks(ids, boxes, shuffled, boxes)
    assert scores["MOTA"] < 1.0
    assert scores["IDF1"] < 0.6


def truth_as_detections(table):
    rows = [table.objects(i) for i in range(len(table))]
    return [
        Detections(
            boxes=torch.from_numpy(table.boxes[r]),
            scores=torch.ones(2),
            classes=torch.from_numpy(table.classes[r]),
        )
        for r in rows
    ]


def test_true_boxes_give_true_tracks_by_motion_alone():
    table = contract_table("tracking")
    scores = evaluate_system(truth_as_detections(table), None, table)
    assert scores["tracking/HOTA"] == pytest.approx(1.0)
    assert scores["tracking/id_switches"] == 0


def test_frames_of_one_clip_are_taken_in_their_order():
    table = contract_table("tracking")
    order = np.array([2, 0, 1, 5, 3, 4])
    objects = np.concatenate([np.arange(2) + 2 * i for i in order])
    mixed = replace(
        table,
        clip=table.clip[order],
        frame=table.frame[order],
        boxes=table.boxes[objects],
        ids=table.ids[objects],
        classes=table.classes[objects],
    )
    scores = evaluate_system(truth_as_detections(mixed), None, mixed)
    # Two clips in one track space, or frames out of order, would cost identities.
    assert scores["tracking/HOTA"] == pytest.approx(1.0)
