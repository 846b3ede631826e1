"""Tensors follow the names of classes, and a part of a network is that part."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.config import (
    AlternatingSchedule,
    FixedWeighting,
    SharingConfig,
    STCHWeighting,
)
from automtl.config.sharing import shared_stages
from automtl.data.table import DataInfo
from automtl.export.narrow import narrow_config, narrow_state
from automtl.export.remap import class_change, remap_state
from automtl.export.weights import build_from
from automtl.model.network import same_tensors
from automtl.testing.small_bundle import CONFIG_LEARNED as CONFIG
from automtl.testing.small_bundle import fresh_state

SIZE = (64, 96)


# Classes by name -------------------------------------------------------------------------------

NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True).map(tuple)


def info_of(detection: tuple[str, ...], segmentation: tuple[str, ...]) -> DataInfo:
    return DataInfo(
        detection_classes=detection, segmentation_classes=segmentation, image_size=SIZE
    )


@settings(max_examples=6, deadline=None)
@given(NAMES, NAMES, NAMES, NAMES)
def test_a_shared_class_keeps_its_outputs_wherever_it_stands(old_d, new_d, old_s, new_s):
    old, new = info_of(old_d, old_s), info_of(new_d, new_s)
    remapped = remap_state(CONFIG, fresh_state(CONFIG, old), old, new, seed=2)
    picture = torch.randint(0, 256, (1, 3, *SIZE), dtype=torch.uint8)
    with torch.inference_mode():
        before = build_from(CONFIG, old, fresh_state(CONFIG, old), where="old")(picture)
        after = build_from(CONFIG, new, remapped.state, where="new")(picture)
    for task, key, first, second in (
        ("detection", "heat", old_d, new_d),
        ("segmentation", "logits", old_s, new_s),
    ):
        for name in set(first) & set(second):
            one = before[task][key][:, first.index(name)]
            other = after[task][key][:, second.index(name)]
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert torch.equal(before["tracking"]["embedding"], after["tracking"]["embedding"])


@given(NAMES, NAMES)
def test_every_class_is_kept_new_or_dropped(old, new):
    change = class_change(old, new)
    assert {*change.kept, *change.new} == set(new)
    assert {*change.kept, *change.dropped} == set(old)
    assert not set(change.new) & set(change.dropped)


# Part of a network -----------------------------------------------------------------------------

SHARINGS = st.permutations(["detection", "segmentation", "tracking"]).flatmap(
    lambda order: st.tuples(st.integers(0, 6), st.integers(0, 6)).map(
        lambda splits: SharingConfig(order=tuple(order), split_after=splits)
    )
)


@settings(max_examples=6, deadline=None)
@given(SHARINGS, st.sets(st.sampled_from(["detection", "segmentation", "tracking"]), min_size=1))
def test_the_part_of_a_network_gives_the_same_outputs(sharing: SharingConfig, tasks: set[str]):
    config = CONFIG.model_copy(update={"sharing": sharing})
    info = info_of(("a", "b"), ("x", "y"))
    state = fresh_state(config, info)
    order = tuple(task for task in sharing.order if task in tasks)
    narrow = narrow_config(config, order)
    picture = torch.randint(0, 256, (1, 3, *SIZE), dtype=torch.uint8)
    with torch.inference_mode():
        whole = build_from(config, info, state, where="whole")(picture)
        own = build_from(narrow, info, narrow_state(config, info, state, order), where="part")
        found = own(picture)
    assert tuple(found) == order
    for task in order:
        assert same_tensors(whole[task], found[task])


@given(SHARINGS)
def test_tasks_that_stay_share_as_much_as_before(sharing: SharingConfig):
    first, _, third = sharing.order
    narrow = narrow_config(CONFIG.model_copy(update={"sharing": sharing}), (first, third))
    assert shared_stages(narrow.sharing, first, third, 5) == shared_stages(
        sharing, first, third, 5
    )


def test_weights_of_tasks_that_leave_are_left_out():
    weighting = FixedWeighting(weights={"detection": 3.0, "tracking": 0.0})
    config = CONFIG.model_copy(
        update={"weighting": weighting, "schedule": AlternatingSchedule(block=2)}
    )
    pair = narrow_config(config, ("detection", "segmentation"))
    assert pair.weighting == FixedWeighting(weights={"detection": 3.0})
    assert pair.schedule == config.schedule
    assert narrow_config(config, ("tracking",)).weighting == FixedWeighting()


def test_preferences_of_a_soft_maximum_go_with_their_tasks():
    config = CONFIG.model_copy(
        update={"weighting": STCHWeighting(mu=0.5, weights={"detection": 2.0, "tracking": 3.0})}
    )
    narrow = narrow_config(config, ("detection", "segmentation"))
    assert narrow.weighting == STCHWeighting(mu=0.5, weights={"detection": 2.0})
    narrow.weighting.check_tasks(narrow.tasks)
