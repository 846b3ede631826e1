"""A search that has ended goes on with a larger budget, as if it had had it from the start."""

import json
import shlex
from pathlib import Path

import pytest

from automtl.results import TrialRecord
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow


def history_of(folder: Path) -> tuple[TrialRecord, ...]:
    with opened(StudyFolder(folder)) as ledger:
        return ledger.history()


def test_a_search_goes_on_with_a_larger_budget(automtl, write_recipe, tmp_path: Path) -> None:
    local, folder = ("--dispatcher", "local"), tmp_path / "s"
    small = write_recipe(("budget: {trials: 3}", "budget: {trials: 2}"), name="small.yaml")
    large = write_recipe(("budget: {trials: 3}", "budget: {trials: 4}"), name="large.yaml")
    ended = automtl("search", small, *local, "--folder", folder)
    assert ended.code == 0, ended
    before = history_of(folder)

    # Who states the larger budget in the recipe is told how to go on, in a line to copy.
    told = automtl("search", large, *local, "--folder", folder).refused()
    assert "budget.trials was 2, is 4" in told
    going_on = f"automtl resume {folder} --trials 4"
    assert going_on in told
    for option, value in (("trials", 2), ("trials", 1), ("epochs", 4), ("trainings", 0.5)):
        told = automtl("resume", folder, f"--{option}", value).refused()
        assert f"--{option} counts from the begin of the study, and is spent" in told
    assert "--minutes must be above 0" in automtl("resume", folder, "--minutes", -1).refused()
    assert history_of(folder) == before

    more = automtl(*shlex.split(going_on)[1:])
    assert more.code == 0, more
    assert f"--trials {2 * 4}" in more.out
    whole = tmp_path / "whole"
    assert automtl("search", large, *local, "--folder", whole).code == 0
    after, at_once = history_of(folder), history_of(whole)
    assert after[: len(before)] == before
    assert [(r.point, r.seed, r.origin) for r in after] == [
        (r.point, r.seed, r.origin) for r in at_once
    ]
    status = json.loads(automtl("status", folder, "--check", "--json").out)
    assert (status["violations"], status["budget_spent"]) == ([], 1.0)
    assert status["ended_by"] == "budget.trials: 4 of 4"
    # From then on it is the study's own.
    assert automtl("resume", folder).code == 0
    assert history_of(folder) == after
