"""What a training leaves on disk comes back as it was, or says what is wrong."""

import json
import os
from dataclasses import replace

import pytest
import torch

from automtl.config import SharingConfig, TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError, BundleError
from automtl.training.artifacts import (
    MODEL,
    WEIGHTS,
    SavedModel,
    load_model,
    save_model,
    write_atomically,
)
from automtl.training.checkpoint import (
    CHECKPOINT,
    Best,
    Checkpoint,
    Identity,
    Progress,
    load_checkpoint,
    save_checkpoint,
)

INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "square"),
    image_size=(32, 48),
    segmentation_frequency=(0.8, 0.1, 0.1),
    digest="abc",
)
CONFIG = TrialConfig(sharing=SharingConfig(order=("segmentation", "detection"), split_after=(2,)))
IDENTITY = Identity(config=CONFIG.digest, data="abc", seed=3)


def model(**changes):
    base = SavedModel(
        config=CONFIG,
        info=INFO,
        state={"w": torch.randn(2, 3), "n": torch.tensor(4, dtype=torch.int64)},
        epoch=2,
        values={"score": 0.25, "loss/detection": 1.5},
    )
    return replace(base, **changes)


def checkpoint(**changes):
    best = Best(epoch=1, score=0.5, values={"score": 0.5}, state={"w": torch.ones(2)})
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    base = Checkpoint(
        progress=Progress(
            epoch=2,
            spent={"cost/train_s": 1.5},
            history=({"a": 0.5}, {"a": 0.75}),
            strikes=1,
            costs={"cost/flops": 7.0},
            best=best,
        ),
        network=layer.state_dict(),
        optimizers=(optimizer.state_dict(),),
        weighting={"rng": torch.get_rng_state()},
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


def test_checkpoint_comes_back_as_it_was(tmp_path):
    saved = checkpoint()
    save_checkpoint(tmp_path, saved, IDENTITY)
    found = load_checkpoint(tmp_path, IDENTITY)
    assert found is not None
    plain = replace(saved.progress, best=None)
    assert replace(found.progress, best=None) == plain
    assert found.progress.best is not None
    assert torch.equal(found.progress.best.state["w"], torch.ones(2))
    assert torch.equal(found.weighting["rng"], saved.weighting["rng"])
    moments = found.optimizers[0]["state"][0]["exp_avg"]
    assert torch.equal(moments, saved.optimizers[0]["state"][0]["exp_avg"])


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path, IDENTITY) is None


@pytest.mark.parametrize("changes", [{"config": "x"}, {"data": "x"}, {"seed": 4}])
def test_a_foreign_checkpoint_is_refused(tmp_path, changes):
    save_checkpoint(tmp_path, checkpoint(), IDENTITY)
    with pytest.raises(AutomtlError, match="belongs to another training"):
        load_checkpoint(tmp_path, replace(IDENTITY, **changes))


def test_a_cut_checkpoint_is_one_line(tmp_path):
    save_checkpoint(tmp_path, checkpoint(), IDENTITY)
    os.truncate(tmp_path / CHECKPOINT, 100)
    with pytest.raises(AutomtlError, match="Delete it") as caught:
        load_checkpoint(tmp_path, IDENTITY)
    assert len(str(caught.value).splitlines()) == 1


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"identity": Evil()}, tmp_path / CHECKPOINT)
    with pytest.raises(AutomtlError, match="cannot be read"):
        load_checkpoint(tmp_path, IDENTITY)
    assert not (tmp_path / "owned").exists()
