"""A second search with the real command line takes the first one's baseline."""

import json
import sqlite3
from pathlib import Path

import pytest

from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow


def test_a_second_search_trains_no_baseline_again(
    automtl, mini_study: Path, mini_recipe: Path
) -> None:
    """Beside the first study, as in `studies/`: its folder of kept baselines is found."""
    before = sorted((mini_study.parent / ".baselines").iterdir())
    assert len(before) == 1
    study = mini_study.parent / "second"
    arguments = ("search", mini_recipe, "--folder", study, "--dispatcher", "local", "--trials", 2)
    done = automtl(*arguments)
    assert done.code == 0, done
    said = " ".join(done.out.split())
    assert "1 trainings of together 2 epochs: detection alone" in said
    assert f"1 of these trainings are reused from {before[0].parent}" in said
    with opened(StudyFolder(mini_study)) as ledger:
        trained = ledger.history()[1]
    with opened(StudyFolder(study)) as ledger:
        _, reused, _ = ledger.history()
        assert ledger.check() == []
    assert reused.origin == trained.origin == "baseline:detection"
    assert (reused.values, reused.seed) == (trained.values, trained.seed)
    assert not (StudyFolder(study).trial(1)).exists(), "no training has been here"

    told = "reused: trial 1 of the study 'mini'"
    assert told in " ".join(automtl("status", study).out.split())
    assert json.loads(automtl("status", study, "--json").out)["notes"][0]["number"] == 1
    assert "reused: trial 1 of the study" in (study / "report.html").read_text()
    with sqlite3.connect(study / "mlflow.db") as db:
        tags = [value for (value,) in db.execute("select value from tags")]
    assert sum(tag.startswith(told) for tag in tags) == 1
    assert "trained elsewhere" in automtl("export", study, "--trial", 1).refused()
    # Cleaning a study takes nothing from the others.
    assert automtl("clean", study).code == 0
    assert sorted((mini_study.parent / ".baselines").iterdir()) == before
