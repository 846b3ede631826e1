"""The front of a real study trained again with the real command line."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from automtl.pareto import front
from automtl.results import TrialRecord, TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow


def history_of(folder: Path) -> tuple[TrialRecord, ...]:
    with opened(StudyFolder(folder)) as ledger:
        return ledger.history()


def test_new_seeds_are_trained_shown_and_logged(mini_study: Path, tmp_path: Path, automtl) -> None:
    study = tmp_path / "again"
    shutil.copytree(mini_study, study)
    before = history_of(study)
    with opened(StudyFolder(study)) as ledger:
        members = front(before, ledger.study().objectives)
    done = automtl("replicate", study, "--seeds", 2)
    assert done.code == 0, done
    assert f"{2 * len(members)} trainings" in done.out
    history = history_of(study)
    again = history[len(before) :]
    assert history[: len(before)] == before
    assert sorted(r.replicate_of for r in again) == sorted(2 * [m.number for m in members])
    assert {r.status for r in again} == {TrialStatus.COMPLETED}
    # Another seed is another training: of the same data, the floors of which are what they were.
    assert all(r.values != history[r.replicate_of].values for r in again)
    assert (study / "floors.json").read_text() == (mini_study / "floors.json").read_text()

    shown = json.loads(automtl("front", study, "--json").out)
    for record in shown:
        numbers = record["replicates"]["trials"]
        values = [history[n].values["segmentation/mIoU"] for n in numbers]
        mean = record["replicates"]["means"]["segmentation/mIoU"]
        assert mean == pytest.approx(sum(values) / 2)
        assert record["replicates"]["half_interval_95"]["segmentation/mIoU"] >= 0
    with sqlite3.connect(study / "mlflow.db") as db:
        origins = [v for (v,) in db.execute("select value from tags where key = 'automtl.origin'")]
        keys = {k for (k,) in db.execute("select key from latest_metrics")}
    assert sum(origin.startswith("replicate:") for origin in origins) == len(again)
    assert {"replicates/p_front", "replicates/mean/segmentation/mIoU"} <= keys
    assert "New seeds" in (study / "report.html").read_text()
    # Nothing is trained twice, and the search is as finished as it was.
    assert "has its replicates" in automtl("replicate", study, "--seeds", 2).out
    assert automtl("resume", study).code == 0
    assert history_of(study) == history


@pytest.mark.ray
def test_on_ray_a_search_replicates_its_front_and_more_seeds_can_follow(
    write_recipe, tmp_path: Path, automtl
) -> None:
    recipe = write_recipe(
        ("budget: {trials: 3}", "budget: {trials: 2}\nreplicates: 1"),
        ("baselines: {single_task: [detection]}\n", ""),
    )
    study = tmp_path / "study"
    done = automtl("search", recipe, "--folder", study, "--slots", 2)
    assert done.code == 0, done
    assert "Replicates, which the budget does not count: 1 trainings of 2 epochs" in " ".join(
        done.out.split()
    )
    history = history_of(study)
    searched, again = history[:2], history[2:]
    with opened(StudyFolder(study)) as ledger:
        members = front(searched, ledger.study().objectives)
    assert sorted(r.replicate_of for r in again) == [m.number for m in members]
    assert {r.status for r in history} == {TrialStatus.COMPLETED}
    for record in again:
        source = history[record.replicate_of]
        assert (record.config, record.point) == (source.config, source.point)
        assert record.seed != source.seed
        assert record.values != source.values
        assert record.values["cost/parameters"] == source.values["cost/parameters"]
        # None began before the search had ended.
        assert record.created_s >= max(r.ended_s for r in searched)
    # Nothing lacks any more.
    assert automtl("resume", study).code == 0
    assert history_of(study) == history

    assert automtl("replicate", study, "--seeds", 2).code == 0
    more = history_of(study)
    assert more[: len(history)] == history
    assert sorted(r.replicate_of for r in more[len(history) :]) == [m.number for m in members]
    assert len({r.seed for r in more}) == len(more)
    with opened(StudyFolder(study)) as ledger:
        assert ledger.check() == []


def test_a_study_without_a_front_cannot_be_replicated(tmp_path: Path, automtl) -> None:
    line = automtl("replicate", tmp_path).refused()
    assert "no study lies in" in line
