"""A bundle predicts: chunks, pictures that it does not take, and the cues that link objects."""

import json
from pathlib import Path

import pytest
import torch

from automtl.errors import DataError, DeviceError
from automtl.export.bundle import load_bundle
from automtl.export.files import METRICS
from automtl.export.manifest import Fusion
from automtl.fusion.association import BOXES_ALONE, Association
from automtl.tasks.detection import Detections
from automtl.tasks.system import one_object_each
from automtl.testing.small_bundle import write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundles") / "bundle")


def test_predictions_of_chunks_are_those_of_the_whole(written: Path):
    bundle = load_bundle(written)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (5, 3, 64, 96), dtype=torch.uint8, generator=generator)
    whole = bundle.predict(pictures, score_threshold=0.05)
    clip = bundle.clip(score_threshold=0.05)
    parts = [result for chunk in pictures.split([2, 1, 2]) for result in clip.read(chunk)]
    assert sum(len(result.boxes) for result in whole) > 0
    for one, other in zip(whole, parts, strict=True):
        assert one.boxes == pytest.approx(other.boxes, abs=1e-3)
        assert one.ids.tolist() == other.ids.tolist()
        assert (one.mask == other.mask).mean() > 0.99


@pytest.mark.parametrize(
    "pictures",
    [
        torch.zeros(1, 3, 64, 95, dtype=torch.uint8),
        torch.zeros(1, 1, 64, 96, dtype=torch.uint8),
        torch.zeros(3, 64, 96, dtype=torch.uint8),
        torch.zeros(1, 3, 64, 96),
    ],
)
def test_pictures_that_the_model_does_not_take_are_refused(written: Path, pictures: torch.Tensor):
    with pytest.raises(DataError, match=r"uint8 RGB \[B, 3, 64, 96\]"):
        load_bundle(written).predict(pictures)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_there_is_one_line(written: Path, device: str):
    with pytest.raises(DeviceError, match=device) as caught:
        load_bundle(written, device=device)
    assert "\n" not in str(caught.value)


def test_one_object_has_one_class():
    boxes = torch.tensor([[10.0, 10, 50, 50], [11, 10, 50, 50], [40, 40, 60, 60]])
    scores, classes = torch.tensor([0.4, 0.6, 0.5]), torch.tensor([0, 1, 0])
    found = one_object_each(Detections(boxes=boxes, scores=scores, classes=classes))
    assert found.boxes.tolist() == [[11, 10, 50, 50], [40, 40, 60, 60]]
    assert found.classes.tolist() == [1, 0]


TUNED = Fusion(
    kind="scene",
    boxes=BOXES_ALONE,
    scene=Association(box_share=1.0),
    n_candidates=5,
    held_out={"boxes/HOTA": 0.25, "scene/HOTA": 0.5, "default/HOTA": 0.125},
)


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fused") / "bundle", fusion=TUNED)


def test_tuned_parameters_come_back_and_are_used(fused: Path):
    bundle = load_bundle(fused)
    assert bundle.manifest.fusion == TUNED
    pictures = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)

    def boxes(kind):
        (result,) = bundle.predict(pictures, score_threshold=0.0, fusion=kind)
        return result.boxes.tolist()

    assert boxes(None) == boxes("scene")
    assert boxes("boxes") != boxes("scene")


def test_the_card_tells_what_fusing_is_worth(fused: Path):
    card = (fused / "MODEL_CARD.md").read_text()
    assert "| HOTA | 0.125 | 0.25 | 0.5 |" in card
    assert "`scene`" in card
    assert json.loads((fused / METRICS).read_text())["fusion"]["kind"] == "scene"


def test_a_bundle_that_was_not_tuned_predicts_with_either_set_of_cues(written: Path):
    bundle = load_bundle(written)
    assert bundle.manifest.fusion is None
    pictures = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    for kind in ("boxes", "scene", None):
        (result,) = bundle.predict(pictures, score_threshold=0.0, fusion=kind)
        assert (result.ids >= 0).any()


def test_instances_number_the_objects_that_are_shown(written: Path):
    (result,) = load_bundle(written).predict(
        torch.zeros(1, 3, 64, 96, dtype=torch.uint8), score_threshold=0.0
    )
    assert result.instances.shape == (64, 96)
    assert 0 < result.instances.max() <= len(result.boxes)
