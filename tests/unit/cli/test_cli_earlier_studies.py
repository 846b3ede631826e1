"""A search that meets an earlier study: its own folder, or one that `warm_start` names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, text

from automtl.cli import run_command
from automtl.results import TrialStatus
from automtl.space.recipe import Recipe
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, held, opened

RECIPE: dict[str, Any] = {
    "name": "test",
    "data": {
        "train": [{"kind": "shapes", "clips": 2, "seed": 1}],
        "validation": [{"kind": "shapes", "clips": 2, "seed": 2}],
    },
    "objectives": [{"metric": "detection/mAP", "goal": "maximize"}],
    "base": {"backbone": {"name": "tiny", "image_size": [64, 96]}},
    "parameters": {"optimizer.lr": {"type": "float", "min": 1e-4, "max": 1e-2, "log": True}},
    "budget": {"trials": 8},
}
OTHER_SPACE = {"optimizer.weight_decay": {"type": "float", "min": 1e-5, "max": 1e-2, "log": True}}

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A study of which two trials have ended."""
    folder = StudyFolder(tmp_path / "old")
    recipe = Recipe.model_validate(RECIPE)
    create(recipe, folder, Settings())
    with opened(folder) as ledger, held(ledger):
        for number, value in enumerate((0.2, 0.6)):
            point = {"optimizer.lr": 10.0 ** -(2 + number)}
            ledger.add_trial(
                number=number,
                point=point,
                config=recipe.space.config_of(point).to_plain(),
                config_digest=str(number),
                origin="sampler",
                seed=number,
            )
            ledger.start_attempt(number, worker="")
            values = {"detection/mAP": value}
            ledger.end_trial(
                number, status=TrialStatus.COMPLETED, values=values, best_epoch=1, failure=None
            )
    return folder.root


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a verb on a recipe with some changes; return its exit code and what it printed."""

    def run(verb: str, *arguments: object, **changes: object) -> tuple[int, str, str]:
        path = tmp_path / "new.yaml"
        path.write_text(yaml.safe_dump({**RECIPE, **changes}))
        capsys.readouterr()
        code = run_command([verb, str(path), *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return code, " ".join(printed.out.split()), printed.err

    return run


def test_a_plain_one_gives_its_best_points(old: Path, told: Told) -> None:
    code, out, err = told("validate", warm_start=[str(old)])
    assert (code, err) == (0, "")
    assert f"the best 2 points of {old} by detection/mAP come first" in out


def test_one_with_another_space_gives_what_both_have(old: Path, told: Told) -> None:
    both = {**RECIPE["parameters"], **OTHER_SPACE}
    assert "the best 2 points" in told("validate", warm_start=[str(old)], parameters=both)[1]
    _, out, _ = told("validate", warm_start=[str(old)], parameters=OTHER_SPACE)
    assert f"nothing of {old} can be tried: they have no parameter in common" in out


def test_one_without_a_trained_trial_gives_nothing(tmp_path: Path, told: Told) -> None:
    create(Recipe.model_validate(RECIPE), StudyFolder(tmp_path / "empty"), Settings())
    out = told("validate", warm_start=[str(tmp_path / "empty")])[1]
    assert "can be tried: no trial there has ended its training" in out


def spoil_settings(folder: Path) -> None:
    settings = folder / "settings.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "turbo": True}))


def spoil_ledger(folder: Path) -> None:
    engine = create_engine(f"sqlite:///{folder / 'ledger.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 999"))
    engine.dispose()


def spoil_recipe(folder: Path) -> None:
    """As a version would that knows another sampler."""
    engine = create_engine(f"sqlite:///{folder / 'ledger.db'}")
    with engine.begin() as connection:
        plain = json.loads(connection.execute(text("SELECT recipe FROM study")).scalar_one())
        changed = json.dumps({**plain, "sampler": {"kind": "oracle"}})
        connection.execute(text("UPDATE study SET recipe = :recipe"), {"recipe": changed})
    engine.dispose()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_settings, ["another version of automtl", "turbo"]),
        (spoil_ledger, ["version 999"]),
    ],
)
def test_one_of_another_version_is_named_in_one_line(
    old: Path, tmp_path: Path, told: Told, capsys, spoil: Callable[[Path], None], words: list[str]
) -> None:
    spoil(old)
    new = tmp_path / "study"
    code, _, err = told("search", "--folder", new, warm_start=[str(old)])
    assert code == 2
    assert len(err.splitlines()) == 1
    assert [word for word in words if word not in err] == []
    assert not new.exists()
    for verb in ("status", "front", "best", "report", "resume", "replicate", "export", "stop"):
        assert run_command([verb, str(old)]) == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1, verb
        assert [word for word in words if word not in err] == [], verb


def test_a_recipe_of_another_version_is_named_by_what_reads_it(old: Path, told: Told, capsys):
    spoil_recipe(old)
    for verb in ("status", "resume", "replicate"):
        assert run_command([verb, str(old)]) == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert "another version of automtl" in err
        assert "sampler" in err
    # Its points are what they were.
    assert told("validate", warm_start=[str(old)])[0] == 0
    code, _, err = told("search", "--folder", old)
    assert code == 2
    assert "another version of automtl" in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"warm_start": ["no/such"]}, ["warm_start", "no study lies in no/such"]),
        (
            {"objectives": [{"metric": "segmentation/mIoU", "goal": "maximize"}]},
            ["warm_start", "none of the objectives segmentation/mIoU"],
        ),
    ],
)
def test_one_that_gives_nothing_is_refused(
    old: Path, tmp_path: Path, told: Told, changes: dict[str, Any], words: list[str]
) -> None:
    new = tmp_path / "study"
    code, _, err = told("search", "--folder", new, **{"warm_start": [str(old)], **changes})
    assert code == 2
    assert len(err.splitlines()) == 1
    assert [word for word in words if word not in err] == []
    assert not new.exists()


def test_another_recipe_in_an_old_folder_is_refused_with_what_differs(
    old: Path, told: Told
) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in old.rglob("*.json"))
    lr = {"optimizer.lr": {"type": "float", "min": 1e-4, "max": 0.1, "log": True}}
    code, _, err = told("search", "--folder", old, parameters=lr, seed=4)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "seed was 0, is 4" in err
    assert "parameters.optimizer.lr.max was 0.01, is 0.1" in err
    assert f"warm_start: [{old}]" in err
    assert sorted((path, path.stat().st_mtime_ns) for path in old.rglob("*.json")) == before


def test_the_same_recipe_in_an_old_folder_is_told_to_resume(old: Path, told: Told) -> None:
    code, _, err = told("search", "--folder", old)
    assert code == 2
    assert f"automtl resume {old}" in err
