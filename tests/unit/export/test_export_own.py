"""A bundle with a task of one's own: allowed by name, predicted by its decode, fine-tuned."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from automtl.cli import run_command
from automtl.config import (
    BackboneConfig,
    CustomWeighting,
    HeadsConfig,
    OptimizerConfig,
    SharingConfig,
    TrialConfig,
)
from automtl.data.load import load_data
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError, BundleError
from automtl.export.bundle import load_bundle
from automtl.export.finetune import finetune
from automtl.export.predict import predict_files
from automtl.export.tuning import Tuning
from automtl.export.writing import export_bundle
from automtl.model.network import build_network
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource

SIZE = (32, 48)
INFO = DataInfo(detection_classes=(), segmentation_classes=("ground", "thing"), image_size=SIZE)
MODULE = """\
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn

class Head(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.value = nn.Linear(channels, 1)
        self.map = nn.Conv2d(channels, 1, 1)
    def forward(self, features):
        last = features[-1]
        return {"value": self.value(last.mean((2, 3)))[:, 0], "map": self.map(last)}

@dataclass(frozen=True)
class Silent:
    name: str = "bright"
    primary: str = "bright/fit"
    metrics: tuple = ("bright/fit",)
    smaller_is_better: frozenset = frozenset()
    def build_head(self, *, channels, strides, heads, info):
        return Head(channels[-1])
    def loss(self, output, batch, info):
        rows = batch.labels[self.name]
        return (output["value"][rows] - batch.targets[self.name][rows]).square().sum()
    def evaluate(self, outputs, table, info):
        found = torch.cat([o["value"] for o in outputs]).numpy()
        return {"bright/fit": -float(np.abs(found - table.targets[self.name]).mean())}

class Bright(Silent):
    def decode(self, output, info):
        value = output["value"].clone()
        value[1:2] = float("nan")
        sign = value.numpy() > 0
        pair = torch.stack([value, value > 0], 1)
        return {"bright": value, "pair": pair, "map": output["map"][:, 0], "sign": sign}

class Short(Silent):
    def decode(self, output, info):
        return {"bright": output["value"][:1]}

class Angry(Silent):
    def decode(self, output, info):
        raise LookupError("no lamp")

def weigh(*, tasks, seed, device, options):
    raise LookupError("no scales")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Path, str]]:
    """Write a bundle whose second task is a class of a module of one's own."""
    (tmp_path / "own_light.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_light", raising=False)

    def make(name: str) -> tuple[Path, str]:
        path = f"own_light:{name}"
        config = TrialConfig(
            backbone=BackboneConfig(width=0.25, image_size=SIZE),
            heads=HeadsConfig(channels=8),
            sharing=SharingConfig(order=("segmentation", "bright"), split_after=(2,)),
            optimizer=OptimizerConfig(epochs=1, steps_per_epoch=2, batch_size=2),
            imports={"bright": path},
        )
        state = build_network(config, INFO, generator_seed=0).state_dict()
        folder = export_bundle(
            tmp_path / name,
            config=config,
            info=INFO,
            state=state,
            metrics={},
            pick=None,
            study=None,
            seed=0,
        )
        return folder, path

    return make


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Three frames with masks and a number each."""
    rng = np.random.default_rng(0)
    for folder in ("frames", "masks", "light"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for i in range(3):
        frame = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(frame).save(tmp_path / f"data/frames/{i}.png")
        mask = (frame[..., 0] > 128).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / f"data/masks/{i}.png")
        np.save(tmp_path / f"data/light/{i}.npy", np.float32(frame.mean() / 255))
    return tmp_path / "data" / "frames"


def test_predictions_are_what_decode_says(own, frames: Path, tmp_path: Path) -> None:
    folder, path = own("Bright")
    bundle = load_bundle(folder, allow_imports=[path])
    summary = predict_files(bundle, frames, tmp_path / "out")
    lines = (tmp_path / "out/own/bright/frames.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    pictures = np.stack([np.asarray(Image.open(frames / f"{i}.png")) for i in range(3)])
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    with torch.inference_mode():
        raw = bundle.network(images)["bright"]
    assert [r["file_name"] for r in records] == ["0.png", "1.png", "2.png"]
    assert records[0]["bright"] == pytest.approx(float(raw["value"][0]))
    assert records[1]["bright"] is None, "what is not a number is null"
    assert records[0]["pair"] == [records[0]["bright"], float(records[0]["bright"] > 0)]
    assert records[2]["sign"] is bool(raw["value"][2] > 0)
    kept = np.load(tmp_path / "out" / records[2]["map"])
    np.testing.assert_allclose(kept, raw["map"][2, 0].numpy(), rtol=1e-5)
    assert summary.undecoded == ()
    result = bundle.predict(images)[2]
    assert result.own["bright"]["bright"] == pytest.approx(float(raw["value"][2]))
    predict_files(bundle, frames, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize(("name", "said"), [("Short", r"for 3 frames"), ("Angry", "no lamp")])
def test_a_decode_that_breaks_is_one_line(own, frames: Path, tmp_path: Path, name, said) -> None:
    folder, path = own(name)
    bundle = load_bundle(folder, allow_imports=[path])
    with pytest.raises(AutomtlError, match=said) as caught:
        predict_files(bundle, frames, tmp_path / "out")
    assert path in str(caught.value)
    assert caught.value.fix


def test_the_command_line_allows_code_by_name(
    own,
    frames: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, path = own("Silent")
    monkeypatch.delitem(sys.modules, "own_light")
    predict = ["predict", str(folder), str(frames), "--out", str(tmp_path / "out")]
    assert run_command(predict) == 2
    assert f"--allow-imports {path}" in capfd.readouterr().err
    assert "own_light" not in sys.modules, "code that is not allowed must not run"
    assert run_command([*predict, "--allow-imports", path]) == 0
    assert "nothing of bright: its class has no `decode`" in capfd.readouterr().out
    assert not (tmp_path / "out" / "own").exists()


def test_a_weighting_of_ones_own_runs_in_fine_tuning_alone_and_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_scales.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    path = "own_scales:weigh"
    config = TrialConfig(
        backbone=BackboneConfig(width=0.25, image_size=SIZE),
        heads=HeadsConfig(channels=8),
        sharing=SharingConfig(order=("segmentation",)),
        weighting=CustomWeighting(path=path),
        optimizer=OptimizerConfig(epochs=1, steps_per_epoch=1, batch_size=2),
    )
    clip = ShapesSource(clips=1, frames=2)
    sources = DataConfig(train=(clip,), validation=(clip.model_copy(update={"seed": 1}),))
    data = load_data(sources, image_size=SIZE, root=None).splits
    folder = export_bundle(
        tmp_path / "weighed",
        config=config,
        info=data.info,
        state=build_network(config, data.info, generator_seed=0).state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=0,
    )

    def tune(*allowed: str) -> None:
        finetune(
            load_bundle(folder, allow_imports=allowed),
            data,
            Tuning(optimizer=config.optimizer),
            folder=tmp_path / "tuned",
            report=lambda epoch, values: Decision.CONTINUE,
        )

    with pytest.raises(BundleError, match=f"--allow-imports {path}"):
        tune()
    assert "own_scales" not in sys.modules, "code that is not allowed must not run"
    with pytest.raises(AutomtlError, match="no scales"):
        tune(path)


RECIPE = """\
name: more
data:
  train: [SOURCE]
  validation: [SOURCE]
  segmentation_classes: [ground, thing]
