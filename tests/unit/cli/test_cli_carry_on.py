"""`finetune` and `extend` on the command line: what a recipe states counts."""

from pathlib import Path

import pytest
import yaml

from automtl.cli import run_command
from automtl.cli.verbs_models import _frozen
from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.data.load import load_data
from automtl.export.bundle import load_bundle
from automtl.export.writing import export_bundle
from automtl.model.network import build_network
from automtl.sources import DataConfig, ShapesSource

SIZE = (32, 48)
CONFIG = TrialConfig(
    backbone=BackboneConfig(width=0.25, image_size=SIZE),
    sharing=SharingConfig(order=("segmentation",), split_after=()),
    heads=HeadsConfig(channels=8),
)
SOURCE = {"kind": "shapes", "clips": 1, "frames": 3, "targets": ["depth"]}
RECIPE = {
    "name": "more",
    "data": {"train": [{**SOURCE, "seed": 1}], "validation": [{**SOURCE, "seed": 2}]},
    "objectives": [{"metric": "segmentation/mIoU", "goal": "maximize"}],
    "base": {
        "backbone": {"image_size": list(SIZE)},
        "sharing": {"order": ["segmentation"]},
        "weighting": {"kind": "rlw"},
        "optimizer": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2},
    },
    "parameters": {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 0.1}},
    "budget": {"trials": 1},
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = DataConfig(
        train=(ShapesSource(clips=1, frames=3),),
        validation=(ShapesSource(clips=1, frames=3, seed=1),),
    )
    info = load_data(sources, image_size=SIZE, root=None).splits.info
    return export_bundle(
        tmp_path_factory.mktemp("bundles") / "parent",
        config=CONFIG,
        info=info,
        state=build_network(CONFIG, info, generator_seed=1).state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=1,
    )


def recipe_file(folder: Path, **base: object) -> str:
    path = folder / "more.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "base": {**RECIPE["base"], **base}}))
    return str(path)


def test_a_task_is_added_and_the_old_outputs_are_said_to_stay(parent, tmp_path, capfd):
    recipe = recipe_file(tmp_path)
    arguments = ["extend", str(parent), "--task", "depth", "--recipe", recipe]
    assert run_command([*arguments, "--out", str(tmp_path / "b")]) == 0
    said = capfd.readouterr().out
    assert "outputs of segmentation are the parent's to the bit, on 3 frames" in said
    assert "delta1" in said
    made = load_bundle(tmp_path / "b")
    assert made.config.tasks == ("segmentation", "depth")
    # A new head learns at the bundle's rate; what the recipe states replaces the bundle's.
    assert made.config.optimizer.lr == CONFIG.optimizer.lr
    assert made.config.optimizer.steps_per_epoch == 1
    assert made.config.weighting.kind == "rlw"


def test_a_recipe_and_options_say_how_a_model_is_tuned(parent, tmp_path, capfd):
    recipe = recipe_file(tmp_path)
    arguments = ["finetune", str(parent), "--recipe", recipe, "--out", str(tmp_path / "b")]
    assert run_command([*arguments, "--freeze", "stage:1", "--lr-of", "head:segmentation=2"]) == 0
    assert "mIoU" in capfd.readouterr().out
    made = load_bundle(tmp_path / "b")
    assert made.config.optimizer.lr == pytest.approx(CONFIG.optimizer.lr / 10)
    assert made.config.weighting.kind == "rlw"
    assert made.manifest.parent.frozen == ("stage:1",)
    assert made.metrics["lr_factors"] == {"head:segmentation": 2.0}


def test_finetuning_names_extend_for_a_task_that_is_not_there(parent, tmp_path, capfd):
    recipe = recipe_file(tmp_path, sharing={"order": ["segmentation", "depth"]})
    arguments = ["finetune", str(parent), "--recipe", recipe, "--out", str(tmp_path / "b")]
    assert run_command(arguments) == 2
    assert "automtl extend BUNDLE --task depth" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (["--lr-of", "trunk"], "Write for example --lr-of trunk=0.1"),
        (["--lr-of", "trunk=0"], "above 0"),
        (["--freeze", "head:depht"], "no task 'depht'"),
        (["--formats", "onx"], "Did you mean 'onnx'"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(parent, tmp_path, capfd, extra, told):
    arguments = ["finetune", str(parent), "--recipe", recipe_file(tmp_path)]
    assert run_command([*arguments, "--out", str(tmp_path / "b"), *extra]) == 2
    said = capfd.readouterr().err
    assert told in said
    assert len(said.strip().splitlines()) == 1
    assert not list(tmp_path.glob("b*"))


def test_the_trunk_stays_unless_something_else_is_said():
    assert _frozen(None, None) == ("trunk",)
    assert _frozen(None, ["stage:1"]) == ("stage:1",)
    assert _frozen(True, ["head:depth"]) == ("trunk", "head:depth")
    assert _frozen(False, None) == ()
