"""Room on the disk: new trials wait, running ones go on, and nothing that counts is removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from automtl.ledger.store import Ledger
from automtl.results import EpochReport, Failure, FailureKind, Pick, TrialStatus
from automtl.space.parts import Budget
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.storage.local import FolderStore
from automtl.storage.names import WEIGHTS
from automtl.study.cleaning import beaten_weights, remove, useless_checkpoints, useless_views
from automtl.study.controller import StudyController
from automtl.study.disk import (
    GB,
    DiskGuard,
    disks_of,
)
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.training.checkpoint_files import kept_checkpoints


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


class Disk:
    """A disk whose free space the test says; each sleep takes the next of ``later``."""

    def __init__(self, free_gb: float, later: tuple[float, ...] = ()) -> None:
        self.free_gb, self.later, self.slept = free_gb, list(later), 0

    def free(self, folder: Path) -> int:
        return int(self.free_gb * GB)

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.free_gb = self.later.pop(0)


@pytest.fixture
def recipe() -> Recipe:
    shipped = load_recipe(find_recipe("quickstart"))
    return shipped.model_copy(update={"budget": Budget(trials=3)})


@pytest.fixture
def folder(recipe: Recipe, tmp_path: Path) -> StudyFolder:
    place = StudyFolder(tmp_path / "study")
    create(recipe, place, Settings())
    return place


@pytest.fixture
def ledger(folder: StudyFolder) -> Iterator[Ledger]:
    with opened(folder) as opened_ledger, held(opened_ledger):
        yield opened_ledger


def desk_of(recipe, ledger, folder, disk, heard=None) -> StudyController:
    guard = DiskGuard(
        disks=disks_of(folder.root, Settings()), min_free_gb=1.0, free=disk.free, sleep=disk.sleep
    )
    return StudyController(
        recipe=recipe, ledger=ledger, folder=folder, observer=heard or Heard(), disk=guard
    )


def end(desk, recipe, number, level, attempt=1) -> None:
    """Let a trial leave its files and end with every objective at a level."""
    place = desk.folder.trial(number)
    for name in ("checkpoint-000001-" + "0" * 16 + ".pt", WEIGHTS):
        (place / name).write_bytes(b"x" * 1000)
    values = {o.metric: level if o.maximize else -level for o in recipe.objectives}
    desk.on_report(number, EpochReport(attempt=attempt, epoch=1, values=values, time_s=0.0))
    desk.on_end(number, attempt, None)


def test_a_new_trial_waits_while_running_ones_go_on(recipe, ledger, folder) -> None:
    disk, heard = Disk(5.0), Heard()
    desk = desk_of(recipe, ledger, folder, disk, heard)
    assert desk.next_order().number == 0
    disk.free_gb = 0.4
    assert desk.next_order() is None
    assert desk.next_order() is None
    (line,) = heard.lines
    assert line.startswith("New trials wait: 400 MB are free on the disk of ")
    end(desk, recipe, 0, 0.5)
    assert ledger.history()[0].status is TrialStatus.COMPLETED
    assert disk.slept == 0
    disk.free_gb = 1.0
    assert desk.next_order().number == 1
    assert heard.lines[1:] == ["There is room on the disk again: the search goes on"]


def test_where_none_runs_the_search_waits_for_room_and_does_not_end(
    recipe, ledger, folder
) -> None:
    disk = Disk(0.4, later=(0.5, 0.9, 1.2))
    order = desk_of(recipe, ledger, folder, disk).next_order()
    assert (order.number, disk.slept) == (0, 3)


def test_a_stop_ends_the_waiting(recipe, ledger, folder) -> None:
    disk = Disk(0.4)
    desk = desk_of(recipe, ledger, folder, disk)
    disk.sleep = lambda _: desk.request_stop()
    desk.disk.sleep = disk.sleep
    assert desk.next_order() is None
    assert ledger.history() == ()


def test_a_spent_budget_ends_the_search_however_full_the_disk_is(recipe, ledger, folder) -> None:
    disk = Disk(5.0)
    desk = desk_of(recipe, ledger, folder, disk)
    for number in range(3):
        desk.next_order()
        end(desk, recipe, number, 0.5)
    disk.free_gb = 0.0
    assert desk.next_order() is None
    assert disk.slept == 0


def test_what_is_queued_waits_too(recipe, ledger, folder) -> None:
    disk = Disk(5.0)
    desk = desk_of(recipe, ledger, folder, disk)
    desk.next_order()
    desk.next_order()
    desk.on_end(0, 1, Failure(kind=FailureKind.LOST_WORKER, message="gone"))
    disk.free_gb = 0.4
    assert desk.next_order() is None
    disk.free_gb = 2.0
    assert desk.next_order().number == 0


def test_a_short_disk_costs_beaten_models_first_and_never_the_front(
    recipe, ledger, folder
) -> None:
    disk, heard = Disk(5.0), Heard()
    desk = desk_of(recipe, ledger, folder, disk, heard)
    for number, level in enumerate((0.5, 0.9)):
        desk.next_order()
        end(desk, recipe, number, level)
    weights = [folder.trial(number) / WEIGHTS for number in (0, 1)]
    assert all(path.is_file() for path in weights), "with room nothing is removed"

    def free(_: Path) -> int:
        return int((0.9 if weights[0].is_file() else 1.1) * GB)

    desk.disk.free = free
    assert desk.next_order().number == 2
    assert [path.is_file() for path in weights] == [False, True]
    assert heard.lines == [
        "The disk is nearly full: 0.0 MB of models that others beat are removed"
    ]


def test_checkpoints_go_when_nothing_can_resume_them(recipe, ledger, folder) -> None:
    desk = desk_of(recipe, ledger, folder, Disk(5.0))
    desk.next_order()
    desk.next_order()
    end(desk, recipe, 0, 0.5)
    assert kept_checkpoints(folder.trial(0)) == []
    left = folder.trial(1) / ("checkpoint-000001-" + "0" * 16 + ".pt")
    left.write_bytes(b"x")
    desk.on_end(1, 1, Failure(kind=FailureKind.LOST_WORKER, message="gone"))
    assert left.is_file(), "it is tried again"
    # A controller that was killed between an end and the removal leaves it to its successor.
    forgotten = [folder.trial(0) / name for name in (left.name, ".best.safetensors.77")]
    being_written = folder.trial(1) / ".best.safetensors.78"
    for path in (*forgotten, being_written):
        path.write_bytes(b"x")
    desk_of(recipe, ledger, folder, Disk(5.0))
    assert not any(path.is_file() for path in forgotten)
    assert left.is_file()
    assert being_written.is_file()


def test_what_cannot_be_removed_is_said_and_the_search_goes_on(
    recipe, ledger, folder, monkeypatch
) -> None:
    heard = Heard()
    desk = desk_of(recipe, ledger, folder, Disk(5.0), heard)
    desk.next_order()
    half = folder.trial(0) / ".best.safetensors.77"
    half.write_bytes(b"x")

    remove_it = Path.unlink

    def denied(path: Path, *, missing_ok: bool = False) -> None:
        if path == half:
            raise PermissionError(13, "Permission denied", str(path))
        remove_it(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", denied)
    end(desk, recipe, 0, 0.5)
    assert desk.next_order() is not None
    desk_of(recipe, ledger, folder, Disk(5.0), heard)
    assert len(heard.lines) == 2
    assert all("Permission denied" in line and half.name in line for line in heard.lines)


def test_picks_baselines_and_the_front_are_kept(recipe, ledger, folder) -> None:
    desk = desk_of(recipe, ledger, folder, Disk(5.0))
    for number, level in enumerate((0.3, 0.9, 0.5)):
        desk.next_order()
        end(desk, recipe, number, level)
    history = ledger.history()
    picked = Pick(number=0, rule="knee", reason="by a limit")
    store = FolderStore(folder.root)
    found = beaten_weights(folder, store, history, recipe.objectives, [picked])
    assert [one.name for one in found] == [f"checkpoints/trial-0002/{WEIGHTS}"]
    assert found[0].reason == "trial 2 is completed and not on the front"
    baseline = history[2].model_copy(update={"origin": "baseline:detection"})
    others = [*history[:2], baseline]
    assert beaten_weights(folder, store, others, recipe.objectives, [picked]) == []
    views = folder.checkpoints / "views" / "rgb+hog-1-abc.npy"
    views.parent.mkdir()
    views.write_bytes(b"x")
    (view,) = useless_views(folder, store, history)
    assert folder.root / view.name == views
    waits = history[1].model_copy(update={"status": TrialStatus.PAUSED})
    assert useless_views(folder, store, [waits]) == []
    assert useless_checkpoints(folder, store, [waits]) == []
    assert [one.n_bytes for one in found] == [1000]
    remove(store, found)
    assert beaten_weights(folder, store, history, recipe.objectives, [picked]) == []
