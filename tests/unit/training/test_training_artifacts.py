"""What a training leaves on disk comes back as it was, or says what is wrong."""

import json
import os
from dataclasses import replace

import pytest
import torch

from automtl.config import SharingConfig, TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import BundleError
from automtl.storage.names import MODEL, WEIGHTS
from automtl.training.artifacts import SavedModel, load_model, save_model, write_atomically

INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "square"),
    image_size=(32, 48),
    segmentation_frequency=(0.8, 0.1, 0.1),
    digest="abc",
)
CONFIG = TrialConfig(sharing=SharingConfig(order=("segmentation", "detection"), split_after=(2,)))


def model(**changes):
    base = SavedModel(
        config=CONFIG,
        info=INFO,
        state={"w": torch.randn(2, 3), "n": torch.tensor(4, dtype=torch.int64)},
        epoch=2,
        values={"score": 0.25, "loss/detection": 1.5},
    )
    return replace(base, **changes)


def test_model_comes_back_as_it_was(tmp_path):
    saved = model()
    save_model(tmp_path / "trial", saved)
    found = load_model(tmp_path / "trial")
    assert (found.config, found.info) == (CONFIG, INFO)
    assert (found.epoch, dict(found.values)) == (2, dict(saved.values))
    assert set(found.state) == set(saved.state)
    assert all(torch.equal(found.state[name], saved.state[name]) for name in saved.state)
    assert sorted(p.name for p in (tmp_path / "trial").iterdir()) == [WEIGHTS, MODEL]


def test_values_belong_to_the_weights_beside_them(tmp_path):
    save_model(tmp_path, model())
    better = model(state={"w": torch.zeros(1)}, epoch=3, values={"score": 0.75})
    save_model(tmp_path, better)
    found = load_model(tmp_path)
    assert (found.epoch, found.values, found.state["w"].tolist()) == (3, {"score": 0.75}, [0.0])


@pytest.mark.parametrize("damage", ["no folder", "cut weights", "cut json", "foreign json"])
def test_a_broken_model_is_one_line(tmp_path, damage):
    if damage != "no folder":
        save_model(tmp_path, model())
    if damage == "cut weights":
        os.truncate(tmp_path / WEIGHTS, 50)
    if damage == "cut json":
        os.truncate(tmp_path / MODEL, 50)
    if damage == "foreign json":
        (tmp_path / MODEL).write_text(json.dumps({"config": {"spam": 1}, "info": {}}))
    with pytest.raises(BundleError, match="Train the trial again") as caught:
        load_model(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def half(beside):
        beside.write_text("ne")
        msg = "disk full"
        raise OSError(msg)

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
