"""Searches that cannot teach anything: what the command line says of them, without a traceback."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

import automtl
from automtl.cli import run_command

VALUES = {"error": 0.5, "cost": 3.0}


class NoLog:
    """In place of MLflow's sink, which takes seconds to start."""

    last_error = ""

    def start(self) -> None:
        """Send nothing."""

    def close(
        self, *, timeout_s: float, longest_s: float | None = None, status: str = "FINISHED"
    ) -> int:
        """Leave nothing."""
        del timeout_s, longest_s, status
        return 0


@pytest.fixture(autouse=True)
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automtl.study.search._experiment_log", lambda *_: NoLog())


def searched(folder: Path, values: dict[str, float], **parts: Any) -> str:
    """Search with trainings of two epochs that all report the same; return the folder."""
    whole: dict[str, Any] = {
        "objectives": [
            automtl.Objective(metric="error", goal="minimize"),
            automtl.Objective(metric="cost", goal="minimize"),
        ],
        "parameters": {"lr": automtl.Float(0.01, 1, log=True), "size": automtl.Int(1, 9)},
        "budget": automtl.Budget(trials=12),
        "epochs": 3,
        "early_stopping": automtl.Promotion(eta=3),
    }

    def train(_params: dict[str, Any], report: automtl.TrialReport) -> None:
        for epoch in (1, 2, 3):
            if not report(epoch, values):
                return

    study = automtl.Study(folder, **{**whole, **parts})
    study.run(train, dispatcher="local", observer=automtl.Silent())
    return str(folder)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]):
    """Run a command; return its exit code, and what it printed as single lines."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(list(arguments))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


def test_objectives_that_never_vary_have_a_front_a_pick_and_no_effects(tmp_path, told) -> None:
    folder = searched(tmp_path / "s", VALUES)
    code, out, _ = told("front", folder, "--json")
    members = json.loads(out)
    assert code == 0
    assert {member["values"]["error"] for member in members} == {0.5}
    for rule in ("knee", "ideal", "weighted", "lexicographic"):
        extra = ["--weight", "error=1"] if rule == "weighted" else []
        extra += ["--first", "error"] if rule == "lexicographic" else []
        code, out, _ = told("best", folder, "--rule", rule, *extra, "--json")
        assert code == 0
        # Of equals the first one, so that the pick does not depend on chance.
        assert json.loads(out)["pick"]["number"] == members[0]["number"]
    code, out, _ = told("status", folder, "--json", "--check")
    assert (code, json.loads(out)["violations"]) == (0, [])
    assert told("report", folder, "--out", str(tmp_path / "r.html"))[0] == 0


def test_objectives_that_are_never_numbers_fail_each_trial_with_the_reason(tmp_path, told) -> None:
    folder = searched(tmp_path / "s", {"error": math.nan, "cost": 1.0})
    code, out, _ = told("status", folder, "--json", "--check")
    found = json.loads(out)
    assert (code, found["trials"], found["violations"]) == (0, {"failed": 12}, [])
    assert "`error` is nan" in told("status", folder)[1]
    for verb in (["front"], ["best"], ["replicate", "--seeds", "1"]):
        code, _, err = told(verb[0], folder, *verb[1:])
        assert code == 2
        assert "no trial in" in err
        assert "automtl status" in err
        assert len(err.splitlines()) == 1
    assert told("report", folder, "--out", str(tmp_path / "r.html"))[0] == 0


def test_a_space_of_one_point_is_trained_once(tmp_path, told) -> None:
    folder = searched(tmp_path / "s", VALUES, parameters={"size": automtl.Int(4, 4)})
    code, out, _ = told("status", folder, "--json")
    assert (code, json.loads(out)["trials"]) == (0, {"completed": 1})
    assert told("best", folder)[0] == 0


def test_limits_that_no_trial_is_inside_leave_no_front(tmp_path, told) -> None:
    limits = [automtl.Constraint(metric="cost", max=1.0)]
    folder = searched(tmp_path / "s", VALUES, constraints=limits)
    code, out, _ = told("status", folder, "--json", "--check")
    found = json.loads(out)
    assert (code, found["violations"]) == (0, [])
    assert found["trials"].get("completed", 0) == 0
    for verb in ("front", "best"):
        code, _, err = told(verb, folder)
        assert (code, "within the study's constraints" in err) == (2, True)
    assert told("report", folder, "--out", str(tmp_path / "r.html"))[0] == 0


def test_a_search_whose_space_is_exhausted_says_so(tmp_path: Path, told) -> None:
    folder = searched(tmp_path / "few", VALUES, parameters={"size": automtl.Int(1, 3)})
    code, out, _ = told("status", folder, "--json")
    assert code == 0
    assert json.loads(out)["ended_by"] == "an exhausted space: 3 of 3 points tried"


def test_models_of_ones_own_code_are_not_offered_for_export(tmp_path: Path, told) -> None:
    folder = searched(tmp_path / "s", VALUES)
    code, out, _ = told("best", folder)
    assert (code, "export" in out) == (0, False)
    code, _, err = told("export", folder)
    assert code == 2
    assert "trains code of its own, and only that knows its models" in err
