"""`automtl lessons`: what a table and JSON say, and where there is nothing to say."""

import json
from pathlib import Path

import numpy as np
import pytest

import automtl
from automtl.cli import run_command
from automtl.results import TrialStatus
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, held, opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A study of which 30 trials have ended: `lr` decides the error, all cost the same."""
    study = automtl.Study(
        tmp_path / "s",
        objectives=[
            automtl.Objective(metric="error", goal="minimize"),
            automtl.Objective(metric="cost", goal="minimize"),
        ],
        parameters={"lr": automtl.Float(0, 1), "size": automtl.Int(1, 9)},
        budget=automtl.Budget(trials=30),
    )
    folder = StudyFolder(Path(study.folder))
    create(study.search, folder, Settings())
    rng = np.random.default_rng(0)
    with opened(folder) as ledger, held(ledger):
        for number in range(30):
            point = {"lr": float(rng.uniform()), "size": int(rng.integers(1, 10))}
            ledger.add_trial(
                number=number,
                point=point,
                config=point,
                config_digest=str(number),
                origin="sampler",
                seed=number,
            )
            ledger.start_attempt(number, worker="")
            ledger.end_trial(
                number,
                status=TrialStatus.COMPLETED,
                values={"error": point["lr"] + float(rng.normal(0, 0.05)), "cost": 2.0},
                best_epoch=1,
                failure=None,
            )
    return folder.root


def test_clear_effects_are_told_from_unclear_ones(place: Path, capsys) -> None:
    assert run_command(["lessons", str(place)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "30 trials were trained to their end" in told
    assert "lr: error is lowest with " in told
    assert "No clear effect on error: size" in told
    assert "cost was the same in all trials" in told
    assert "Too few" not in told


def test_a_program_gets_intervals_and_words(place: Path, capsys) -> None:
    assert run_command(["lessons", str(place), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["trials"], found["too_few"], found["constant"]) == (30, [], ["cost"])
    lr, size = found["effects"]
    assert (lr["choice"], lr["objective"], lr["is_clear"]) == ("lr", "error", True)
    assert (size["is_clear"], size["words"]) == (False, "size: no clear effect on error")
    assert all(level["low"] <= level["mean"] <= level["high"] for level in lr["levels"])
    assert [level["mean"] for level in lr["levels"]] == sorted(
        level["mean"] for level in lr["levels"]
    )
    assert 0 <= size["explained"] < lr["explained"] <= 1


def test_a_study_without_a_trained_trial_has_no_lessons(tmp_path: Path, capsys) -> None:
    study = automtl.Study(
        tmp_path / "empty",
        objectives=[automtl.Objective(metric="error", goal="minimize")],
        parameters={"lr": automtl.Float(0, 1)},
        budget=automtl.Budget(trials=3),
    )
    create(study.search, StudyFolder(tmp_path / "empty"), Settings())
    assert run_command(["lessons", str(tmp_path / "empty")]) == 2
    assert "has been trained to the end" in capsys.readouterr().err
    assert run_command(["lessons", str(tmp_path / "empty"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effects"] == []
