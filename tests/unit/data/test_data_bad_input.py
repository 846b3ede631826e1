"""Every mistake in the data: one line with what, where and fix, or left out and named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.data.load import LoadedData, describe, load_data
from automtl.errors import DataError
from automtl.sources import (
    DataConfig,
    MaskSource,
    MotSource,
    ShapesSource,
)

Street = Callable[..., MotSource]


Load = Callable[..., LoadedData]


Refused = Callable[..., str]


Notes = Callable[..., list[tuple[str, str, str]]]


SIZE = (40, 60)


OTHER = ShapesSource(clips=1, frames=2, seed=5)


NAMES = ("sky", "road", "tree")


def test_no_root(street: Street, refused: Refused) -> None:
    assert "--data" in refused(street(), None)


@pytest.mark.parametrize("field", ["frames", "gt", "masks", "instances"])
def test_missing_folder(street: Street, tmp_path: Path, field: str, refused: Refused) -> None:
    line = refused(street(gt="gt.txt").model_copy(update={field: "nowhere"}), tmp_path)
    assert f"`{field}: nowhere` does not exist" in line
    assert str(tmp_path) in line


@pytest.mark.parametrize("path", ["../outside", "frames/../../outside", "/etc"])
def test_paths_stay_inside_the_root(
    street: Street, tmp_path: Path, path: str, refused: Refused
) -> None:
    (tmp_path.parent / "outside").mkdir(exist_ok=True)
    assert "leaves the data root" in refused(street(frames=path), tmp_path)


def test_a_link_out_of_the_root_is_refused(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    street()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "link").symlink_to(tmp_path / "frames")
    assert "leaves" in refused(street_source("link"), tmp_path / "inner")


def street_source(frames: str) -> MotSource:
    return MotSource(frames=frames)


def test_a_folder_without_pictures(street: Street, tmp_path: Path, refused: Refused) -> None:
    street()
    (tmp_path / "empty").mkdir()
    assert "no picture" in refused(street_source("empty"), tmp_path)


def test_missing_mask_keeps_the_other_labels(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt", masks="masks")
    (tmp_path / "masks" / "002.png").unlink()
    loaded = load(source, tmp_path)
    assert notes(loaded) == [("002.png", "its class mask is missing in masks", "mask")]
    table = loaded.splits.train
    assert table.labels["segmentation"].tolist() == [True, False, True]
    assert table.labels["detection"].tolist() == [True, True, True]
    assert (table.semantic[1] == 255).all()


def test_missing_mask_of_a_frame_with_no_other_label(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    street()
    (tmp_path / "masks" / "002.png").unlink()
    source = MaskSource(images="frames", masks="masks", ignore=11)
    loaded = load(source, tmp_path, max_left_out=0.4)
    assert [(name, kind) for name, _, kind in notes(loaded)] == [("002.png", "frame")]
    assert len(loaded.splits.train) == 2


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "text"])
def test_corrupt_frame_is_left_out_and_named(
    street: Street, tmp_path: Path, damage: str, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt")
    path = tmp_path / "frames" / "002.png"
    whole = path.read_bytes()
    broken = {
        "cut": whole[: len(whole) // 2],
        "noise": whole[:60] + bytes(200) + whole[260:],
        "empty": b"",
        "text": b"not a picture",
    }[damage]
    path.write_bytes(broken)
    loaded = load(source, tmp_path, max_left_out=0.4)
    (note,) = notes(loaded)
    assert note[0] == "002.png"
    assert "cannot be decoded" in note[1]
    assert note[2] == "frame"
    assert loaded.splits.train.names == ("001.png", "003.png")
    assert loaded.splits.train.frame.tolist() == [0, 2], "time goes on over the gap"


def test_corrupt_jpeg_is_left_out(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    source = street(masks="masks")
    picture = Image.open(tmp_path / "frames" / "001.png")
    picture.save(tmp_path / "frames" / "002.jpg")
    (tmp_path / "frames" / "002.png").unlink()
    path = tmp_path / "frames" / "002.jpg"
    path.write_bytes(path.read_bytes()[:300])
    assert notes(load(source, tmp_path, max_left_out=0.4))[0][0] == "002.jpg"


@pytest.mark.parametrize("folder", ["masks", "instances"])
def test_corrupt_label_picture_takes_only_its_label(
    street: Street, tmp_path: Path, folder: str, load: Load, notes: Notes
) -> None:
    source = street(masks="masks", instances="instances")
    (tmp_path / folder / "002.png").write_bytes(b"broken")
    loaded = load(source, tmp_path)
    assert [(name, kind) for name, _, kind in notes(loaded)] == [("002.png", "mask")]
    lost = "segmentation" if folder == "masks" else "tracking"
    kept = "tracking" if folder == "masks" else "segmentation"
    assert loaded.splits.train.labels[lost].tolist() == [True, False, True]
    assert loaded.splits.train.labels[kept].all()


def test_a_bomb_is_left_out(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt")
    Image.new("RGB", (80, 60)).save(tmp_path / "frames" / "003.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    loaded = load(source, tmp_path, max_left_out=0.4)
    assert notes(loaded)[0][0] == "003.png"
    assert "decompression bomb" in notes(loaded)[0][1]


def test_a_mask_of_another_shape_is_left_out(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt", masks="masks")
    Image.new("L", (50, 50)).save(tmp_path / "masks" / "001.png")
    (note,) = notes(load(source, tmp_path))
    assert "50x50 pixels does not fit its frame of 60x40" in note[1]


def test_a_mask_of_lower_resolution_is_used(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(gt="gt.txt", masks="masks")
    Image.new("L", (30, 20), color=2).save(tmp_path / "masks" / "001.png")
    loaded = load(source, tmp_path)
    assert not loaded.left_out
    assert (loaded.splits.train.semantic[0] == 2).all()


@pytest.mark.parametrize("frame_range", [(1, 4), (3, 2)])
def test_a_range_that_does_not_fit(
    street: Street, tmp_path: Path, frame_range: tuple[int, int], refused: Refused
) -> None:
    line = refused(street(gt="gt.txt", frame_range=frame_range), tmp_path)
    assert "3 frames" in line


def test_an_instance_mask_of_8_bits(street: Street, tmp_path: Path, refused: Refused) -> None:
    source = street(instances="instances")
    Image.new("L", (60, 40)).save(tmp_path / "instances" / "001.png")
    assert "must have 16 bits" in refused(source, tmp_path)


def test_a_class_mask_in_colour(street: Street, tmp_path: Path, refused: Refused) -> None:
    source = street(masks="masks")
    Image.new("RGB", (60, 40)).save(tmp_path / "masks" / "001.png")
    assert "8 bits and one channel" in refused(source, tmp_path)


def test_a_mask_value_without_a_name(street: Street, tmp_path: Path, refused: Refused) -> None:
    line = refused(street(masks="masks", ignore=255), tmp_path)
    assert "has the value 11" in line
    assert "0 to 2" in line


def test_masks_need_names(street: Street, tmp_path: Path, refused: Refused) -> None:
    line = refused(street(masks="masks"), tmp_path, segmentation_classes=())
    assert "data.segmentation_classes" in line


def test_an_unknown_class_names_the_nearest(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    line = refused(street(gt="gt.txt"), tmp_path, detection_classes=("car", "persons"))
    assert "'person'" in line
    assert "'persons'" in line


def test_an_empty_frame_is_a_valid_label(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("2,1,5,5,9,9,1,1,1\n")
    loaded = load(source, tmp_path)
    assert not loaded.left_out
    assert loaded.splits.train.labels["detection"].all()
    assert loaded.splits.train.offsets.tolist() == [0, 0, 1, 1]


def test_frames_without_any_label_are_left_out_and_named(tmp_path: Path) -> None:
    dropout = {"detection": 0.7, "segmentation": 0.7, "tracking": 0.7}
    source = ShapesSource(clips=12, frames=2, label_dropout=dropout)
    config = DataConfig(train=(source,), validation=(OTHER,))
    loaded = load_data(config, image_size=SIZE, root=tmp_path)
    bare = [left for left in loaded.left_out if left.split == "train"]
    assert bare
    assert {(left.reason, left.kind) for left in bare} == {
        ("it has no label at all", "unlabelled")
    }
    assert len(bare) + len(loaded.splits.train) == 24


def test_a_split_without_labels(street: Street, tmp_path: Path, refused: Refused) -> None:
    assert "train split has no labelled frame" in refused(street(), tmp_path)


def test_too_many_left_out_stops_before_training(
    street: Street, tmp_path: Path, load: Load, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    for number in (1, 2):
        (tmp_path / "frames" / f"{number:03}.png").write_bytes(b"")
    line = refused(source, tmp_path, max_left_out=0.5)
    assert "2 of 3 train frames" in line
    assert "001.png" in line
    assert "002.png" in line
    assert "`data.max_left_out: 0.5`" in line
    assert len(load(source, tmp_path, max_left_out=0.7).splits.train) == 1


def test_only_the_first_three_are_listed(tmp_path: Path, street: Street, refused: Refused) -> None:
    source = street(masks="masks")
    for number in range(1, 9):
        (tmp_path / "frames" / f"x{number}.png").write_bytes(b"")
    line = refused(source, tmp_path)
    assert [f"x{n}.png" in line for n in range(1, 9)] == [True] * 3 + [False] * 5
    assert "5 more" in line


def test_one_seed_in_two_splits_is_refused() -> None:
    config = DataConfig(train=(ShapesSource(clips=1),), validation=(ShapesSource(clips=2),))
    with pytest.raises(DataError, match=r"train and validation splits both generate .* seed 0"):
        load_data(config, image_size=SIZE, root=None)


def test_describe_names_what_was_left_out(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(gt="gt.txt", masks="masks")
    (tmp_path / "masks" / "002.png").unlink()
    text = describe(load(source, tmp_path))
    assert "train: 3 frames in 1 clips, 4 objects" in text
    assert "detection 3, segmentation 2, tracking 3" in text
    assert "002.png" in text


def test_the_palette_of_a_mask_does_not_matter(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(masks="masks")
    mask = Image.fromarray(np.full((40, 60), 2, dtype=np.uint8)).convert("P")
    mask.putpalette([7, 8, 9] * 256)
    mask.save(tmp_path / "masks" / "001.png")
    assert (load(source, tmp_path).splits.train.semantic[0] == 2).all()
