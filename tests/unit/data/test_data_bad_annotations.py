"""Every mistake in files of boxes and ids: one line with what, where and fix, or left out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from automtl.data.load import LoadedData
from automtl.sources import (
    CocoSource,
    MotSource,
    YoloSource,
)

Street = Callable[..., MotSource]


Load = Callable[..., LoadedData]


Refused = Callable[..., str]


Notes = Callable[..., list[tuple[str, str, str]]]


def test_a_box_over_the_edge_is_clipped_and_named(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,1,51,31,30,30,1,1,1\n2,1,81,1,10,10,1,1,1\n")
    loaded = load(source, tmp_path)
    assert notes(loaded) == [
        ("gt.txt:1", "a box reaches out of its frame of 60x40 pixels, clipped", "box"),
        ("gt.txt:2", "a box wholly outside its frame of 60x40 pixels, dropped", "box"),
    ]
    assert loaded.splits.train.boxes.tolist() == [[50, 30, 60, 40]]
    assert loaded.splits.train.offsets.tolist() == [0, 1, 1, 1]


def test_a_box_without_area_is_dropped_and_named(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,1,5,5,0,9,1,1,1\n")
    assert notes(load(source, tmp_path)) == [("gt.txt:1", "a box without area, dropped", "box")]


def test_an_id_in_two_classes_names_both_lines(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,4,5,5,9,9,1,1,1\n2,3,5,5,9,9,1,1,1\n2,4,5,5,9,9,1,2,1\n")
    line = refused(source, tmp_path)
    assert "gt.txt:3: the id 4 has class 2 here and class 1 at" in line
    assert "gt.txt:1" in line


def test_an_id_twice_in_a_frame_names_both_lines(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,4,5,5,9,9,1,1,1\n1,4,9,9,9,9,1,1,1\n")
    line = refused(source, tmp_path)
    assert "gt.txt:2: the id 4 is in frame 1 twice" in line
    assert "gt.txt:1" in line


@pytest.mark.parametrize(
    "text",
    [
        "1,1,5,5,9,9,1",
        "1,one,5,5,9,9,1,1,1",
        "0,1,5,5,9,9,1,1,1",
        "1,1,nan,5,9,9,1,1,1",
        "1 1 5 5",
    ],
)
def test_a_malformed_gt_line_is_named(
    street: Street, tmp_path: Path, text: str, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text(f"1,1,5,5,9,9,1,1,1\n\n{text}\n")
    line = refused(source, tmp_path)
    assert "gt.txt:3" in line
    assert "frame, id, left, top, width, height, flag, class, visibility" in line


def test_gt_that_is_no_text(street: Street, tmp_path: Path, refused: Refused) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_bytes(b"\xff\xfe\x00\x80")
    assert "gt.txt" in refused(source, tmp_path)


def test_no_classes_would_use_no_box(street: Street, tmp_path: Path, refused: Refused) -> None:
    assert "`classes` is empty" in refused(street(gt="gt.txt", classes={}), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "0 0.5 0.5 0.1",
        "zero 0.5 0.5 0.1 0.1",
        "0 30 20 10 10",
        "0.5 0.5 0.5 0.1 0.1",
        "-1 0 0 1 1",
    ],
)
def test_a_malformed_yolo_line_is_named(
    street: Street, tmp_path: Path, text: str, refused: Refused
) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{text}\n")
    source = YoloSource(images="frames", labels="labels", names=("car",))
    line = refused(source, tmp_path)
    assert "001.txt:2" in line
    assert "class, centre x, centre y, width, height" in line


def test_a_yolo_class_without_a_name(street: Street, tmp_path: Path, refused: Refused) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text("3 0.5 0.5 0.1 0.1\n")
    line = refused(YoloSource(images="frames", labels="labels", names=("car",)), tmp_path)
    assert "001.txt:1: the class 3 has no name" in line


def coco(tmp_path: Path, **changes: object) -> CocoSource:
    content = {
        "images": [{"id": 1, "file_name": "001.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        **changes,
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    return CocoSource(images="frames", annotations="coco.json", with_masks=True)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"images": [{"id": 1, "file_name": "../masks/001.png"}]}, "leaves the folder"),
        ({"images": [{"id": 1, "file_name": "/etc/passwd"}]}, "leaves the folder"),
        ({"images": [{"file_name": "001.png"}]}, "images.0.id"),
        ({"categories": []}, "the category 1 is not among"),
        ({"images": []}, "the image 1 is not among"),
        (
            {"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1]}]},
            "annotations.0.bbox",
        ),
    ],
)
def test_a_broken_coco_file(
    street: Street, tmp_path: Path, changes: dict[str, object], found: str, refused: Refused
) -> None:
    street()
    line = refused(coco(tmp_path, **changes), tmp_path, segmentation_classes=())
    assert "coco.json" in line
    assert found in line


@pytest.mark.parametrize(
    "segmentation",
    [[[1, 1, 5, 5]], [[1, 1, 5, 5, 9, 9, 2]], {"size": [40, 60], "counts": [10, 20]}],
)
def test_a_broken_coco_segmentation(
    street: Street, tmp_path: Path, segmentation: object, refused: Refused
) -> None:
    street()
    entry = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    source = coco(tmp_path, annotations=[{**entry, "segmentation": segmentation}])
    assert "annotation 5" in refused(source, tmp_path, segmentation_classes=())


def test_coco_that_is_no_json(street: Street, tmp_path: Path, refused: Refused) -> None:
    street()
    source = coco(tmp_path)
    (tmp_path / "coco.json").write_text("{")
    assert "not JSON" in refused(source, tmp_path)


def test_a_coco_picture_that_is_missing_is_left_out(
    street: Street, tmp_path: Path, load: Load, notes: Notes
) -> None:
    street()
    pictures = [{"id": 1, "file_name": "001.png"}, {"id": 2, "file_name": "999.png"}]
    loaded = load(
        coco(tmp_path, images=pictures), tmp_path, segmentation_classes=(), max_left_out=0.5
    )
    assert [(name, kind) for name, _, kind in notes(loaded)] == [("999.png", "frame")]
