"""Five tasks on one backbone, from the recipe to predictions, with the real command line."""

import json
from pathlib import Path

import pytest

from automtl.space.recipe import load_recipe
from automtl.study.vision import read_data

pytestmark = pytest.mark.slow

ORDER = "detection, segmentation, tracking, depth, classification"
FURTHER = "targets: [classification, depth]}"


def test_five_tasks_are_searched_exported_and_predicted(automtl, write_recipe, tmp_path: Path):
    from PIL import Image

    recipe = write_recipe(
        ("seed: 1}", f"seed: 1, {FURTHER}"),
        ("seed: 2}", f"seed: 2, {FURTHER}"),
        ("seed: 3}", f"seed: 3, {FURTHER}"),
        ("metric: segmentation/mIoU", "metric: depth/delta1"),
        ("metric: tracking/IDF1", "metric: classification/accuracy"),
        ("  heads:", f"  sharing: {{order: [{ORDER}], split_after: [4, 4, 4, 4]}}\n  heads:"),
        ("epochs: 2", "epochs: 1"),
        ("trials: 3", "trials: 2"),
        ("single_task: [detection]", "single_task: [depth]"),
    )
    study = tmp_path / "study"
    done = automtl("search", recipe, "--folder", study, "--dispatcher", "local")
    assert done.code == 0, done
    assert "median depth" in done.out
    assert "majority picture class" in done.out
    page = (study / "report.html").read_text()
    assert "depth/delta1" in page
    exported = automtl("export", study, "--trial", 0, "--out", tmp_path / "bundle")
    assert exported.code == 0, exported
    metrics = json.loads((tmp_path / "bundle" / "metrics.json").read_text())
    assert {"depth/delta1", "depth/abs_rel", "classification/accuracy"} <= set(metrics["test"])

    clip = tmp_path / "frames"
    clip.mkdir()
    table = read_data(load_recipe(recipe), None, load_test=True).splits.test
    for index in range(2):
        Image.fromarray(table.images[index].transpose(1, 2, 0)).save(clip / f"{index}.png")
    predicted = automtl("predict", tmp_path / "bundle", clip, "--out", tmp_path / "out")
    assert predicted.code == 0, predicted
    (classes,) = (tmp_path / "out" / "classes").iterdir()
    assert len(json.loads(classes.read_text())["pictures"]) == 2
    assert len(list((tmp_path / "out" / "depth").iterdir())) == 2


def test_a_task_without_labels_or_of_no_such_name_is_said(automtl, write_recipe):
    order = "  sharing: {{order: [detection, {}], split_after: [4]}}\n  heads:"
    nameless = write_recipe(("  heads:", order.format("dept")), name="nameless.yaml")
    done = automtl("validate", nameless)
    assert done.code == 2, done
    # The other lines name the objectives that no trial of these tasks will report.
    (line,) = (one for one in done.err.splitlines() if "`dept`" in one)
    assert "nameless.yaml:12" in line
    assert "Did you mean `depth`" in line
