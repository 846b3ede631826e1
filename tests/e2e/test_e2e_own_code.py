"""Code of the user's own that breaks is one line, with the recipe's line, before any trial."""

from pathlib import Path

import pytest

from automtl.cli import run_command

RECIPE = """\
name: own
data:
  train: [{kind: shapes, clips: 2, frames: 3, seed: 1, targets: [depth]}]
  validation: [{kind: shapes, clips: 1, frames: 3, seed: 2, targets: [depth]}]
objectives: [{metric: detection/mAP, goal: maximize}]
base:
  backbone:
    image_size: [32, 48]
    name: BACKBONE
  sharing:
    order: [detection, bright]
  imports:
    bright: TASK
  weighting: {kind: custom, path: 'own_things:WEIGHTING'}
  optimizer: {epochs: 1, steps_per_epoch: 1, batch_size: 2}
parameters:
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true}
budget: {trials: 1}
"""

MODULE = """\
from dataclasses import dataclass
import torch
from automtl.training.weighting.losses import Fixed

@dataclass
class Bright:
    name: str = "bright"
    primary: str = "bright/x"
    metrics: tuple = ("bright/x",)
    smaller_is_better: frozenset = frozenset()
    def build_head(self, *, channels, strides, heads, info):
        return torch.nn.Identity()
    def loss(self, output, batch, info):
        return torch.zeros(())
    def evaluate(self, outputs, table, info):
        return {"bright/x": 0.0}

class Needy(Bright):
    def __init__(self):
        raise ValueError("no light")

def stages(config):
    raise OSError("no disk")

def weighting(*, tasks, seed, device, options):
    return Fixed(dict.fromkeys(tasks, 1.0))

def none(**given):
    return None
"""


@pytest.fixture
def validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "own_things.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    def run(verb: str, *options: str, **parts: str) -> list[str]:
        text = RECIPE
        for name, default in (
            ("BACKBONE", "tiny"),
            ("TASK", "Bright"),
            ("WEIGHTING", "weighting"),
        ):
            text = text.replace(name, parts.get(name, default), 1)
        text = text.replace("bright: Bright", "bright: own_things:Bright")
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        assert run_command([verb, str(path), *options]) == 2
        printed = capfd.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return printed.err.removeprefix("automtl: ").replace(str(tmp_path), "").splitlines()

    return run


def test_all_that_breaks_is_named_with_its_line(validate) -> None:
    lines = validate(
        "validate", BACKBONE="own_things:stages", TASK="own_things:Needy", WEIGHTING="none"
    )
    assert len(lines) == 3
    assert lines[0].startswith(
        "/recipe.yaml:9: the backbone 'own_things:stages' cannot be built (OSError: no disk). "
    )
    assert lines[1].startswith(
        "/recipe.yaml:13: the task 'own_things:Needy' cannot be built without arguments "
        "(ValueError: no light). "
    )
    assert lines[2].startswith("/recipe.yaml:14: 'own_things:none' returned NoneType")


def test_a_head_is_shown_a_picture(validate) -> None:
    (line,) = validate("validate")
    assert line.startswith("/recipe.yaml:13: the head of 'own_things:Bright' returned tuple")


def test_a_search_with_it_does_not_begin(validate, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    options = ("--folder", str(folder), "--dispatcher", "local")
    (line,) = validate("search", *options, TASK="own_things:Needy")
    assert line.startswith("base.imports.bright: the task 'own_things:Needy' cannot be built")
    assert not folder.exists()
