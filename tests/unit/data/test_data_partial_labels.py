"""Partial labels: nested shares of clips, on training only, and any subset on any reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.data.fraction import keep_fraction
from automtl.data.load import LoadedData, describe, load_data
from automtl.data.sampling import BatchSampler
from automtl.data.table import FrameTable
from automtl.errors import DataError
from automtl.sources import (
    DataConfig,
    MaskSource,
    MotSource,
    ShapesSource,
    Source,
    YoloSource,
)

TASKS = ("detection", "segmentation", "tracking")
SIZE = (48, 64)


def load(**changes: Any) -> LoadedData:
    base = {
        "train": (ShapesSource(clips=10, frames=2),),
        "validation": (ShapesSource(clips=4, frames=2, seed=1),),
    }
    return load_data(DataConfig(**{**base, **changes}), image_size=SIZE, root=None)


@pytest.fixture(scope="module")
def table() -> FrameTable:
    return load().splits.train


def kept_clips(table: FrameTable, task: str) -> set[int]:
    return set(table.clip[table.labels[task]].tolist())


@settings(max_examples=60, deadline=None)
@given(
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    seed=st.integers(0, 10**9),
    task=st.sampled_from(TASKS),
)
def test_a_smaller_share_is_part_of_a_larger_one(
    table: FrameTable, shares: tuple[float, float], seed: int, task: str
) -> None:
    small, large = sorted(shares)
    few = keep_fraction(table, {task: small}, seed=seed).table
    many = keep_fraction(table, {task: large}, seed=seed).table
    assert kept_clips(few, task) <= kept_clips(many, task)
    assert 10 * small <= len(kept_clips(few, task)) < 10 * small + 1
    for other in set(TASKS) - {task}:
        np.testing.assert_array_equal(few.labels[other], table.labels[other])
    # A clip keeps its labels on all frames or on none.
    assert few.labels[task].sum() == 2 * len(kept_clips(few, task))


def test_seeds_and_tasks_choose_other_clips(table: FrameTable) -> None:
    half = dict.fromkeys(TASKS, 0.5)
    one, two = (keep_fraction(table, half, seed=seed).table for seed in (0, 1))
    assert kept_clips(one, "detection") != kept_clips(two, "detection")
    assert kept_clips(one, "detection") != kept_clips(one, "segmentation")


def test_the_whole_share_changes_nothing(table: FrameTable) -> None:
    kept = keep_fraction(table, dict.fromkeys(TASKS, 1.0), seed=3).table
    for task in TASKS:
        np.testing.assert_array_equal(kept.labels[task], table.labels[task])


def test_only_training_loses_labels_and_it_is_said() -> None:
    loaded = load(label_fraction={"segmentation": 0.25}, label_seed=4)
    splits = loaded.splits
    assert splits.train.labels["segmentation"].sum() == 6
    assert splits.validation.labels["segmentation"].all()
    assert len(splits.train) == 20
    line = "train: segmentation keeps its labels on 3 of 10 clips (fraction 0.25, seed 4)"
    assert line in describe(loaded).splitlines()
    assert splits.info.digest != load().splits.info.digest


def test_a_share_of_already_partial_labels() -> None:
    source = ShapesSource(clips=20, frames=2, label_dropout={"detection": 0.5})
    before = load(train=(source,)).splits.train
    after = load(train=(source,), label_fraction={"detection": 0.5}).splits.train
    n_clips = len(kept_clips(before, "detection"))
    assert kept_clips(after, "detection") < kept_clips(before, "detection")
    assert len(kept_clips(after, "detection")) == -(-n_clips // 2)


def test_a_misspelt_task_is_named() -> None:
    with pytest.raises(DataError, match=r"'detecton'.*Did you mean 'detection'"):
        load(label_fraction={"detecton": 0.5})


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_no_share_outside_of_0_to_1(share: float) -> None:
    with pytest.raises(ValidationError, match="label_fraction"):
        load(label_fraction={"detection": share})


def test_rates_reach_the_table_and_are_said() -> None:
    sources = (ShapesSource(clips=3, frames=2), ShapesSource(clips=1, frames=2, seed=7, rate=3))
    loaded = load(train=sources)
    assert loaded.splits.train.source.tolist() == [0] * 6 + [1] * 2
    assert loaded.splits.train.rates == (1.0, 3.0)
    assert "each of the 2 frames of shapes (seed 7) is drawn at rate 3" in describe(loaded)
    even = tuple(source.model_copy(update={"rate": 1.0}) for source in sources)
    assert load(train=even).splits.info.digest != loaded.splits.info.digest
    assert "rate" not in describe(load(train=even))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_rate_where_nothing_is_drawn_is_refused(split: str) -> None:
    with pytest.raises(ValidationError, match="for sources that train"):
        load(**{split: (ShapesSource(seed=5, rate=2),)})


@pytest.mark.parametrize("rate", [0, -1, float("inf")])
def test_a_rate_is_positive_and_finite(rate: float) -> None:
    with pytest.raises(ValidationError):
        ShapesSource(rate=rate)


SUBSETS = [
    tuple(task for task, kept in zip(TASKS, bits, strict=True) if kept)
    for bits in np.ndindex(2, 2, 2)
]


@pytest.mark.parametrize("kept", SUBSETS)
def test_any_subset_of_labels_from_the_shapes(kept: tuple[str, ...]) -> None:
    dropout = {task: 0.0 if task in kept else 1.0 for task in TASKS}
    source = ShapesSource(clips=2, frames=2, label_dropout=dropout)
    if not kept:
        with pytest.raises(DataError, match="no labelled frame"):
            load(train=(source,))
        return
    table = load(train=(source,)).splits.train
    assert {task for task in TASKS if table.labels[task].all()} == set(kept)
    assert {task for task in TASKS if table.labels[task].any()} == set(kept)
    _usable(table, kept)


def _usable(table: FrameTable, kept: tuple[str, ...]) -> None:
    """Training draws for the labelled tasks, and says of the others what they lack."""
    sampler = BatchSampler(table, batch_size=4, seed=0)
    for task in TASKS:
        if task in kept:
            assert table.labels[task][sampler.sample(0, [task])].all()
        else:
            with pytest.raises(DataError, match="training"):
                sampler.check([task])


PARTS: list[tuple[dict[str, str], set[str]]] = [
    ({"masks": "masks"}, {"segmentation"}),
    ({"gt": "gt.txt"}, {"detection", "tracking"}),
    ({"instances": "instances"}, {"detection", "tracking"}),
    ({"gt": "gt.txt", "masks": "masks"}, set(TASKS)),
]


@pytest.mark.parametrize(("parts", "kept"), PARTS)
def test_any_subset_of_labels_from_a_clip(
    street: Callable[..., MotSource], tmp_path: Path, parts: dict[str, str], kept: set[str]
) -> None:
    table = from_files(tmp_path, street(**parts))
    assert {task for task in TASKS if table.labels[task].all()} == kept
    _usable(table, tuple(kept))


@pytest.mark.parametrize("with_masks", [True, False])
def test_any_subset_of_labels_from_stills(
    street: Callable[..., MotSource], tmp_path: Path, with_masks: bool
) -> None:
    """YOLO stills: the first has boxes and maybe a mask, the second has neither file."""
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text("0 0.5 0.5 0.2 0.2")
    (tmp_path / "masks" / "002.png").unlink()
    masks = "masks" if with_masks else None
    table = from_files(
        tmp_path,
        YoloSource(images="frames", labels="labels", names=("car",), masks=masks, ignore=11),
    )
    rows = {name: i for i, name in enumerate(table.names)}
    assert table.labels["segmentation"].any() == with_masks
    assert not table.labels["tracking"].any()
    if with_masks:
        assert not table.labels["segmentation"][rows["002.png"]]
        assert table.labels["segmentation"][rows["001.png"]]
    _usable(table, ("detection", "segmentation") if with_masks else ("detection",))


def test_sources_with_different_tasks_train_in_one_run(
    street: Callable[..., MotSource], tmp_path: Path
) -> None:
    sources = (
        MaskSource(images="frames", masks="masks", ignore=11, rate=4),
        street(gt="gt.txt"),
    )
    table = from_files(tmp_path, *sources)
    assert table.source.tolist() == [0] * 3 + [1] * 3
    assert table.labels["segmentation"].tolist() == [True] * 3 + [False] * 3
    assert table.labels["tracking"].tolist() == [False] * 3 + [True] * 3
    _usable(table, TASKS)
    sampler = BatchSampler(table, batch_size=6, seed=0)
    for step in range(10):
        rows = sampler.sample(step, TASKS)
        assert set(table.source[rows].tolist()) == {0, 1}, "both sources are in each batch"


def from_files(root: Path, *train: Source) -> FrameTable:
    config = DataConfig(
        train=train,
        validation=(MaskSource(images="frames", masks="masks", ignore=11),),
        detection_classes=("car", "person"),
        segmentation_classes=("road", "tree", "sky"),
        # A missing mask leaves nothing of a validation frame, which the tests are not about.
        max_left_out=1,
    )
    return load_data(config, image_size=(40, 60), root=root).splits.train
