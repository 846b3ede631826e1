"""The readers on real frames: counts that were taken from the files by other means."""

from pathlib import Path

import numpy as np
import pytest

from automtl.data.load import load_data
from automtl.sources import DataConfig, MaskSource, MotSource, YoloSource

pytestmark = pytest.mark.frames

STREET = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)


def street(first: int, last: int) -> MotSource:
    return MotSource(
        frames="camvid/val",
        gt="camvid/derived_0016E5_15hz/gt/gt.txt",
        instances="camvid/derived_0016E5_15hz/instances",
        masks="camvid/valannot",
        frame_range=(first, last),
        classes={1: "car", 2: "pedestrian", 3: "bicyclist"},
        ignore=11,
    )


def test_street_clip_split_by_time(real_data: Path) -> None:
    config = DataConfig(
        train=(
            street(1, 70),
            MaskSource(images="camvid/train", masks="camvid/trainannot", ignore=11),
        ),
        validation=(street(71, 101),),
        segmentation_classes=STREET,
    )
    loaded = load_data(config, image_size=(90, 120), root=real_data)
    train, validation = loaded.splits.train, loaded.splits.validation
    assert not loaded.left_out
    assert len(validation) == 31
    assert len(train) == 70 + 62
    assert len(train.boxes) + len(validation.boxes) == 543
    assert len(set(train.ids.tolist()) | set(validation.ids.tolist())) == 27
    assert train.labels["tracking"].sum() == train.labels["detection"].sum() == 70
    assert train.labels["segmentation"].all()
    assert train.clip.max() == 62
    assert loaded.splits.info.detection_classes == ("car", "pedestrian", "bicyclist")
    assert sum(loaded.splits.info.segmentation_frequency) == pytest.approx(1)
    assert min(loaded.splits.info.segmentation_frequency) > 0


def test_street_boxes_are_tight_around_the_instances(real_data: Path) -> None:
    source = street(1, 3)
    config = DataConfig(train=(source,), validation=(source,), segmentation_classes=STREET)
    table = load_data(config, image_size=(360, 480), root=real_data).splits.train
    assert len(table.boxes) > 10
    for index in range(len(table)):
        rows = table.objects(index)
        for box, id_, name in zip(
            table.boxes[rows], table.ids[rows], table.classes[rows], strict=True
        ):
            y, x = np.nonzero(table.instances[index] == id_)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
            values = np.unique(table.semantic[index][y, x])
            assert values.tolist() == [8 + name], "mask classes 8 to 10 are the boxes' classes"


def test_instances_alone_give_the_same_boxes(real_data: Path) -> None:
    with_gt = street(1, 2)
    alone = with_gt.model_copy(update={"gt": None})
    tables = [
        load_data(
            DataConfig(train=(source,), validation=(source,), segmentation_classes=STREET),
            image_size=(90, 120),
            root=real_data,
        ).splits.train
        for source in (with_gt, alone)
    ]
    np.testing.assert_array_equal(tables[0].boxes, tables[1].boxes)
    np.testing.assert_array_equal(tables[0].ids, tables[1].ids)


def test_mot17_mini(real_data: Path) -> None:
    def clip(name: str) -> MotSource:
        folder = f"mot17-mini/train/{name}"
        return MotSource(
            frames=f"{folder}/img1", gt=f"{folder}/gt/gt.txt", classes={1: "pedestrian"}
        )

    config = DataConfig(train=(clip("MOT17-04-FRCNN"),), validation=(clip("MOT17-02-FRCNN"),))
    loaded = load_data(config, image_size=(72, 128), root=real_data)
    splits = loaded.splits
    assert (len(splits.train), len(splits.validation)) == (8, 4)
    for table, name in ((splits.train, "04"), (splits.validation, "02")):
        path = real_data / f"mot17-mini/train/MOT17-{name}-FRCNN/gt/gt.txt"
        lines = np.loadtxt(path, delimiter=",")
        used = lines[(lines[:, 6] != 0) & (lines[:, 7] == 1) & (lines[:, 0] <= len(table))]
        assert len(table.boxes) == len(used) > 0
        assert set(table.ids.tolist()) == set(used[:, 1].astype(int).tolist())
    assert {left.kind for left in loaded.left_out} <= {"box"}
    assert all("gt.txt:" in left.name for left in loaded.left_out)


def test_coco128_has_boxes_on_all_and_masks_on_200(real_data: Path) -> None:
    def stills(split: str) -> YoloSource:
        return YoloSource(
            images=f"coco128/images/{split}",
            labels=f"coco128/object_detection/labels/{split}",
            names=tuple(str(index) for index in range(80)),
            masks=f"coco128/semantic_segmentation/masks/{split}",
            ignore=0,
        )

    config = DataConfig(
        train=(stills("train2017"),),
        validation=(stills("val2017"),),
        segmentation_classes=tuple(str(index) for index in range(201)),
    )
    loaded = load_data(config, image_size=(64, 64), root=real_data)
    train, validation = loaded.splits.train, loaded.splits.validation
    assert (len(train), len(validation)) == (128, 128)
    # 941 lines, of which 12 belong to two pictures that the set does not hold.
    assert (len(train.boxes), len(validation.boxes)) == (929, 898)
    assert len(set(validation.classes.tolist())) == 73
    for table in (train, validation):
        assert table.labels["detection"].all()
        assert table.labels["segmentation"].sum() == 100
        assert not table.labels["tracking"].any()
        assert len(set(table.clip.tolist())) == 128
    assert sum(left.kind == "mask" for left in loaded.left_out) == 56
