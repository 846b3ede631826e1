"""What a prediction says of objects: in the original's pixels, the same in every file."""

import json
import re
from pathlib import Path

import motrics
import numpy as np
import pytest
import torch
from PIL import Image

from automtl.export.bundle import Bundle
from automtl.export.predict import COCO, PredictSummary, predict_files
from automtl.testing.seeing_bundle import INFO, seeing_bundle


def test_everything_is_in_the_originals_pixels(bundle: Bundle, frames: Path, tmp_path: Path):
    predict_files(bundle, frames, tmp_path / "out")
    mask = Image.open(tmp_path / "out/masks/001.png")
    assert (mask.size, mask.mode) == ((150, 100), "L")
    assert np.asarray(mask).max() < len(INFO.segmentation_classes)
    found = json.loads((tmp_path / "out" / COCO).read_text())
    assert {(i["width"], i["height"]) for i in found["images"]} == {(150, 100)}
    boxes = np.array([a["bbox"] for a in found["annotations"]])
    assert (boxes[:, 2:] > 0).all()
    assert (boxes >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [150.01, 100.01]).all()
    # The right and lower edges are reached only if boxes were scaled to the original.
    assert (boxes[:, :2] + boxes[:, 2:]).max(axis=0) == pytest.approx([150, 100], abs=8)


def test_coco_and_mot_tell_the_same_tracks(bundle: Bundle, frames: Path, tmp_path: Path):
    predict_files(bundle, frames, tmp_path / "out")
    found = json.loads((tmp_path / "out" / COCO).read_text())
    names = {image["id"]: image["file_name"] for image in found["images"]}
    from_coco = {
        (int(names[a["image_id"]][:3]), a["track_id"])
        for a in found["annotations"]
        if "track_id" in a
    }
    read = motrics.load_motchallenge(tmp_path / "out/tracks/frames.txt")
    assert from_coco == {(frame, int(i)) for frame, (ids, _) in read.items() for i in ids}
    assert min(track for _, track in from_coco) == 1


def test_the_written_coco_is_read_by_an_evaluator(bundle: Bundle, frames: Path, tmp_path: Path):
    import faster_coco_eval

    predict_files(bundle, frames, tmp_path / "out")
    read = faster_coco_eval.COCO(str(tmp_path / "out" / COCO))
    assert len(read.getImgIds()) == 3
    assert [c["name"] for c in read.loadCats(read.getCatIds())] == ["disc", "square"]
    assert len(read.loadRes(list(read.anns.values())).anns) == len(read.anns) > 0


def test_the_threshold_leaves_out_the_unsure(bundle: Bundle, frames: Path, tmp_path: Path):
    def scores(threshold: float) -> list[float]:
        out = tmp_path / f"{threshold}"
        predict_files(bundle, frames, out, score_threshold=threshold)
        found = json.loads((out / COCO).read_text())
        return sorted(a["score"] for a in found["annotations"])

    everything = scores(0.3)
    middle = everything[len(everything) // 2]
    assert middle > 0.31
    assert scores(middle - 1e-6) == [s for s in everything if s >= middle] != []


def test_where_nothing_is_found_it_says_what_score_would_show_something(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    summary = predict_files(bundle, frames, tmp_path / "none", score_threshold=1.0)
    assert (summary.n_objects, summary.threshold) == (0, 1.0)
    found = re.search(r"no object has a score of 1 or more; .*--score ([0-9.]+)$", str(summary))
    assert found is not None, str(summary)
    assert summary.best_score is not None
    assert float(found[1]) <= summary.best_score < 1.0
    lower = predict_files(bundle, frames, tmp_path / "some", score_threshold=float(found[1]))
    assert lower.n_objects > 0
    assert lower.best_score == summary.best_score
    assert "no object" not in str(lower)


def test_where_nothing_was_seen_at_all_no_score_is_recommended(frames: Path, tmp_path: Path):
    blind = seeing_bundle(tmp_path / "b")
    with torch.no_grad():
        blind.network.heads["detection"].heat.bias.fill_(-50.0)
    summary = predict_files(blind, frames, tmp_path / "out")
    assert (summary.n_objects, summary.best_score) == (0, None)
    assert "none was seen below it" in str(summary)
    assert "--score" not in str(summary)


def test_instances_name_their_annotations(bundle: Bundle, frames: Path, tmp_path: Path):
    predict_files(bundle, frames, tmp_path / "out")
    content = json.loads((tmp_path / "out" / COCO).read_text())
    by_image = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
    seen = 0
    for image, name in by_image.items():
        found = {a["instance"]: a for a in content["annotations"] if a["image_id"] == image}
        with Image.open(tmp_path / "out" / "instances" / name) as picture:
            assert picture.size == (150, 100)
            values = np.asarray(picture)
        numbers = set(np.unique(values).tolist()) - {0}
        assert numbers <= set(found)
        for number in numbers:
            left, top, width, height = found[number]["bbox"]
            rows, columns = np.nonzero(values == number)
            # An object reaches a tenth of its box beyond it, and pixels are rounded.
            assert columns.min() >= left - 0.1 * width - 3
            assert columns.max() <= left + 1.1 * width + 3
            assert rows.min() >= top - 0.1 * height - 3
            assert rows.max() <= top + 1.1 * height + 3
            seen += 1
    assert seen > 0


def test_the_batch_size_does_not_matter(bundle: Bundle, frames: Path, tmp_path: Path):
    def run(batch_size: int) -> PredictSummary:
        out = tmp_path / str(batch_size)
        return predict_files(bundle, frames, out, batch_size=batch_size)

    one, other = run(1), run(3)
    assert (one.n_objects, one.n_tracks) == (other.n_objects, other.n_tracks)
