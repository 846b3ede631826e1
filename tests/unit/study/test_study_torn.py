"""A checkpoint that is damaged between two controllers: epochs go back, and everybody is told."""

import os
from pathlib import Path

import pytest

from automtl.dispatch.in_process import InProcessDispatcher
from automtl.dispatch.notes import leave_note, read_notes
from automtl.experiment_log.updates import updates_of
from automtl.results import EpochReport, Failure, FailureKind, Note, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.storage.local import FolderStore
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.study.vision import prepare
from automtl.training.checkpoint_files import epoch_of, kept_checkpoints


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def small(n_epochs: int) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    source = {"kind": "shapes", "clips": 3, "frames": 3, "n_objects": [2, 3]}
    base = {
        "backbone": {"name": "tiny", "image_size": [32, 48], "width": 0.25},
        "heads": {"channels": 8, "embedding_dim": 4},
        "optimizer": {"epochs": n_epochs, "steps_per_epoch": 1, "batch_size": 4},
    }
    data = {"train": [source], "validation": [{**source, "seed": 1}]}
    parameters = {
        "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True, "default": 3e-3}
    }
    changes = {"data": data, "base": base, "enqueue": [], "budget": Budget(trials=1).model_dump()}
    return Recipe.model_validate({**plain, **changes, "parameters": parameters, "baselines": {}})


@pytest.mark.parametrize(("torn", "goes_back_to"), [(1, 3), (2, 1)], ids=["newest", "both"])
def test_epochs_after_the_last_whole_checkpoint_are_trained_again(
    tmp_path: Path, torn: int, goes_back_to: int
) -> None:
    recipe, place = small(5), StudyFolder(tmp_path / "s")
    create(recipe, place, Settings())
    heard = Heard()
    train = prepare(recipe, Settings(), heard).trainable

    def desk(ledger):
        return StudyController(recipe=recipe, ledger=ledger, folder=place, observer=heard)

    with opened(place) as ledger, held(ledger):
        first = desk(ledger)

        class StopsAtThree:
            on_end, stop_requested = first.on_end, False

            def next_order(self):
                return None if first.stop_requested else first.next_order()

            def on_report(self, number, report):
                if report.epoch == 3:
                    first.request_stop()
                return first.on_report(number, report)

        InProcessDispatcher().run(StopsAtThree(), train)
        assert [epoch_of(path) for path in kept_checkpoints(place.trial(0))] == [3, 2]
        for path in kept_checkpoints(place.trial(0))[:torn]:
            os.truncate(path, path.stat().st_size // 2)
    with opened(place) as ledger, held(ledger):
        second = desk(ledger)
        InProcessDispatcher().run(second, train)
        (record,) = ledger.history()
        assert record.status is TrialStatus.COMPLETED
        expected = [(1, e) for e in range(1, goes_back_to)] + [
            (2, e) for e in range(goes_back_to, 6)
        ]
        assert [(r.attempt, r.epoch) for r in record.reports] == expected
        (note,) = ledger.notes()
        assert (note.number, note.attempt) == (0, 2)
        assert "the checkpoint of epoch 3 is damaged" in note.text
        assert f"Trial 0, attempt 2: {note.text}" in heard.lines
        assert note.text.endswith("starts over" if torn == 2 else "from that of epoch 2")
        told = [e for e in ledger.outbox.pending(1000) if e.kind == "noted"]
        assert [updates_of(e)[0].tags for e in told] == [{"automtl.note.2": note.text}]
        assert ledger.check() == []
        assert read_notes(FolderStore(place.root), place.trial_name(0)) == ()


def test_a_note_is_recorded_once_though_the_controller_was_killed_meanwhile(tmp_path) -> None:
    recipe, place = small(2), StudyFolder(tmp_path / "s")
    create(recipe, place, Settings())
    with opened(place) as ledger, held(ledger):
        heard = Heard()
        desk = StudyController(recipe=recipe, ledger=ledger, folder=place, observer=heard)
        desk.next_order()
        ledger.add_note(Note(number=0, attempt=1, text="said before"))
        leave_note(place.trial(0), "said before")
        leave_note(place.trial(0), "said\nthen")
        desk.on_report(0, EpochReport(attempt=1, epoch=1, values={"x": 1.0}, time_s=0.0))
        assert heard.lines == ["Trial 0, attempt 1: said then"]
        leave_note(place.trial(0), "said last")
        desk.on_report(0, EpochReport(attempt=1, epoch=2, values={"x": 1.0}, time_s=0.0))
        assert len(ledger.notes()) == 2, "a later report does not look"
        desk.on_end(0, 1, Failure(kind=FailureKind.ERROR, message="broke"))
        assert [note.text for note in ledger.notes()] == ["said before", "said then", "said last"]
