"""A folder of frames becomes overlays, COCO JSON, MOT text and masks: which files, of what."""

import json
from dataclasses import replace
from pathlib import Path

import motrics
import numpy as np
import pytest
import torch
from PIL import Image

from automtl.config import SharingConfig
from automtl.data.images import to_input
from automtl.data.targets import read_target
from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.predict import COCO, predict_files
from automtl.testing.seeing_bundle import CONFIG, INFO, files_in, seeing_bundle, write_frames


def test_one_clip_gives_every_output(bundle: Bundle, frames: Path, tmp_path: Path):
    summary = predict_files(bundle, frames, tmp_path / "out")
    assert files_in(tmp_path / "out") == [
        COCO,
        *(f"instances/00{i}.png" for i in (1, 2, 3)),
        *(f"masks/00{i}.png" for i in (1, 2, 3)),
        *(f"overlays/00{i}.png" for i in (1, 2, 3)),
        "tracks/frames.txt",
    ]
    assert (summary.n_clips, summary.n_frames, summary.left_out) == (1, 3, ())
    assert summary.n_objects > 0
    assert summary.n_tracks > 0
    assert "3 frames of 1 clips" in str(summary)
    assert f"({3 / summary.seconds:.1f} frames a second" in str(summary)


def test_each_sub_folder_is_a_clip_with_tracks_of_its_own(bundle: Bundle, tmp_path: Path):
    for clip in ("a", "b"):
        write_frames(tmp_path / "frames" / clip, 2)
    summary = predict_files(bundle, tmp_path / "frames", tmp_path / "out")
    assert summary.n_clips == 2
    a, b = ((tmp_path / f"out/tracks/{clip}.txt").read_text() for clip in ("a", "b"))
    assert a == b, "the second clip knows nothing of the first"
    assert (tmp_path / "out/overlays/b/001.png").is_file()
    found = json.loads((tmp_path / "out" / COCO).read_text())
    assert [i["file_name"] for i in found["images"]][1:3] == ["a/002.png", "b/001.png"]


def test_a_corrupt_frame_is_named_and_the_others_go_on(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    (frames / "002.png").write_bytes((frames / "002.png").read_bytes()[:900])
    summary = predict_files(bundle, frames, tmp_path / "out")
    assert [frame.name for frame in summary.left_out] == ["002.png"]
    assert "left out 002.png" in str(summary)
    assert str(tmp_path) not in summary.left_out[0].reason
    assert not (tmp_path / "out/overlays/002.png").exists()
    read = motrics.load_motchallenge(tmp_path / "out/tracks/frames.txt")
    assert set(read) <= {1, 3}, "the frame after it keeps its number"
    assert 3 in read


def test_nothing_but_corrupt_frames_is_one_line(bundle: Bundle, frames: Path, tmp_path: Path):
    for path in frames.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the frames.*") as caught:
        predict_files(bundle, frames, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_folder_without_frames_is_one_line(bundle: Bundle, tmp_path: Path):
    (tmp_path / "frames").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        predict_files(bundle, tmp_path / "frames", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_that_differ_in_ending_alone_keep_apart(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    Image.new("RGB", (150, 100)).save(frames / "001.bmp")
    predict_files(bundle, frames, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out/overlays").iterdir()}
    assert names == {"001.bmp.png", "001.png.png", "002.png", "003.png"}


def test_one_picture_is_a_clip_of_one_frame(bundle: Bundle, frames: Path, tmp_path: Path):
    predict_files(bundle, frames / "002.png", tmp_path / "out")
    assert (tmp_path / "out/overlays/002.png").is_file()
    found = json.loads((tmp_path / "out" / COCO).read_text())
    assert [image["file_name"] for image in found["images"]] == ["002.png"]


def test_a_model_that_only_segments_writes_masks_and_no_tracks(frames: Path, tmp_path: Path):
    alone = CONFIG.model_copy(
        update={"sharing": SharingConfig(order=("segmentation",), split_after=())}
    )
    summary = predict_files(seeing_bundle(tmp_path / "b", alone), frames, tmp_path / "out")
    assert summary.n_objects == 0
    assert "no object" not in str(summary), "it looks for none"
    assert not (tmp_path / "out/tracks").exists()
    assert len(list((tmp_path / "out/masks").iterdir())) == 3


def test_classes_and_depth_are_written_as_sources_read_them(frames: Path, tmp_path: Path):
    sharing = SharingConfig(order=("classification", "depth"), split_after=(9,))
    info = replace(INFO, image_classes=("day", "night"), target_medians={"depth": 8.0})
    made = seeing_bundle(tmp_path / "b", CONFIG.model_copy(update={"sharing": sharing}), info)
    assert made.info == replace(info, digest=made.info.digest)
    predict_files(made, frames, tmp_path / "out")
    pictures = json.loads((tmp_path / "out/classes/frames.json").read_text())["pictures"]
    assert [p["file_name"] for p in pictures] == ["001.png", "002.png", "003.png"]
    assert {p["class"] for p in pictures} <= {"day", "night"}
    assert all(0.5 <= p["score"] <= 1 for p in pictures)
    image = to_input(Image.open(frames / "002.png"), info.image_size)
    (result,) = made.predict(torch.from_numpy(image[None]))
    with Image.open(frames / "002.png") as picture:
        size = (picture.height, picture.width)
    read = read_target(tmp_path / "out/depth/002.png", size, info.image_size)
    np.testing.assert_allclose(np.median(read), np.median(result.depth), atol=2 / 256)
    assert 2 < np.median(read) < 32  # an untrained head begins at the median
    # The results of a later run take the place of these.
    predict_files(made, frames, tmp_path / "out", overwrite=True)
