"""Labels made to break what reads them: one line with its place, soon, with little memory."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.data.load import LoadedData
from automtl.data.regions import Region, Runs, decode_runs, paint_regions
from automtl.errors import DataError
from automtl.sources import CocoSource, MotSource, YoloSource

Street = Callable[..., MotSource]
Refused = Callable[..., str]
Notes = Callable[..., list[tuple[str, str, str]]]
Load = Callable[..., LoadedData]
SIZE = (40, 60)


# Regions


def covers(*values: int) -> tuple[Region, ...]:
    return tuple(
        Region(value=v, outline=((0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0),), where="")
        for v in values
    )


def test_of_equal_regions_the_last_is_seen() -> None:
    assert paint_regions(covers(3, 5, 4), SIZE, SIZE)[4, 4] == 4


@given(st.lists(st.tuples(st.integers(1, 9), *[st.integers(0, 11)] * 4), max_size=6))
def test_larger_regions_lie_below_smaller_ones(
    boxes: list[tuple[int, int, int, int, int]],
) -> None:
    """The definition: drawn one after the other, the largest first."""
    regions, masks = [], []
    for value, x, y, width, height in boxes:
        mask = np.zeros((12, 12), dtype=np.uint8)
        mask[y : y + height, x : x + width] = 1
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
        counts = np.diff(np.concatenate([[0], edges, [144]]))
        runs = Runs(size=(12, 12), counts=tuple(int(n) for n in counts))
        regions.append(Region(value=value, outline=runs, where=""))
        masks.append((value, mask.astype(bool)))
    expected = np.zeros((12, 12), dtype=np.uint8)
    for value, mask in sorted(masks, key=lambda entry: -int(entry[1].sum())):
        expected[mask] = value
    assert (paint_regions(regions, (12, 12), (12, 12)) == expected).all()


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ((10**6, 10**6), (10**12,)),
        ((-1, -1), (1,)),
        ((0, 0), ()),
        ((40, 60), (10**30, -(10**30))),
        ((40, 60), (2401,)),
        ((40, 60), "o" * 1_000_000),
        ((40, 60), "é"),
        ((40, 60), "\0"),
    ],
)
def test_run_lengths_that_lie_are_refused(
    size: tuple[int, int], counts: tuple[int, ...] | str
) -> None:
    with pytest.raises(DataError) as caught:
        decode_runs(Runs(size=size, counts=counts), where="a.json, annotation 5")
    assert len(str(caught.value)) < 500


# Annotation files


def coco(folder: Path, text: str) -> CocoSource:
    (folder / "coco.json").write_text(text)
    return CocoSource(images="frames", annotations="coco.json", with_masks=True)


def annotated(**changes: object) -> str:
    entry = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], **changes}
    content = {
        "images": [{"id": 1, "file_name": "001.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [entry],
    }
    return json.dumps(content)


DEEP = "[" * 10_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DEEP, "not JSON"),
        ('{"a":' * 10_000, "not JSON"),
        ("9" * 10_000, "not JSON"),
        ("[]", "breaks the COCO format"),
        ("1e999", "breaks the COCO format"),
        ("\ufeff{}", "not JSON"),
        (annotated(bbox=[1, 1, 5, 5]).replace("[1, 1, 5, 5]", "[1, 1, 1e999, 5]"), "bbox.2"),
        (annotated(bbox=[1, 1, 5, 5]).replace("[1, 1, 5, 5]", "[NaN, 1, 5, 5]"), "bbox.0"),
        (annotated(bbox=[1, 1, 10**400, 5]), "bbox.2"),
        (annotated(category_id=2**70), "category 1180591620717411303424"),
        (annotated(image_id=-(2**70)), "the image -1180591620717411303424"),
        (annotated(id="x" * 100_000, image_id=9), "the image 9"),
        (annotated(segmentation=[[0.0, 1e300] * 4]), "coordinate"),
        (annotated(segmentation=[[0.0, 1.0] * 4]).replace("1.0", "NaN"), "coordinate"),
        (annotated(segmentation=[[1.0] * 200_006]), "100003 points"),
        (annotated(segmentation={"size": [40_000, 60_000], "counts": [2_400_000_000]}), "size"),
        (annotated(segmentation={"size": [60, 40], "counts": [2400]}), "has [40, 60]"),
        (annotated(segmentation={"size": [40, 60], "counts": "o" * 99_999}), "run lengths"),
    ],
)
def test_a_hostile_coco_file_is_one_line(
    street: Street, tmp_path: Path, text: str, found: str, refused: Refused
) -> None:
    street()
    line = refused(coco(tmp_path, text), tmp_path, segmentation_classes=())
    assert "coco.json" in line
    assert found in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    "name", ["a\0b.png", "/etc/passwd", "../masks/001.png", "a/../../x", "b" * 300, "c/" * 3000]
)
def test_a_picture_outside_its_folder_is_refused(
    street: Street, tmp_path: Path, name: str, refused: Refused
) -> None:
    street()
    text = annotated().replace('"001.png"', json.dumps(name))
    line = refused(coco(tmp_path, text), tmp_path, segmentation_classes=())
    assert "leaves the folder" in line
    assert len(line) < 1000


HUGE = str(2**70)


@pytest.mark.parametrize(
    "line",
    [
        f"1,{HUGE},5,5,9,9,1,1,1",
        f"{HUGE},1,5,5,9,9,1,1,1",
        f"1,1,5,5,9,9,1,{HUGE},1",
        "1,-1,5,5,9,9,1,1,1",
        "-1,1,5,5,9,9,1,1,1",
        "1,1e999,5,5,9,9,1,1,1",
        "1,1,1e999,5,9,9,1,1,1",
        "1," * 7,
        "1 " * 100_000,
        "9" * 100_000,
    ],
)
def test_a_hostile_gt_line_is_named(
    street: Street, tmp_path: Path, line: str, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text(line)
    told = refused(source, tmp_path)
    assert "gt.txt:1" in told
    assert len(told) < 1000


def test_ids_up_to_the_last_exact_number_stay_apart(
    street: Street, tmp_path: Path, load: Load
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text(f"1,{2**53},5,5,9,9,1,1,1\n1,{2**53 - 1},5,5,9,9,1,1,1\n")
    assert load(source, tmp_path).splits.train.ids.tolist() == [2**53, 2**53 - 1]


def test_a_box_of_extreme_numbers_is_clipped(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,1,-1e308,-1e308,1.7e308,1.7e308,1,1,1\n")
    boxes = load(source, tmp_path).splits.train.boxes
    assert boxes.tolist() == [[0, 0, 60, 40]]


@pytest.mark.parametrize("line", ["0 " * 50, "0 nan 0.5 0.1 0.1", "1e999 0 0 1 1", "0 0 0 1e9 1"])
def test_a_hostile_yolo_line_is_named(
    street: Street, tmp_path: Path, line: str, refused: Refused
) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text(line)
    told = refused(YoloSource(images="frames", labels="labels", names=("car",)), tmp_path)
    assert "001.txt:1" in told
    assert len(told) < 1000


def test_a_text_file_that_is_huge_is_not_read(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    with (tmp_path / "gt.txt").open("wb") as file:
        file.truncate(10**11)  # a file with holes: no byte of it is on the disk
    assert "bytes, at most 67108864 are read" in refused(source, tmp_path)
