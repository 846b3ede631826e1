"""COCO and MOT as other people's readers see them, and boxes in the original's pixels."""

import json
from pathlib import Path

import motrics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.export.formats import FrameObjects, coco_of, mot_of, to_original
from automtl.export.result import FrameResult

NAMES = ("disc", "square")


def frame(number: int, boxes: list[list[float]], ids: list[int], name: str = "") -> FrameObjects:
    n = len(boxes)
    return FrameObjects(
        file_name=name or f"a/{number:03d}.png",
        number=number,
        size=(360, 480),
        boxes=np.array(boxes, np.float32).reshape(n, 4),
        scores=np.linspace(0.9, 0.5, n).astype(np.float32),
        classes=np.arange(n, dtype=np.int64) % 2,
        ids=np.array(ids, np.int64),
    )


def result(boxes: np.ndarray) -> FrameResult:
    n = len(boxes)
    return FrameResult(
        boxes=boxes.astype(np.float32),
        scores=np.ones(n, np.float32),
        classes=np.zeros(n, np.int64),
        ids=np.arange(n, dtype=np.int64),
        mask=None,
    )


side = st.integers(32, 300)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.tuples(side, side), st.tuples(side, side))
def test_boxes_keep_their_share_of_the_picture(data, small, large):
    shares = data.draw(
        st.lists(
            st.tuples(*[st.floats(0.01, 0.99)] * 4).map(
                lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
            ),
            max_size=4,
        )
    )
    kept = [s for s in shares if s[2] - s[0] > 1e-3 and s[3] - s[1] > 1e-3]
    shares_n4 = np.array(kept).reshape(-1, 4)
    scale = np.array([small[1], small[0]] * 2)
    found = to_original(
        result(shares_n4 * scale), input_size=small, size=large, file_name="x", number=1
    )
    assert found.boxes / np.array([large[1], large[0]] * 2) == pytest.approx(shares_n4, abs=1e-4)


def test_boxes_are_clipped_and_empty_ones_dropped():
    boxes = np.array([[-5, -5, 10, 10], [130, 0, 140, 5], [20, 20, 200, 200]])
    found = to_original(
        result(boxes), input_size=(96, 128), size=(192, 256), file_name="x", number=1
    )
    assert found.boxes.tolist() == [[0, 0, 20, 20], [40, 40, 256, 192]]
    assert found.ids.tolist() == [0, 2]


def test_coco_is_read_by_an_evaluator_as_truth_and_as_results(tmp_path: Path):
    from faster_coco_eval import COCO, COCOeval_faster

    frames = [frame(1, [[10, 20, 30, 60], [5, 5, 50, 50]], [1, -1]), frame(2, [], [])]
    path = tmp_path / "detections.coco.json"
    path.write_text(json.dumps(coco_of(frames, NAMES, with_instances=False)))
    truth = COCO(str(path))
    found = truth.loadRes(json.loads(path.read_text())["annotations"])
    evaluation = COCOeval_faster(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_coco_holds_every_frame_and_says_which_boxes_have_a_track():
    frames = [frame(1, [[10, 20, 30, 60], [5, 5, 50, 50]], [7, -1]), frame(2, [], [])]
    plain = coco_of(frames, NAMES, with_instances=True)
    assert [image["file_name"] for image in plain["images"]] == ["a/001.png", "a/002.png"]
    assert plain["categories"] == [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
    first, second = plain["annotations"]
    assert first["bbox"] == [10, 20, 20, 40]
    assert first["area"] == 800
    assert first["track_id"] == 7
    assert "track_id" not in second
    assert [first["instance"], second["instance"]] == [1, 2]
    without = coco_of(frames, NAMES, with_instances=False)
    assert not any("instance" in each for each in without["annotations"])


def test_mot_text_is_read_back_with_frames_ids_and_boxes(tmp_path: Path):
    frames = [frame(1, [[10, 20, 30, 60], [5, 5, 50, 50]], [4, -1]), frame(3, [[1, 2, 3, 4]], [4])]
    path = tmp_path / "clip.txt"
    path.write_text(mot_of(frames))
    assert [len(line.split(",")) for line in path.read_text().splitlines()] == [10, 10]
    read = motrics.load_motchallenge(path)
    assert sorted(read) == [1, 3]
    ids, boxes = read[1]
    assert list(ids) == [4]
    assert np.asarray(boxes).tolist() == [[10, 20, 30, 60]]


def test_a_clip_without_tracks_is_an_empty_file():
    assert mot_of([frame(1, [[1, 2, 3, 4]], [-1])]) == ""
