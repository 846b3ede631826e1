"""Each format on tiny files that the test writes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from automtl.data.coco import read_coco
from automtl.data.masks import read_masks
from automtl.data.mot import read_mot
from automtl.data.raw import RawFrame, RawSource
from automtl.data.regions import Runs, decode_runs
from automtl.data.table import IGNORED, UNKNOWN_ID
from automtl.data.yolo import read_yolo
from automtl.sources import CocoSource, MaskSource, MotSource, YoloSource

FULL = (40, 60)
HALF = (20, 30)
ALL = frozenset({"detection", "segmentation", "tracking"})

Street = Callable[..., MotSource]


def frames(source: RawSource) -> list[RawFrame]:
    return [frame for clip in source.clips for frame in clip]


def test_mot_reads_boxes_ids_masks_and_instances(street: Street, tmp_path: Path) -> None:
    source = street(gt="gt.txt", masks="masks", instances="instances")
    read = read_mot(source, root=tmp_path, image_size=FULL)
    assert len(read.clips) == 1
    first, second, third = read.clips[0]
    assert [f.frame for f in read.clips[0]] == [0, 1, 2]
    assert first.labels == second.labels == third.labels == ALL
    # gt counts pixels from 1: left 11, top 6 is the pixel in column 10, row 5.
    assert first.boxes.tolist() == [[10, 5, 30, 15], [40, 20, 50, 30]]
    assert first.classes == ("car", "person")
    assert first.ids.tolist() == [1, 2]
    assert second.ids.tolist() == third.ids.tolist() == [1]
    assert np.unique(first.semantic).tolist() == [1, IGNORED]
    assert np.unique(third.semantic).tolist() == [0, IGNORED]
    assert np.unique(first.instances).tolist() == [0, 1001]
    assert not read.notes


def test_mot_boxes_and_masks_are_resized_together(street: Street, tmp_path: Path) -> None:
    source = street(gt="gt.txt", masks="masks", instances="instances")
    first = read_mot(source, root=tmp_path, image_size=HALF).clips[0][0]
    assert first.image.shape == (3, *HALF)
    assert first.boxes[0].tolist() == [5, 2.5, 15, 7.5]
    assert (first.semantic[:10] == 1).all()
    assert (first.semantic[10:] == IGNORED).all()
    rows, columns = np.nonzero(first.instances)
    assert (columns.min(), columns.max() + 1) == (5, 15)
    assert (rows.min(), rows.max() + 1) in {(2, 7), (3, 8), (2, 8), (3, 7)}


@pytest.mark.parametrize(
    ("parts", "labels"),
    [
        ((), frozenset()),
        (("masks",), {"segmentation"}),
        (("gt",), {"detection", "tracking"}),
        (("instances",), {"detection", "tracking"}),
        (("instances", "masks"), ALL),
    ],
)
def test_mot_frames_lack_what_the_source_leaves_out(
    street: Street, tmp_path: Path, parts: tuple[str, ...], labels: frozenset[str]
) -> None:
    names = {part: "gt.txt" if part == "gt" else part for part in parts}
    read = read_mot(street(**names), root=tmp_path, image_size=FULL)
    assert [frame.labels for frame in frames(read)] == [labels] * 3


def test_mot_instances_alone_give_tight_boxes_and_ids(street: Street, tmp_path: Path) -> None:
    read = read_mot(street(instances="instances"), root=tmp_path, image_size=FULL)
    assert [frame.boxes.tolist() for frame in frames(read)] == [
        [[10, 5, 30, 15]],
        [[12, 5, 32, 15]],
        [[14, 5, 34, 15]],
    ]
    assert [frame.ids.tolist() for frame in frames(read)] == [[1001]] * 3
    assert {frame.classes for frame in frames(read)} == {("car",)}


def test_mot_clips_are_the_folders_of_one(street: Street, tmp_path: Path) -> None:
    alone = street(gt="gt.txt", masks="masks", instances="instances", frame_range=(2, 3))
    expected = read_mot(alone, root=tmp_path, image_size=FULL)
    for name in ("b", "a"):
        for part in ("frames", "masks", "instances", "gt.txt"):
            (tmp_path / "many" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "many" / name / part).symlink_to(tmp_path / part)
    (tmp_path / "many" / "notes.txt").write_text("no clip")
    many = alone.model_copy(update={"clips": "many"})
    read = read_mot(many, root=tmp_path, image_size=FULL)
    assert read.name == "many"
    assert read.n_frames == 4
    for clip in read.clips:
        for got, wanted in zip(clip, expected.clips[0], strict=True):
            assert got.frame == wanted.frame
            assert got.labels == wanted.labels
            assert got.boxes.tolist() == wanted.boxes.tolist()
            assert (got.instances == wanted.instances).all()


def test_mot_clips_that_are_none_are_one_line(
    street: Street, tmp_path: Path, refused: Callable[..., str]
) -> None:
    for folder in ("frames", "frames/001.png"):
        line = refused(street(clips=folder), tmp_path)
        assert "each folder is to be a clip" in line
    assert "leaves the data root" in refused(street(clips=".."), tmp_path)


def test_mot_range_splits_by_time(street: Street, tmp_path: Path) -> None:
    first = read_mot(street(gt="gt.txt", frame_range=(1, 2)), root=tmp_path, image_size=FULL)
    second = read_mot(street(gt="gt.txt", frame_range=(3, 3)), root=tmp_path, image_size=FULL)
    assert [frame.name for frame in frames(first)] == ["001.png", "002.png"]
    assert [frame.name for frame in frames(second)] == ["003.png"]
    assert frames(second)[0].boxes.tolist() == [[14, 5, 34, 15]]
    assert frames(second)[0].frame == 0


def test_masks_alone(street: Street, tmp_path: Path) -> None:
    street()
    source = MaskSource(images="frames", masks="masks", ignore=11)
    read = read_masks(source, root=tmp_path, image_size=FULL)
    assert [len(clip) for clip in read.clips] == [1, 1, 1]
    assert {frame.labels for frame in frames(read)} == {frozenset({"segmentation"})}
    assert read.segmentation_classes is None


def test_yolo_boxes_are_relative(street: Street, tmp_path: Path) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text("1 0.5 0.25 0.5 0.5\n\n0 0.1 0.9 0.2 0.2\n")
    source = YoloSource(images="frames", labels="labels", names=("car", "dog"), masks="masks")
    one, two, _ = frames(read_yolo(source, root=tmp_path, image_size=HALF))
    np.testing.assert_allclose(one.boxes, [[7.5, 0, 22.5, 10], [0, 16, 6, 20]], atol=1e-4)
    assert one.classes == ("dog", "car")
    assert one.ids.tolist() == [UNKNOWN_ID, UNKNOWN_ID]
    assert one.labels == {"detection", "segmentation"}
    assert len(two.boxes) == 0
    assert two.labels == {"detection", "segmentation"}, "a still without a file has no boxes"


def coco_file(path: Path, annotations: list[dict[str, object]]) -> CocoSource:
    content = {
        "images": [{"id": 7, "file_name": "001.png"}, {"id": 8, "file_name": "002.png"}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
        "annotations": [
            {"id": number, "image_id": 7, **annotation}
            for number, annotation in enumerate(annotations)
        ],
    }
    (path / "coco.json").write_text(json.dumps(content))
    return CocoSource(images="frames", annotations="coco.json", with_masks=True)


def square(value: list[float]) -> list[float]:
    left, top, right, bottom = value
    return [left, top, right, top, right, bottom, left, bottom]


def test_coco_polygons_runs_and_crowds(street: Street, tmp_path: Path) -> None:
    street()
    runs = {"size": [40, 60], "counts": [0, 40 * 5, 40 * 55]}
    source = coco_file(
        tmp_path,
        [
            {
                "category_id": 90,
                "bbox": [10, 5, 20, 10],
                "segmentation": [square([10, 5, 30, 15])],
            },
            {"category_id": 3, "bbox": [0, 0, 5, 40], "segmentation": runs},
            {
                "category_id": 3,
                "bbox": [50, 30, 10, 10],
                "iscrowd": 1,
                "segmentation": [square([50, 30, 60, 40])],
            },
        ],
    )
    read = read_coco(source, root=tmp_path, image_size=FULL)
    one, two = frames(read)
    assert read.detection_classes == ("cat", "dog")
    assert read.segmentation_classes == ("background", "cat", "dog")
    assert one.boxes.tolist() == [[10, 5, 30, 15], [0, 0, 5, 40]]
    assert one.classes == ("dog", "cat")
    expected = np.zeros(FULL, dtype=np.uint8)
    expected[5:15, 10:30] = 2
    expected[:, :5] = 1
    expected[30:, 50:] = IGNORED
    # A polygon's rim may fall on either side of an edge that lies between two pixels.
    wrong = one.semantic != expected
    inner = np.zeros(FULL, dtype=np.bool_)
    inner[6:14, 11:29] = inner[:, :5] = inner[31:, 51:] = True
    assert not wrong[inner].any()
    assert wrong.sum() <= 2 * (20 + 10 + 10 + 10)
    assert two.labels == {"detection", "segmentation"}, "an empty still is labelled"
    assert not two.semantic.any()


def test_coco_small_regions_lie_above_large_ones(street: Street, tmp_path: Path) -> None:
    street()
    small = {"category_id": 3, "bbox": [0, 0, 9, 9], "segmentation": [square([20, 20, 30, 30])]}
    large = {"category_id": 90, "bbox": [0, 0, 9, 9], "segmentation": [square([0, 0, 60, 40])]}
    for order in ([small, large], [large, small]):
        read = read_coco(coco_file(tmp_path, order), root=tmp_path, image_size=FULL)
        assert frames(read)[0].semantic[25, 25] == 1
        assert frames(read)[0].semantic[5, 5] == 2


def compress(counts: list[int]) -> str:
    """Write counts as the COCO API does: the other way round of the reader."""
    text = ""
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            chunk = value & 0x1F
            value >>= 5
            more = value != (-1 if chunk & 0x10 else 0)
            text += chr(chunk + (0x20 if more else 0) + 48)
    return text


@given(
    mask=arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 70)), elements=st.integers(0, 1)
    )
)
def test_run_lengths_round_trip(mask: NDArray[np.uint8]) -> None:
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    if flat[0]:
        counts = [0, *counts]
    size = (mask.shape[0], mask.shape[1])
    plain = decode_runs(Runs(size=size, counts=tuple(counts)), where="here")
    np.testing.assert_array_equal(plain, mask)
    packed = decode_runs(Runs(size=size, counts=compress(counts)), where="here")
    np.testing.assert_array_equal(packed, mask)


def test_compressed_runs_agree_with_the_coco_library() -> None:
    from faster_coco_eval.core import mask as library

    mask = np.random.default_rng(0).integers(0, 2, (37, 53)).astype(np.uint8)
    encoded = library.encode(np.asfortranarray(mask))
    text = encoded["counts"]
    text = text.decode() if isinstance(text, bytes) else text
    np.testing.assert_array_equal(decode_runs(Runs(size=(37, 53), counts=text), where=""), mask)
