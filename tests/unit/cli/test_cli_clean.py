"""`automtl clean`, and what `automtl status` says of a full disk."""

import json
from pathlib import Path

import pytest

from automtl.cli.clean import clean_study
from automtl.cli.look import show_status
from automtl.cli.terminal import FAILED, OK
from automtl.errors import LedgerError
from automtl.results import EpochReport
from automtl.space.recipe import find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened


@pytest.fixture
def place(tmp_path: Path) -> StudyFolder:
    """A study with a trial on the front, one that is beaten, and one that is paused."""
    recipe = load_recipe(find_recipe("quickstart"))
    crowded = recipe.resources.model_copy(update={"min_free_gb": 10.0**6})
    recipe = recipe.model_copy(update={"resources": crowded})
    place = StudyFolder(tmp_path / "s")
    create(recipe, place, Settings())
    with opened(place) as ledger, held(ledger):
        desk = StudyController(recipe=recipe, ledger=ledger, folder=place, observer=Silent())
        for number, level in enumerate((0.9, 0.5, 0.1)):
            desk.next_order()
            (place.trial(number) / "best.safetensors").write_bytes(b"x" * 2_000_000)
            (place.trial(number) / "model.json").write_text("{}")
            (place.trial(number) / f"checkpoint-000001-{'0' * 16}.pt").write_bytes(b"x")
            values = {o.metric: level if o.maximize else -level for o in recipe.objectives}
            if number == 2:
                desk.request_stop()
            desk.on_report(number, EpochReport(attempt=1, epoch=1, values=values, time_s=0.0))
            desk.on_end(number, 1, None)
    return place


def left(place: StudyFolder) -> list[str]:
    found = (path for path in place.checkpoints.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(place.checkpoints)) for path in found)


def test_clean_says_first_and_keeps_the_front_and_what_can_be_resumed(place, capsys) -> None:
    before = left(place)
    clean_study(place.root, dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    reason = "trial 1 is completed and not on the front"
    assert lines == [
        f"checkpoints/trial-0001/best.safetensors  2.0 MB  {reason}",
        "1 files, 2.0 MB would be removed",
    ]
    assert left(place) == before
    clean_study(place.root, dry_run=False)
    assert left(place) == [
        "trial-0000/best.safetensors",
        "trial-0000/model.json",
        "trial-0001/model.json",
        "trial-0002/best.safetensors",
        f"trial-0002/checkpoint-000001-{'0' * 16}.pt",
        "trial-0002/model.json",
    ]
    capsys.readouterr()
    clean_study(place.root, dry_run=False)
    assert capsys.readouterr().out == "0 files, 0.0 MB removed\n"


def test_clean_is_refused_while_a_search_runs(place) -> None:
    with opened(place) as ledger, held(ledger):
        before = left(place)
        with pytest.raises(LedgerError, match="is held by"):
            clean_study(place.root, dry_run=False)
        assert left(place) == before


def test_status_says_why_no_new_trial_begins(place, capsys) -> None:
    show_status(place.root, check=True, as_json=False)
    assert "New trials wait: " in capsys.readouterr().out
    show_status(place.root, check=True, as_json=True)
    assert json.loads(capsys.readouterr().out)["disk_free_gb"] > 0


def test_the_check_looks_for_the_models_that_can_be_exported(place, capsys) -> None:
    clean_study(place.root, dry_run=False)
    capsys.readouterr()
    assert show_status(place.root, check=True, as_json=True) == OK
    assert json.loads(capsys.readouterr().out)["violations"] == []
    (place.trial(0) / "best.safetensors").unlink()
    assert show_status(place.root, check=True, as_json=True) == FAILED
    gone = f"trial 0 is on the front, and best.safetensors is gone from {place.trial(0)}"
    assert json.loads(capsys.readouterr().out)["violations"] == [gone]
    assert show_status(place.root, check=False, as_json=True) == OK
