"""A study whose files lie in a store: trials move between machines, and nothing stays behind."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from automtl.dispatch.in_process import InProcessDispatcher
from automtl.errors import AutomtlError, StorageError
from automtl.results import EpochReport, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.storage.local import FolderStore
from automtl.study.artifacts import bring_model, keep_bundle, keep_report, refuse_moved
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder, load_settings
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.study.vision import prepare
from automtl.training.artifacts import load_model
from automtl.training.checkpoint_files import epoch_of, kept_checkpoints


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    source = {"kind": "shapes", "clips": 3, "frames": 3, "n_objects": [2, 3]}
    base_config = {
        "backbone": {"name": "tiny", "image_size": [32, 48], "width": 0.25},
        "heads": {"channels": 8, "embedding_dim": 4},
        "optimizer": {"epochs": 4, "steps_per_epoch": 1, "batch_size": 4},
    }
    changes = {
        "data": {"train": [source], "validation": [{**source, "seed": 1}]},
        "base": base_config,
        "enqueue": [],
        "budget": Budget(trials=1).model_dump(),
        "parameters": {
            "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "default": 3e-3}
        },
        "baselines": {},
    }
    return Recipe.model_validate({**plain, **changes})


@pytest.fixture
def place(recipe: Recipe, tmp_path: Path) -> StudyFolder:
    place = StudyFolder(tmp_path / "study")
    create(recipe, place, Settings(artifacts=f"file://{tmp_path / 'store'}"))
    return place


@pytest.fixture
def machine(tmp_path: Path, monkeypatch) -> Callable[[str], None]:
    """Move to a machine with temporary files of its own."""

    def move(name: str) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))

    return move


def desk_of(recipe, place, ledger, observer=None) -> StudyController:
    return StudyController(
        recipe=recipe,
        ledger=ledger,
        folder=place,
        observer=observer or Silent(),
        artifacts=load_settings(place).artifacts,
    )


def run_until(desk: StudyController, train, epoch: int) -> None:
    """Let the trial's machine die after the report of an epoch."""

    class Dies:
        stop_requested, next_order, on_end = False, desk.next_order, desk.on_end

        def on_report(self, number, report):
            decision = desk.on_report(number, report)
            if report.epoch == epoch:
                raise KeyboardInterrupt
            return decision

    with pytest.raises(KeyboardInterrupt):
        InProcessDispatcher().run(Dies(), train)


@pytest.mark.parametrize(("is_torn", "begins_at"), [(False, 3), (True, 2)], ids=["whole", "torn"])
def test_a_trial_goes_on_from_its_checkpoint_on_another_machine(
    recipe, place, machine, tmp_path, is_torn: bool, begins_at: int
) -> None:
    train = prepare(recipe, Settings(), Silent()).trainable
    trial = tmp_path / "store" / place.trial_name(0)
    machine("first")
    with opened(place) as ledger, held(ledger):
        run_until(desk_of(recipe, place, ledger), train, 3)
    kept = kept_checkpoints(trial)
    assert [epoch_of(path) for path in kept] == [2, 1], "that of epoch 3 was not written yet"
    if is_torn:
        os.truncate(kept[0], kept[0].stat().st_size // 2)
    machine("second")
    with opened(place) as ledger, held(ledger):
        InProcessDispatcher().run(desk_of(recipe, place, ledger), train)
        (record,) = ledger.history()
        assert ledger.check() == []
        notes = [note.text for note in ledger.notes()]
    assert record.status is TrialStatus.COMPLETED
    expected = [(1, e) for e in range(1, begins_at)] + [(2, e) for e in range(begins_at, 5)]
    assert [(report.attempt, report.epoch) for report in record.reports] == expected
    assert len(notes) == is_torn
    assert all("epoch 2 is damaged" in note for note in notes)
    # What stays is the model, in the store alone; its checkpoints and its note are taken.
    assert sorted(path.name for path in trial.iterdir()) == ["best.safetensors", "model.json"]
    assert not place.checkpoints.exists()
    assert not [p for p in (tmp_path / "second").rglob("*") if p.is_file()]
    assert load_model(bring_model(place, 0)).config.digest == record.config_digest


def test_reports_and_bundles_are_kept_and_replaced(place, tmp_path) -> None:
    place.report.write_text("report")
    bundle = place.bundle(7)
    (bundle / "deep").mkdir(parents=True)
    (bundle / "a").write_text("1")
    (bundle / "deep" / "b").write_text("2")
    keep_report(place, Silent())
    address = keep_bundle(place, bundle, 7)
    assert address == f"file://{tmp_path / 'store'}/bundles/trial-0007"
    (bundle / "a").rename(bundle / "c")
    keep_bundle(place, bundle, 7)
    assert FolderStore(tmp_path / "store").sizes() == {
        "bundles/trial-0007/c": 1,
        "bundles/trial-0007/deep/b": 1,
        "report.html": 6,
    }


def test_a_study_without_a_store_keeps_nothing_elsewhere(recipe, tmp_path) -> None:
    place = StudyFolder(tmp_path / "plain")
    create(recipe, place, Settings())
    assert keep_bundle(place, place.bundle(0), 0) == ""
    keep_report(place, Silent())
    assert bring_model(place, 0) == place.trial(0)


def test_a_place_that_cannot_be_used_stops_a_search_before_anything_is_written(
    recipe, tmp_path
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "of_another").write_text("x")
    place = StudyFolder(tmp_path / "study")
    with pytest.raises(StorageError, match="holds files already"):
        create(recipe, place, Settings(artifacts=str(tmp_path / "store")))
    assert not place.root.exists()


def test_the_place_of_a_study_stays() -> None:
    known = Settings(artifacts="s3://a")
    refuse_moved(known, replace(known, slots=3))
    with pytest.raises(AutomtlError, match="the artifacts of this study lie at s3://a"):
        refuse_moved(known, Settings())


def test_a_store_that_is_away_is_said_and_costs_the_controller_nothing(
    recipe, place, tmp_path, monkeypatch
) -> None:
    with opened(place) as ledger, held(ledger):
        heard = Heard()
        desk = desk_of(recipe, place, ledger, heard)
        order = desk.next_order()
        assert order.artifacts == f"file://{tmp_path / 'store'}/checkpoints/trial-0000"

        def broken(*_: object) -> None:
            msg = "s: away"
            raise StorageError(msg)

        monkeypatch.setattr(FolderStore, "sizes", broken)
        monkeypatch.setattr(FolderStore, "get", broken)
        values = {o.metric: 0.5 for o in recipe.objectives}
        desk.on_report(0, EpochReport(attempt=1, epoch=1, values=values, time_s=0.0))
        desk.on_end(0, 1, None)
        assert ledger.history()[0].status is TrialStatus.COMPLETED
    assert heard.lines == ["s: away"] * 3, "two looks for notes, one for checkpoints"
