"""Fine-tuning: what is frozen stays to the bit, classes follow their names, the parent is told."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from automtl.config import (
    AlternatingSchedule,
    FixedWeighting,
    OptimizerConfig,
)
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import AutomtlError, BundleError, DataError
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.finetune import finetune, slower
from automtl.export.tuning import Tuning
from automtl.export.writing import export_bundle
from automtl.model.network import same_tensors
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.testing.small_bundle import CONFIG_LEARNED as CONFIG
from automtl.testing.small_bundle import fresh_state

SIZE = (64, 96)
QUICK = OptimizerConfig(epochs=1, steps_per_epoch=3, batch_size=4, lr=1e-2)


def go_on(_epoch: int, _values: object) -> Decision:
    return Decision.CONTINUE


@pytest.fixture(scope="module")
def data() -> SplitData:
    sources = DataConfig(
        train=(ShapesSource(clips=4, frames=4, seed=1),),
        validation=(ShapesSource(clips=2, frames=4, seed=2),),
    )
    return load_data(sources, image_size=SIZE, root=None).splits


@pytest.fixture(scope="module")
def bundle(data: SplitData, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = export_bundle(
        tmp_path_factory.mktemp("bundles") / "parent",
        config=CONFIG,
        info=data.info,
        state=fresh_state(CONFIG, data.info),
        metrics={},
        pick=None,
        study=None,
        seed=1,
    )
    return load_bundle(path)


def tune(bundle: Bundle, data: SplitData, folder: Path, *, freeze_trunk: bool = True) -> Bundle:
    tuning = Tuning(optimizer=QUICK, frozen=("trunk",) if freeze_trunk else (), seed=5)
    return load_bundle(finetune(bundle, data, tuning, folder=folder, report=go_on))


def part(bundle: Bundle, start: str) -> dict[str, torch.Tensor]:
    return {k: v for k, v in bundle.network.state_dict().items() if k.startswith(start)}


def without_labels(data: SplitData, task: str) -> SplitData:
    def strip(table):
        return replace(table, labels={**table.labels, task: np.zeros(len(table), dtype=np.bool_)})

    return replace(data, train=strip(data.train), validation=strip(data.validation))


def test_a_frozen_trunk_stays_to_the_bit_and_heads_learn(
    bundle: Bundle, data: SplitData, tmp_path: Path
):
    tuned = tune(bundle, data, tmp_path / "b")
    assert any("running_mean" in name for name in part(bundle, "stages."))
    assert same_tensors(part(bundle, "stages."), part(tuned, "stages."))
    for task in CONFIG.tasks:
        assert not same_tensors(part(bundle, f"heads.{task}."), part(tuned, f"heads.{task}."))


def test_a_free_trunk_learns_with_its_statistics(bundle: Bundle, data: SplitData, tmp_path: Path):
    tuned = tune(bundle, data, tmp_path / "b", freeze_trunk=False)
    before, after = part(bundle, "stages."), part(tuned, "stages.")
    assert all(
        not torch.equal(before[name], after[name])
        for name in before
        if name.endswith("weight") or "running_mean" in name
    )


def test_the_new_bundle_names_its_parent_and_tells_before_and_after(
    bundle: Bundle, data: SplitData, tmp_path: Path
):
    tuned = tune(bundle, data, tmp_path / "b")
    parent = tuned.manifest.parent
    assert parent is not None
    assert (parent.digest, parent.config_digest) == (bundle.digest, CONFIG.digest)
    assert parent.freeze_trunk
    assert tuned.config.optimizer == QUICK
    assert tuned.config.backbone == CONFIG.backbone, "where the trunk is from is not forgotten"
    metrics = json.loads((tmp_path / "b" / "metrics.json").read_text())
    assert metrics["parent"]["digest"] == bundle.digest
    assert set(metrics["before"]) <= set(metrics["validation"])
    assert "segmentation/mIoU" in metrics["before"]
    assert bundle.digest in (tmp_path / "b" / "MODEL_CARD.md").read_text()


def test_other_classes_follow_their_names(bundle: Bundle, data: SplitData, tmp_path: Path):
    names = ("triangle", "star", "disc")
    masks = ("background", "star", *data.info.segmentation_classes[2:])
    info = replace(
        data.info,
        detection_classes=names,
        segmentation_classes=masks,
        segmentation_frequency=(),
    )
    tuned = tune(bundle, replace(data, info=info), tmp_path / "b")
    assert tuned.info.detection_classes == names
    assert tuned.metrics["classes"]["detection"] == {
        "kept": ["triangle", "disc"],
        "new": ["star"],
        "dropped": ["square"],
    }
    assert tuned.metrics["classes"]["segmentation"]["new"] == ["star"]
    assert same_tensors(part(bundle, "stages."), part(tuned, "stages."))


def test_a_head_without_labels_stays_to_the_bit(bundle: Bundle, data: SplitData, tmp_path: Path):
    tuned = tune(bundle, without_labels(data, "tracking"), tmp_path / "b")
    assert tuned.config.tasks == CONFIG.tasks
    assert same_tensors(part(bundle, "heads.tracking."), part(tuned, "heads.tracking."))
    assert not same_tensors(part(bundle, "heads.detection."), part(tuned, "heads.detection."))
    assert tuned.metrics["trained_tasks"] == ["detection", "segmentation"]
    assert "tracking/IDF1" not in tuned.metrics["validation"]


def test_a_free_trunk_needs_labels_of_every_task(bundle: Bundle, data: SplitData, tmp_path: Path):
    with pytest.raises(DataError, match=r"labels of tracking.*--freeze-trunk"):
        tune(bundle, without_labels(data, "tracking"), tmp_path / "b", freeze_trunk=False)
    assert list(tmp_path.iterdir()) == []


def test_data_without_any_label_are_refused(bundle: Bundle, data: SplitData, tmp_path: Path):
    bare = data
    for task in CONFIG.tasks:
        bare = without_labels(bare, task)
    with pytest.raises(DataError, match=r"labels of detection, segmentation, tracking"):
        tune(bundle, bare, tmp_path / "b")


def test_frames_of_another_size_are_refused(bundle: Bundle, data: SplitData, tmp_path: Path):
    other = replace(data, info=replace(data.info, image_size=(96, 128)))
    with pytest.raises(DataError, match=r"\(96, 128\).*\(64, 96\)"):
        tune(bundle, other, tmp_path / "b")


def test_an_existing_folder_is_refused_before_training(bundle: Bundle, data: SplitData):
    def never(_epoch: int, _values: object) -> Decision:
        raise AssertionError

    with pytest.raises(BundleError, match="exists already"):
        finetune(bundle, data, Tuning(optimizer=QUICK), folder=bundle.path, report=never)


def test_by_default_a_tenth_of_the_rate():
    assert slower(QUICK) == QUICK.model_copy(update={"lr": 1e-3})


def test_one_stage_stays_while_the_others_learn(bundle: Bundle, data: SplitData, tmp_path: Path):
    tuning = Tuning(optimizer=QUICK, frozen=("stage:1", "head:detection"))
    tuned = load_bundle(finetune(bundle, data, tuning, folder=tmp_path / "b", report=go_on))
    for kept in ("stages.1-", "heads.detection."):
        assert part(bundle, kept)
        assert same_tensors(part(bundle, kept), part(tuned, kept))
    for moved in ("stages.2-", "stages.4-", "heads.segmentation."):
        assert not same_tensors(part(bundle, moved), part(tuned, moved))
    assert tuned.manifest.parent.frozen == ("stage:1", "head:detection")


def test_a_part_learns_at_its_own_rate(bundle: Bundle, data: SplitData, tmp_path: Path):
    def way(factors: dict[str, float], name: str) -> dict[str, float]:
        plain = QUICK.model_copy(update={"name": "sgd", "weight_decay": 0.0, "grad_clip": 0.0})
        one_step = plain.model_copy(update={"steps_per_epoch": 1, "warmup": 0.0, "lr": 1e-4})
        tuning = Tuning(optimizer=one_step, frozen=(), lr_factors=factors, seed=5)
        tuned = load_bundle(finetune(bundle, data, tuning, folder=tmp_path / name, report=go_on))
        before, after = bundle.network.state_dict(), tuned.network.state_dict()
        return {k: float((after[k] - before[k]).norm()) for k in before if k.endswith("weight")}

    plain, slow = way({}, "plain"), way({"trunk": 0.1, "head:tracking": 0.5}, "slow")
    for name, length in plain.items():
        factor = 0.1 if name.startswith("stages.") else 0.5 if "tracking" in name else 1.0
        assert slow[name] == pytest.approx(factor * length, rel=0.05, abs=1e-7), name


def test_broken_off_and_begun_again_it_ends_with_the_same_bits(
    bundle: Bundle, data: SplitData, tmp_path: Path
):
    tuning = Tuning(optimizer=QUICK.model_copy(update={"epochs": 3}), seed=5)
    whole = load_bundle(finetune(bundle, data, tuning, folder=tmp_path / "a", report=go_on))
    seen: list[int] = []

    def breaks(epoch: int, _values: object) -> Decision:
        seen.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt
        return Decision.CONTINUE

    with pytest.raises(KeyboardInterrupt):
        finetune(bundle, data, tuning, folder=tmp_path / "b", report=breaks)
    assert not (tmp_path / "b").exists()
    other = replace(tuning, seed=6)
    with pytest.raises(AutomtlError, match="unfinished training of another bundle"):
        finetune(bundle, data, other, folder=tmp_path / "b", report=go_on)

    def notes(epoch: int, _values: object) -> Decision:
        seen.append(epoch)
        return Decision.CONTINUE

    again = load_bundle(finetune(bundle, data, tuning, folder=tmp_path / "b", report=notes))
    assert seen == [1, 2, 2, 3], "the first epoch is not trained again"
    told = again.metrics["epochs"]
    assert [each["epoch"] for each in told] == [1, 2, 3]
    assert (
        told[-1]["values"]["detection/mAP"]
        == whole.metrics["epochs"][-1]["values"]["detection/mAP"]
    )
    assert same_tensors(whole.network.state_dict(), again.network.state_dict())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_another_weighting_and_schedule(bundle: Bundle, data: SplitData, tmp_path: Path):
    tuning = Tuning(
        optimizer=QUICK, weighting=FixedWeighting(), schedule=AlternatingSchedule(block=1)
    )
    tuned = load_bundle(finetune(bundle, data, tuning, folder=tmp_path / "b", report=go_on))
    assert tuned.config.weighting == FixedWeighting()
    assert tuned.config.schedule == AlternatingSchedule(block=1)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"frozen": ("stage:9",)}, "stage:9: there is no stage 9. The backbone has 4"),
        ({"frozen": ("head:detektion",)}, "Did you mean 'detection'"),
        ({"frozen": ("stage:0",)}, "'stage:0' is no part of a network"),
        ({"lr_factors": {"torso": 0.1}}, "'torso' is no part of a network"),
    ],
)
def test_a_part_that_is_not_there_is_named(bundle, data, tmp_path: Path, named, told):
    with pytest.raises(AutomtlError, match=re.escape(told)):
        finetune(
            bundle, data, Tuning(optimizer=QUICK, **named), folder=tmp_path / "b", report=go_on
        )
    assert list(tmp_path.iterdir()) == []
