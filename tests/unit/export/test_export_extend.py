"""A further task: the old outputs stay to the bit, or the old tasks are rehearsed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.config import BackboneConfig, HeadsConfig, OptimizerConfig, SharingConfig, TrialConfig
from automtl.config.sharing import shared_stages
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import AutomtlError, BundleError, DataError
from automtl.export import extend as extending
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.extend import Addition, extend
from automtl.export.programs import flat_outputs
from automtl.export.tuning import Tuning
from automtl.export.widen import widened_sharing
from automtl.export.writing import export_bundle
from automtl.model.network import build_network
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource

SIZE = (32, 48)
CONFIG = TrialConfig(
    backbone=BackboneConfig(width=0.25, image_size=SIZE),
    sharing=SharingConfig(order=("detection", "segmentation"), split_after=(2,)),
    heads=HeadsConfig(channels=8),
)
QUICK = OptimizerConfig(epochs=1, steps_per_epoch=2, batch_size=2, lr=1e-2)
FROZEN = Tuning(optimizer=QUICK)
FREE = Tuning(optimizer=QUICK, frozen=())
DEPTH = Addition(task="depth", beside="segmentation", imports={})


def go_on(_epoch: int, _values: object) -> Decision:
    return Decision.CONTINUE


@pytest.fixture(scope="module")
def data() -> SplitData:
    def source(seed: int) -> ShapesSource:
        return ShapesSource(clips=2, frames=3, seed=seed, targets=("depth", "classification"))

    sources = DataConfig(train=(source(1),), validation=(source(2),))
    return load_data(sources, image_size=SIZE, root=None).splits


@pytest.fixture(scope="module")
def bundle(data: SplitData, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = export_bundle(
        tmp_path_factory.mktemp("bundles") / "parent",
        config=CONFIG,
        info=data.info,
        state=build_network(CONFIG, data.info, generator_seed=1).state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=1,
    )
    return load_bundle(path)


def outputs(bundle: Bundle, data: SplitData) -> dict[str, torch.Tensor]:
    with torch.inference_mode():
        return flat_outputs(bundle.network(torch.from_numpy(data.validation.images.copy())))


def without_labels(data: SplitData, task: str) -> SplitData:
    def strip(table):
        return replace(table, labels={**table.labels, task: np.zeros(len(table), dtype=np.bool_)})

    return replace(data, train=strip(data.train), validation=strip(data.validation))


def test_on_a_frozen_trunk_the_old_outputs_are_the_same_bits(bundle, data, tmp_path: Path):
    # What an extension needs of the data is the new task's labels alone.
    data = without_labels(without_labels(data, "detection"), "segmentation")
    made = load_bundle(extend(bundle, data, DEPTH, FROZEN, folder=tmp_path / "b", report=go_on))
    before, after = outputs(bundle, data), outputs(made, data)
    assert set(after) - set(before) == {"depth/log"}
    assert all(torch.equal(before[key], after[key]) for key in before)
    told = made.metrics["old_outputs"]
    assert (told["equal"], told["frames"]) == (True, len(data.validation))
    assert made.config.tasks == ("detection", "segmentation", "depth")
    assert made.manifest.parent.added == ("depth",)
    assert made.manifest.parent.digest == bundle.digest
    assert made.metrics["trained_tasks"] == ["depth"]
    assert "depth/delta1" in made.metrics["validation"]
    assert "Extended by depth from bundle" in (tmp_path / "b" / "MODEL_CARD.md").read_text()


def test_the_new_head_learns(bundle, data, tmp_path: Path):
    none = replace(FROZEN, optimizer=QUICK.model_copy(update={"lr": 1e-12}))
    still = load_bundle(extend(bundle, data, DEPTH, none, folder=tmp_path / "a", report=go_on))
    made = load_bundle(extend(bundle, data, DEPTH, FROZEN, folder=tmp_path / "b", report=go_on))
    one, other = outputs(still, data)["depth/log"], outputs(made, data)["depth/log"]
    assert (one - other).abs().max() > 1e-3


def test_an_old_output_that_changed_is_never_written(bundle, data, tmp_path: Path, monkeypatch):
    real = extending.train_further

    def careless(*arguments, **named):
        tuned = real(*arguments, **named)
        state = dict(tuned.state)
        name = next(name for name in state if name.startswith("heads.detection.heat.bias"))
        state[name] = torch.nextafter(state[name], torch.tensor(9.0))
        return replace(tuned, state=state)

    monkeypatch.setattr(extending, "train_further", careless)
    with pytest.raises(BundleError, match="outputs of detection, segmentation changed by up to"):
        extend(bundle, data, DEPTH, FROZEN, folder=tmp_path / "b", report=go_on)
    assert not (tmp_path / "b").exists()


def test_a_free_trunk_rehearses_the_old_tasks(bundle, data, tmp_path: Path):
    made = load_bundle(extend(bundle, data, DEPTH, FREE, folder=tmp_path / "b", report=go_on))
    assert made.metrics["trained_tasks"] == ["detection", "segmentation", "depth"]
    assert {"detection/mAP", "segmentation/mIoU"} <= set(made.metrics["before"])
    assert {"detection/mAP", "depth/delta1"} <= set(made.metrics["validation"])
    told = made.metrics["old_outputs"]
    assert told["equal"] is False
    assert told["max_abs_difference"] > 0
    with pytest.raises(DataError, match=r"labels of detection.*--freeze-trunk"):
        extend(
            bundle,
            without_labels(data, "detection"),
            DEPTH,
            FREE,
            folder=tmp_path / "c",
            report=go_on,
        )


def test_the_new_task_brings_its_classes(bundle, data, tmp_path: Path):
    addition = Addition(task="classification", beside="detection", imports={})
    names = ("few", "some", "many")
    other = replace(data, info=replace(data.info, image_classes=names, detection_classes=("x",)))
    made = load_bundle(
        extend(bundle, other, addition, FROZEN, folder=tmp_path / "b", report=go_on)
    )
    assert made.info.image_classes == names
    assert made.info.detection_classes == bundle.info.detection_classes
    assert made.config.tasks == ("detection", "classification", "segmentation")


def test_classes_of_rehearsed_tasks_must_be_the_bundles(bundle, data, tmp_path: Path):
    names = ("x", *data.info.detection_classes[1:])
    other = replace(data, info=replace(data.info, detection_classes=names))
    with pytest.raises(DataError, match=r"Write `detection_classes: \["):
        extend(bundle, other, DEPTH, FREE, folder=tmp_path / "b", report=go_on)


@pytest.mark.parametrize(
    ("task", "beside", "told"),
    [
        ("detection", "segmentation", "has the task 'detection' already"),
        ("depth", "segmentatoin", "Did you mean 'segmentation'"),
    ],
)
def test_what_cannot_be_added_is_said(bundle, data, tmp_path: Path, task, beside, told):
    addition = Addition(task=task, beside=beside, imports={})
    with pytest.raises(AutomtlError, match=told):
        extend(bundle, data, addition, FROZEN, folder=tmp_path / "b", report=go_on)


TREES = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.just(tuple("abcd"[:n])),
        st.lists(st.integers(0, 5), min_size=n - 1, max_size=n - 1).map(tuple),
        st.integers(0, n - 1),
    )
)


@settings(deadline=None)
@given(TREES)
def test_the_new_task_shares_as_its_neighbour_does_and_nothing_else_changes(drawn):
    order, splits, place = drawn
    old = SharingConfig(order=order, split_after=splits)
    new = widened_sharing(old, "new", order[place])
    assert shared_stages(new, "new", order[place], 5) == 5
    for one in order:
        if one != order[place]:
            wanted = shared_stages(old, one, order[place], 5)
            assert shared_stages(new, one, "new", 5) == wanted
        for other in order:
            if one != other:
                assert shared_stages(new, one, other, 5) == shared_stages(old, one, other, 5)
