"""Joining sources: class indices, partial labels, digests, the test split."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.data.load import describe, load_data
from automtl.data.table import IGNORED, FrameTable
from automtl.errors import DataError
from automtl.sources import DataConfig, MaskSource, MotSource, ShapesSource

SIZE = (40, 60)
TASKS = {"detection", "segmentation", "tracking"}
A = ShapesSource(clips=2, frames=2, seed=0)
B = ShapesSource(clips=3, frames=2, seed=1)
C = ShapesSource(clips=1, frames=2, seed=2)

Street = Callable[..., MotSource]


def load_shapes(**changes: object) -> FrameTable:
    config = DataConfig(train=(A, B), validation=(C,)).model_copy(update=changes)
    return load_data(config, image_size=SIZE, root=None).splits.train


def assert_consistent(table: FrameTable) -> None:
    n_frames, n_objects = len(table), len(table.boxes)
    assert table.images.shape == (n_frames, 3, *SIZE)
    assert table.images.dtype == np.uint8
    assert table.semantic.shape == table.instances.shape == (n_frames, *SIZE)
    assert (table.semantic.dtype, table.instances.dtype) == (np.uint8, np.uint16)
    assert table.boxes.shape == (n_objects, 4)
    assert table.boxes.dtype == np.float32
    assert table.classes.shape == table.ids.shape == (n_objects,)
    assert table.classes.dtype == table.ids.dtype == np.int64
    assert table.clip.dtype == table.frame.dtype == table.offsets.dtype == np.int64
    assert table.offsets.shape == (n_frames + 1,)
    assert (table.offsets[0], table.offsets[-1]) == (0, n_objects)
    assert (np.diff(table.offsets) >= 0).all()
    assert len(table.names) == n_frames
    assert set(table.labels) == TASKS
    assert np.any(list(table.labels.values()), axis=0).all()
    assert len(set(zip(table.clip.tolist(), table.frame.tolist(), strict=True))) == n_frames
    assert (table.semantic[~table.labels["segmentation"]] == IGNORED).all()


share = st.sampled_from([0.0, 0.3, 1.0])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 50), detection=share, segmentation=st.sampled_from([0.0, 0.3]))
def test_tables_are_consistent(seed: int, detection: float, segmentation: float) -> None:
    dropout = {"detection": detection, "segmentation": segmentation}
    source = ShapesSource(clips=3, frames=2, seed=100 + seed, label_dropout=dropout)
    assert_consistent(load_shapes(train=(source, B)))


def test_clips_of_several_sources_get_their_own_numbers() -> None:
    table = load_shapes()
    assert table.clip.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert table.frame.tolist() == [0, 1] * 5
    first = load_shapes(train=(A,))
    np.testing.assert_array_equal(table.images[: len(first)], first.images)
    np.testing.assert_array_equal(table.boxes[: len(first.boxes)], first.boxes)


def test_named_classes_give_the_indices() -> None:
    order = ("triangle", "square", "disc")
    masks = ("triangle", "background", "disc", "square")
    plain = load_shapes()
    other = load_shapes(detection_classes=order, segmentation_classes=masks)
    names = np.array(("disc", "square", "triangle"))[plain.classes]
    assert [order[index] for index in other.classes] == names.tolist()
    expected = np.full(256, IGNORED)
    expected[:4] = [masks.index(n) for n in ("background", "disc", "square", "triangle")]
    np.testing.assert_array_equal(other.semantic, expected[plain.semantic])


def test_segmentation_frequency_is_that_of_labelled_training_pixels() -> None:
    loaded = load_data(DataConfig(train=(A,), validation=(C,)), image_size=SIZE, root=None)
    semantic = loaded.splits.train.semantic
    labelled = semantic[semantic != IGNORED]
    expected = [(labelled == value).mean() for value in range(4)]
    assert loaded.splits.info.segmentation_frequency == pytest.approx(expected)


def test_the_test_split_is_decoded_only_when_asked_for() -> None:
    config = DataConfig(train=(A,), validation=(C,), test=(B,))
    without = load_data(config, image_size=SIZE, root=None)
    with_test = load_data(config, image_size=SIZE, root=None, load_test=True)
    assert without.splits.test is None
    assert with_test.splits.test is not None
    assert len(with_test.splits.test) == 6
    assert without.splits.info == with_test.splits.info
    assert "test: 6 frames in 3 clips" in describe(with_test)
    assert "test:" not in describe(without)


def test_digest_is_that_of_the_content() -> None:
    def digest(config: DataConfig) -> str:
        return load_data(config, image_size=SIZE, root=None).splits.info.digest

    base = digest(DataConfig(train=(A,), validation=(C,)))
    assert len(base) == 16
    assert digest(DataConfig(train=(A,), validation=(C,))) == base
    assert digest(DataConfig(train=(B,), validation=(C,))) != base
    assert digest(DataConfig(train=(A,), validation=(B,))) != base
    assert digest(DataConfig(train=(C,), validation=(A,))) != base


def test_digest_sees_one_changed_label(street: Street, tmp_path: Path) -> None:
    config = DataConfig(train=(street(gt="gt.txt"),), validation=(street(gt="gt.txt"),))
    one = load_data(config, image_size=SIZE, root=tmp_path).splits.info.digest
    path = tmp_path / "gt.txt"
    path.write_text(path.read_text().replace("2,1,13", "2,1,14"))
    assert load_data(config, image_size=SIZE, root=tmp_path).splits.info.digest != one


def test_data_of_other_tasks_mix(street: Street, tmp_path: Path) -> None:
    boxes = street(gt="gt.txt")
    stills = MaskSource(images="frames", masks="masks", ignore=11)
    shapes = ShapesSource(clips=1, frames=2)
    config = DataConfig(
        train=(shapes, boxes, stills),
        validation=(boxes,),
        segmentation_classes=("background", "disc", "square", "triangle"),
    )
    loaded = load_data(config, image_size=SIZE, root=tmp_path)
    table = loaded.splits.train
    assert_consistent(table)
    names = ("disc", "square", "triangle", "car", "person")
    assert loaded.splits.info.detection_classes == names
    assert table.labels["detection"].tolist() == [True] * 5 + [False] * 3
    assert table.labels["tracking"].tolist() == [True] * 5 + [False] * 3
    assert table.labels["segmentation"].tolist() == [True] * 2 + [False] * 3 + [True] * 3
    assert table.clip.tolist() == [0, 0, 1, 1, 1, 2, 3, 4]
    cars = table.classes[table.offsets[2] : table.offsets[5]]
    assert [names[index] for index in cars] == ["car", "person", "car", "car"]
    assert "train: 8 frames in 5 clips" in describe(loaded)


def test_a_class_of_the_test_split_alone_is_refused(street: Street, tmp_path: Path) -> None:
    config = DataConfig(train=(A,), validation=(C,), test=(street(gt="gt.txt"),))
    with pytest.raises(DataError, match="'car' is not among"):
        load_data(config, image_size=SIZE, root=tmp_path, load_test=True)


def test_the_table_has_the_fields_the_digest_covers() -> None:
    """A new field of the table must be added to the digest."""
    known = {"images", "clip", "frame", "names", "labels", "offsets", "boxes", "classes", "ids"}
    assert {field.name for field in fields(FrameTable)} == known | {
        "semantic",
        "instances",
        "source",
        "rates",
        "targets",
        "views",
    }
