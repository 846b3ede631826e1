"""Videos are predicted as their frames are, and overlays become videos."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.cli import run_command
from automtl.data.images import read_picture
from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.predict import COCO, predict_files
from automtl.export.video import Shot, VideoWriter, read_video
from automtl.testing.seeing_bundle import files_in


def write_video(path: Path, frames: Path) -> Path:
    with VideoWriter(path) as film:
        for index, picture in enumerate(sorted(frames.iterdir())):
            film.add(read_picture(picture), index / 25)
    return path


def frames_of(video: Path) -> list[Shot]:
    lost: list[str] = []
    shots = list(read_video(video, lost.append))
    assert lost == []
    return shots


def test_a_video_gives_what_its_frames_give_and_an_overlay_video(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    pytest.importorskip("av")
    video = write_video(tmp_path / "ride.mp4", frames)
    summary = predict_files(bundle, video, tmp_path / "out")
    assert files_in(tmp_path / "out") == [
        COCO,
        *(f"instances/ride/00000{i}.png" for i in (1, 2, 3)),
        *(f"masks/ride/00000{i}.png" for i in (1, 2, 3)),
        "overlays/ride.mp4",
        "tracks/ride.txt",
    ]
    assert (summary.n_clips, summary.n_frames, summary.left_out) == (1, 3, ())
    shots = frames_of(tmp_path / "out/overlays/ride.mp4")
    # Enlarged five times, a legend of 20 lines below, each frame the same.
    assert [shot.picture.size for shot in shots] == [(750, 520)] * 3
    assert [shot.time_s for shot in shots] == pytest.approx([0, 0.04, 0.08], abs=1e-3)
    # The same frames, decoded by other means: the same objects and the same tracks.
    decoded = tmp_path / "decoded"
    decoded.mkdir()
    for shot in frames_of(video):
        shot.picture.save(decoded / f"{shot.number:06d}.png")
    predict_files(bundle, decoded, tmp_path / "pictures")
    tracks = (tmp_path / "out/tracks/ride.txt").read_text()
    assert tracks == (tmp_path / "pictures/tracks/decoded.txt").read_text() != ""
    found, expected = (
        json.loads((tmp_path / out / COCO).read_text()) for out in ("out", "pictures")
    )
    assert found["annotations"] == expected["annotations"]
    names = [image["file_name"] for image in found["images"]]
    assert names == [f"ride/00000{i}.png" for i in (1, 2, 3)]


@pytest.mark.frames
def test_a_street_clip_on_the_command_line(
    bundle: Bundle, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("av")
    ride = tmp_path / "ride.mp4"
    with VideoWriter(ride) as film:
        for index, path in enumerate(sorted((real_data / "camvid/val").iterdir())[:4]):
            film.add(read_picture(path), index / 15)
    out = tmp_path / "out"
    assert run_command(["predict", str(bundle.path), str(ride), "--out", str(out)]) == 0
    assert "4 frames of 1 clips" in capsys.readouterr().out
    shots = frames_of(out / "overlays/ride.mp4")
    assert len(shots) == 4
    assert {shot.picture.width for shot in shots} == {960}, "480 pixels, enlarged twice"
    with Image.open(out / "masks/ride/000004.png") as mask:
        assert mask.size == (480, 360)
    ids = [line.split(",")[1] for line in (out / "tracks/ride.txt").read_text().splitlines()]
    assert max(ids.count(each) for each in ids) > 1, "tracks go through the clip"
    content = ride.read_bytes()
    for broken in (b"", b"no video", content[: len(content) // 2]):
        ride.write_bytes(broken)
        argv = ["predict", str(bundle.path), str(ride), "--out", str(out), "--overwrite"]
        assert run_command(argv) == 2
        said = capsys.readouterr().err.strip()
        assert "cannot be opened as a video" in said
        assert "\n" not in said


def test_overlays_of_pictures_become_a_video_where_that_is_asked_for(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    pytest.importorskip("av")
    predict_files(bundle, frames, tmp_path / "out", overlay="video")
    shots = frames_of(tmp_path / "out/overlays/frames.mp4")
    assert [shot.time_s for shot in shots] == pytest.approx([0, 1 / 15, 2 / 15], abs=1e-3)
    assert not (tmp_path / "out/overlays/001.png").exists()
    # What the film shows is the picture that would stand there.
    predict_files(bundle, frames, tmp_path / "pictures")
    with Image.open(tmp_path / "pictures/overlays/001.png") as picture:
        drawn = np.asarray(picture.convert("RGB"), dtype=float)[:500]
        plain = Image.open(frames / "001.png").resize((750, 500), Image.Resampling.BICUBIC)
    shown = np.asarray(shots[0].picture, dtype=float)[:500]
    assert abs(shown - drawn).mean() < 0.5 * abs(shown - np.asarray(plain, dtype=float)).mean()
    video = write_video(tmp_path / "ride.mp4", frames)
    predict_files(bundle, video, tmp_path / "still", overlay="pictures")
    assert (tmp_path / "still/overlays/ride/000003.png").is_file()


def test_a_broken_video_is_named_beside_clips_and_one_line_alone(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    pytest.importorskip("av")
    (frames / "broken.mp4").write_bytes(b"")
    summary = predict_files(bundle, frames, tmp_path / "out")
    assert (summary.n_clips, summary.n_frames) == (2, 3)
    assert [left.name for left in summary.left_out] == ["broken.mp4"]
    with pytest.raises(DataError, match=r"^broken\.mp4: none of the frames") as caught:
        predict_files(bundle, frames / "broken.mp4", tmp_path / "alone")
    assert "\n" not in str(caught.value)


def test_a_video_without_the_extra_is_one_line_before_anything_is_written(
    bundle: Bundle, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "ride.mp4").touch()
    for asked, overlay in ((tmp_path / "ride.mp4", None), (frames, "video")):
        with pytest.raises(DataError, match=r"automtl\[video\]"):
            predict_files(bundle, asked, tmp_path / "out", overlay=overlay)
    assert not (tmp_path / "out").exists()
