"""A training from a study's bundle is recorded in that study, and nowhere else."""

from pathlib import Path

import pytest

from automtl.discovery.rehearsal import RECIPE
from automtl.errors import LedgerError
from automtl.ledger.outbox import EventKind
from automtl.space.recipe import Recipe
from automtl.study import tuned
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, held, opened
from automtl.study.tuned import record_tuned, study_of
from automtl.testing.small_bundle import write


@pytest.fixture
def place(tmp_path: Path) -> StudyFolder:
    made = StudyFolder(tmp_path / "study")
    create(Recipe.model_validate(RECIPE), made, Settings(dispatcher="local"))
    write(made.bundle(4))
    return made


def test_a_bundle_of_a_study_is_found_by_where_it_lies(place: StudyFolder, tmp_path: Path):
    found = study_of(place.bundle(4))
    assert found is not None
    assert found.root == place.root
    assert study_of(tmp_path / "elsewhere") is None
    assert study_of(place.root / "other" / "trial-0004") is None


def test_it_is_announced_with_the_trial_it_began_from(place, tmp_path, monkeypatch):
    monkeypatch.setattr(tuned, "deliver", lambda _: 0)
    assert record_tuned(place.bundle(4), tmp_path / "night") == "MLflow shows it under trial 4"
    with opened(place) as ledger:
        (event,) = ledger.outbox.pending()
    assert event.kind is EventKind.ARTIFACT
    assert event.body == {"kind": "tuned", "path": str(tmp_path / "night"), "trial": 4}


def test_an_mlflow_that_is_away_keeps_nobody_from_the_bundle(place, tmp_path, monkeypatch):
    monkeypatch.setattr(tuned, "deliver", lambda _: 2)
    assert "automtl resume" in record_tuned(place.bundle(4), tmp_path / "night")

    def away(_: StudyFolder) -> int:
        msg = "the ledger is gone"
        raise LedgerError(msg)

    monkeypatch.setattr(tuned, "deliver", away)
    assert "the ledger is gone" in record_tuned(place.bundle(4), tmp_path / "night")


def test_a_study_that_is_searching_is_left_alone(place: StudyFolder, tmp_path: Path):
    with opened(place) as ledger, held(ledger):
        told = record_tuned(place.bundle(4), tmp_path / "night")
    assert told.startswith("The training was not recorded")


def test_a_bundle_without_a_study_is_recorded_nowhere(tmp_path: Path):
    assert record_tuned(write(tmp_path / "b"), tmp_path / "night") == ""