objectives: [{metric: bright/fit, goal: maximize}]
base:
  sharing: {order: [ORDER]}
  imports: {bright: 'own_light:Bright'}
parameters:
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2}
budget: {trials: 1}
"""


def test_fine_tuning_goes_on_with_a_task_of_ones_own(
    own, frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, path = own("Bright")
    source = "{kind: masks, images: frames, masks: masks, targets: {bright: light}}"
    recipe = tmp_path / "more.yaml"
    text = RECIPE.replace("SOURCE", source)
    recipe.write_text(text.replace("ORDER", "segmentation, bright, depth"))
    tune = ["finetune", str(folder), "--recipe", str(recipe), "--out", str(tmp_path / "tuned")]
    tune += ["--data", str(frames.parent), "--epochs", "1", "--steps", "2"]
    assert run_command(tune) == 2
    assert f"--allow-imports {path}" in capfd.readouterr().err
    tune += ["--allow-imports", path]
    assert run_command(tune) == 2
    refused = capfd.readouterr().err
    assert "`sharing.order` has depth; the bundle's heads are segmentation, bright" in refused
    assert "extend BUNDLE --task depth" in refused
    assert not (tmp_path / "tuned").exists()
    recipe.write_text(text.replace("ORDER", "segmentation, bright"))
    assert run_command(tune) == 0
    before = load_bundle(folder, allow_imports=[path]).network.state_dict()
    after = load_bundle(tmp_path / "tuned", allow_imports=[path]).network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("heads.bright") for name in changed)
    assert not any(name.startswith("stages") for name in changed)
