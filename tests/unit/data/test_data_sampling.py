"""Batches: a pure function of the step, paired where ids need it, fair to scarce labels."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.data.load import load_data
from automtl.data.sampling import FARTHEST, BatchSampler, augment
from automtl.data.table import FrameTable, MultiTaskBatch, make_batch
from automtl.errors import DataError
from automtl.sources import DataConfig, ShapesSource

TASKS = ("detection", "tracking", "segmentation")


def table_of(**knobs: object) -> FrameTable:
    source = ShapesSource(clips=8, frames=6).model_copy(update=knobs)
    other = ShapesSource(clips=1, frames=1, seed=9)
    config = DataConfig(train=(source,), validation=(other,))
    return load_data(config, image_size=(48, 64), root=None).splits.train


@pytest.fixture(scope="module")
def table() -> FrameTable:
    return table_of()


@pytest.fixture(scope="module")
def partial() -> FrameTable:
    """48 frames: one clip has no detection labels, and so on; all combinations occur."""
    dropout = {"detection": 0.5, "segmentation": 0.5, "tracking": 0.5}
    return table_of(label_dropout=dropout, seed=4, clips=12)


def batch_of(table: FrameTable, indices: list[int]) -> MultiTaskBatch:
    return make_batch(table, np.array(indices), device=torch.device("cpu"))


@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(0, 10**6),
    seed=st.integers(-5, 10**9),
    tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=3, unique=True),
)
def test_every_frame_drawn_carries_a_wanted_label(
    partial: FrameTable, step: int, seed: int, tasks: list[str]
) -> None:
    rows = BatchSampler(partial, batch_size=6, seed=seed).sample(step, tasks)
    assert rows.shape == (6,)
    assert rows.dtype == np.int64
    carries = np.any([partial.labels[task][rows] for task in tasks], axis=0)
    assert carries.all()
    again = BatchSampler(partial, batch_size=6, seed=seed).sample(step, tasks)
    np.testing.assert_array_equal(rows, again)


@settings(max_examples=40, deadline=None)
@given(step=st.integers(0, 10**6))
def test_tracking_sees_ordered_pairs_of_one_clip(table: FrameTable, step: int) -> None:
    rows = BatchSampler(table, batch_size=8, seed=0).sample(step, TASKS)
    first, second = rows[0::2], rows[1::2]
    np.testing.assert_array_equal(table.clip[first], table.clip[second])
    apart = table.frame[second] - table.frame[first]
    assert ((apart >= 1) & (apart <= FARTHEST)).all()


def test_a_pair_is_labelled_for_tracking_on_both_sides(partial: FrameTable) -> None:
    sampler = BatchSampler(partial, batch_size=4, seed=0)
    for step in range(50):
        rows = sampler.sample(step, ["tracking"])
        assert partial.labels["tracking"][rows].all()


def test_pairs_are_drawn_whichever_task_they_are_for(table: FrameTable) -> None:
    sampler = BatchSampler(table, batch_size=8, seed=0)
    rows = np.array([sampler.sample(step, ["detection"]) for step in range(30)])
    assert (table.clip[rows[:, 0::2]] == table.clip[rows[:, 1::2]]).all()


def test_frames_without_ids_come_singly(table: FrameTable) -> None:
    none = np.zeros(len(table), dtype=np.bool_)
    stills = replace(table, labels={**table.labels, "tracking": none})
    sampler = BatchSampler(stills, batch_size=8, seed=0)
    rows = np.array([sampler.sample(step, ["detection"]) for step in range(30)])
    assert (table.clip[rows[:, 0::2]] != table.clip[rows[:, 1::2]]).mean() > 0.5


def test_steps_and_seeds_change_the_draw(table: FrameTable) -> None:
    sampler = BatchSampler(table, batch_size=8, seed=0)
    base = sampler.sample(0, TASKS).tolist()
    assert sampler.sample(1, TASKS).tolist() != base
    assert BatchSampler(table, batch_size=8, seed=1).sample(0, TASKS).tolist() != base


@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(0, 10**6),
    seed=st.integers(0, 10**9),
    tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=3, unique=True),
)
def test_a_task_sees_the_same_frames_alone_and_beside_others(
    table: FrameTable, step: int, seed: int, tasks: list[str]
) -> None:
    assert all(mask.all() for mask in table.labels.values()), "what the claim is about"
    sampler = BatchSampler(table, batch_size=6, seed=seed)
    np.testing.assert_array_equal(sampler.sample(step, tasks), sampler.sample(step, TASKS))


@settings(max_examples=40, deadline=None)
@given(step=st.integers(0, 10**6), task=st.sampled_from(TASKS))
def test_both_frames_of_a_two_carry_the_label_it_is_for(
    table: FrameTable, step: int, task: str
) -> None:
    drawn = np.random.default_rng(7).random((3, len(table))) < 0.4
    ragged = replace(table, labels=dict(zip(TASKS, drawn, strict=True)))
    rows = BatchSampler(ragged, batch_size=6, seed=0).sample(step, [task])
    assert ragged.labels[task][rows].all()


@pytest.mark.parametrize("tasks", [TASKS, ("segmentation",)])
def test_rates_are_shares_of_the_draws(table: FrameTable, tasks: tuple[str, ...]) -> None:
    """Of 8 clips the last 2 are a source at rate 6: two thirds of the draws are from it."""
    source = np.isin(table.clip, [6, 7]).astype(np.int64)
    rated = replace(table, source=source, rates=(1.0, 6.0))
    sampler = BatchSampler(rated, batch_size=40, seed=1)
    rows = np.concatenate([sampler.sample(step, tasks) for step in range(100)])
    share = source[rows].mean()
    # 2000 pairs: a standard deviation is 0.0105, the band is five of them.
    assert abs(share - 12 * 6 / (12 * 6 + 36)) < 0.053
    counts = np.bincount(rows, minlength=len(table))
    assert counts.min() > 0


def test_equal_rates_are_no_rates(table: FrameTable) -> None:
    plain = BatchSampler(table, batch_size=8, seed=3)
    rated = BatchSampler(replace(table, rates=(2.5,)), batch_size=8, seed=3)
    for step in range(50):
        np.testing.assert_array_equal(plain.sample(step, TASKS), rated.sample(step, TASKS))


def test_order_of_calls_does_not_matter(table: FrameTable) -> None:
    forward, backward = (BatchSampler(table, batch_size=4, seed=5) for _ in range(2))
    one = [forward.sample(step, TASKS).tolist() for step in range(6)]
    two = [backward.sample(step, TASKS).tolist() for step in reversed(range(6))]
    assert one == two[::-1]


def test_every_frame_is_seen(table: FrameTable) -> None:
    sampler = BatchSampler(table, batch_size=8, seed=0)
    seen = Counter(int(row) for step in range(200) for row in sampler.sample(step, TASKS))
    assert set(seen) == set(range(len(table)))


def test_scarce_labels_are_seen_as_often_as_others(table: FrameTable) -> None:
    scarce = np.zeros(len(table), dtype=np.bool_)
    scarce[5] = True
    few = replace(table, labels={**table.labels, "segmentation": scarce})
    sampler = BatchSampler(few, batch_size=4, seed=0)
    hits = [5 in sampler.sample(step, ("detection", "segmentation")) for step in range(20)]
    assert all(hits)


def test_check_names_the_task_without_labels(table: FrameTable) -> None:
    none = np.zeros(len(table), dtype=np.bool_)
    bare = replace(table, labels={**table.labels, "detection": none})
    sampler = BatchSampler(bare, batch_size=4, seed=0)
    sampler.check(["segmentation", "tracking"])
    with pytest.raises(DataError, match="labels of detection"):
        sampler.check(["segmentation", "detection"])
    with pytest.raises(DataError, match="labels of detection"):
        sampler.sample(0, ["detection"])


def test_tracking_needs_two_frames_of_a_clip() -> None:
    stills = table_of(frames=1)
    with pytest.raises(DataError, match="no training clip has two frames"):
        BatchSampler(stills, batch_size=4, seed=0).check(["tracking"])


@pytest.mark.parametrize("size", [0, 1, 5])
def test_an_odd_batch_is_refused(table: FrameTable, size: int) -> None:
    with pytest.raises(ValueError, match="even"):
        BatchSampler(table, batch_size=size, seed=0)


def test_augment_mirrors_boxes_and_masks_with_the_picture(table: FrameTable) -> None:
    batch = batch_of(table, [0, 1, 6, 8, 12, 13, 18, 20, 24, 25, 30, 32])
    changed = augment(batch, rng=np.random.default_rng(0))
    width = batch.images.shape[-1]
    flips = []
    for i in range(len(batch.images)):
        same = bool((changed.semantic[i] == batch.semantic[i]).all())
        if same:
            assert torch.equal(changed.boxes[i], batch.boxes[i])
        else:
            assert torch.equal(changed.semantic[i], batch.semantic[i].flip(-1))
            back = width - changed.boxes[i][:, [2, 0]]
            assert torch.equal(back, batch.boxes[i][:, [0, 2]])
            assert torch.equal(changed.boxes[i][:, [1, 3]], batch.boxes[i][:, [1, 3]])
        correlation = np.corrcoef(
            changed.images[i].flatten(),
            (batch.images[i] if same else batch.images[i].flip(-1)).flatten(),
        )
        assert correlation[0, 1] > 0.95
        flips.append(same)
    assert flips[0::2] == flips[1::2], "the frames of a pair are mirrored together"
    assert set(flips) == {True, False}


def test_augment_leaves_its_input_alone(table: FrameTable) -> None:
    batch = batch_of(table, [0, 1, 2, 3])
    images, semantic = batch.images.clone(), batch.semantic.clone()
    changed = augment(batch, rng=np.random.default_rng(1))
    assert torch.equal(batch.images, images)
    assert torch.equal(batch.semantic, semantic)
    assert changed.images.dtype == torch.uint8
    assert not torch.equal(changed.images, images)


def test_augment_is_a_function_of_its_generator(table: FrameTable) -> None:
    batch = batch_of(table, [0, 1, 6, 7])
    one, two = (augment(batch, rng=np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one.images, two.images)
    assert torch.equal(one.semantic, two.semantic)


def test_augment_takes_a_frame_without_objects(table: FrameTable) -> None:
    batch = batch_of(table, [0, 1])
    bare = replace(batch, boxes=(torch.empty(0, 4), torch.empty(0, 4)))
    for seed in range(4):
        changed = augment(bare, rng=np.random.default_rng(seed))
        assert [box.shape for box in changed.boxes] == [(0, 4), (0, 4)]
