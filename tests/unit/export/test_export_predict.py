"""A folder of frames becomes overlays, COCO JSON, MOT text and masks of the original's size."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import motrics
import numpy as np
import pytest
import torch
from PIL import Image

from automtl.cli import run_command
from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.data.images import read_picture, to_input
from automtl.data.table import DataInfo
from automtl.data.targets import read_target
from automtl.errors import DataError
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.predict import COCO, PART, PredictSummary, predict_files
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.export.video import Shot, VideoWriter, read_video
from automtl.export.writing import export_bundle
from automtl.model.network import build_network

INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "square"),
    image_size=(64, 96),
)
CONFIG = TrialConfig(
    backbone=BackboneConfig(width=0.5, image_size=(64, 96)),
    heads=HeadsConfig(channels=16, embedding_dim=8),
)


def export(folder: Path, config: TrialConfig = CONFIG, info: DataInfo = INFO) -> Bundle:
    """An untrained model whose detector is made to see objects on any picture."""
    network = build_network(config, info, generator_seed=0)
    if "detection" in config.tasks:
        seeded = torch.Generator().manual_seed(0)
        noise = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8, generator=seeded)
        head = network.eval().heads["detection"].heat
        with torch.no_grad():
            spread = network(noise)["detection"]["heat"].std(dim=(0, 2, 3))
            head.weight.mul_((1.5 / spread).view(-1, 1, 1, 1))
            head.bias.zero_()
            centre = network(noise)["detection"]["heat"].mean(dim=(0, 2, 3))
            head.bias.copy_(-2.0 - centre)
    path = export_bundle(
        folder,
        config=config,
        info=info,
        state=network.state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=0,
    )
    return load_bundle(path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export(tmp_path_factory.mktemp("bundles") / "b")


def write_frames(folder: Path, n: int, size: tuple[int, int] = (150, 100)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(1, n + 1):
        noise = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "frames", 3)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_one_clip_gives_every_output(bundle: Bundle, frames: Path, tmp_path: Path):
    summary = predict_files(bundle, frames, tmp_path / "out")
    assert files(tmp_path / "out") == [
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


def test_results_may_not_lie_among_the_frames(bundle: Bundle, frames: Path):
    for out in (frames, frames / "out"):
        with pytest.raises(DataError, match="among the frames"):
            predict_files(bundle, frames, out)
    assert len(files(frames)) == 3


def test_only_results_of_an_earlier_prediction_are_replaced(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    (frames / "003.png").unlink()
    with pytest.raises(DataError, match="--overwrite"):
        predict_files(bundle, frames, out)
    (out / "mine.txt").write_text("mine")
    predict_files(bundle, frames, out, overwrite=True)
    assert not (out / "overlays/003.png").exists()
    assert (out / "mine.txt").exists()
    (out / COCO).unlink()
    with pytest.raises(DataError, match="other files"):
        predict_files(bundle, frames, out, overwrite=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


@pytest.mark.parametrize("name", ["frames", "ride.mp4"])
def test_results_stay_where_what_would_replace_them_cannot_be_read(
    bundle: Bundle, frames: Path, tmp_path: Path, name: str
):
    pytest.importorskip("av")
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    before = contents(out)
    (tmp_path / "ride.mp4").write_bytes(b"no video")
    for path in frames.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the frames"):
        predict_files(bundle, tmp_path / name, out, overwrite=True)
    assert contents(out) == before


def test_a_prediction_that_is_broken_off_leaves_the_earlier_results(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    def read_of(stream: ClipPredictor, images: torch.Tensor) -> list[FrameResult]:
        if seen:
            raise KeyboardInterrupt
        seen.append(len(images))
        return read(stream, images)

    seen: list[int] = []
    read, out = ClipPredictor.read, tmp_path / "out"
    predict_files(bundle, frames, out)
    before = contents(out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClipPredictor, "read", read_of)
        for place in (out, tmp_path / "new"):
            seen.clear()
            with pytest.raises(KeyboardInterrupt):
                predict_files(bundle, frames, place, batch_size=1, overwrite=True)
    assert contents(out) == before
    assert not (tmp_path / "new").exists()


def test_what_a_killed_prediction_left_is_in_nobodys_way(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    left = tmp_path / "out" / PART / "overlays"
    left.mkdir(parents=True)
    (left / "001.png").touch()
    predict_files(bundle, frames, tmp_path / "out")
    assert not (tmp_path / "out" / PART).exists()
    assert (tmp_path / "out/overlays/001.png").stat().st_size > 0


def test_frames_that_differ_in_ending_alone_keep_apart(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    Image.new("RGB", (150, 100)).save(frames / "001.bmp")
    predict_files(bundle, frames, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out/overlays").iterdir()}
    assert names == {"001.bmp.png", "001.png.png", "002.png", "003.png"}


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
    assert files(tmp_path / "out") == [
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


def test_one_picture_is_a_clip_of_one_frame(bundle: Bundle, frames: Path, tmp_path: Path):
    predict_files(bundle, frames / "002.png", tmp_path / "out")
    assert (tmp_path / "out/overlays/002.png").is_file()
    found = json.loads((tmp_path / "out" / COCO).read_text())
    assert [image["file_name"] for image in found["images"]] == ["002.png"]


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


def test_results_that_hold_the_frames_are_not_replaced(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    with pytest.raises(DataError, match="would be replaced"):
        predict_files(bundle, out / "overlays", out, overwrite=True)
    assert len(list((out / "overlays").iterdir())) == 3


def test_the_batch_size_does_not_matter(bundle: Bundle, frames: Path, tmp_path: Path):
    def run(batch_size: int) -> PredictSummary:
        out = tmp_path / str(batch_size)
        return predict_files(bundle, frames, out, batch_size=batch_size)

    one, other = run(1), run(3)
    assert (one.n_objects, one.n_tracks) == (other.n_objects, other.n_tracks)


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
    blind = export(tmp_path / "b")
    with torch.no_grad():
        blind.network.heads["detection"].heat.bias.fill_(-50.0)
    summary = predict_files(blind, frames, tmp_path / "out")
    assert (summary.n_objects, summary.best_score) == (0, None)
    assert "none was seen below it" in str(summary)
    assert "--score" not in str(summary)


def test_a_model_that_only_segments_writes_masks_and_no_tracks(frames: Path, tmp_path: Path):
    alone = CONFIG.model_copy(
        update={"sharing": SharingConfig(order=("segmentation",), split_after=())}
    )
    summary = predict_files(export(tmp_path / "b", alone), frames, tmp_path / "out")
    assert summary.n_objects == 0
    assert "no object" not in str(summary), "it looks for none"
    assert not (tmp_path / "out/tracks").exists()
    assert len(list((tmp_path / "out/masks").iterdir())) == 3


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


def test_classes_and_depth_are_written_as_sources_read_them(frames: Path, tmp_path: Path):
    sharing = SharingConfig(order=("classification", "depth"), split_after=(9,))
    info = replace(INFO, image_classes=("day", "night"), target_medians={"depth": 8.0})
    made = export(tmp_path / "b", CONFIG.model_copy(update={"sharing": sharing}), info)
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
