"""What the controller writes for each event, on a real ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from automtl.ledger.store import Ledger
from automtl.results import Decision, EpochReport, Failure, FailureKind, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.controller import MAX_LOST_WORKERS, StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened

LOST = Failure(kind=FailureKind.LOST_WORKER, message="gone")


@pytest.fixture
def recipe() -> Recipe:
    shipped = load_recipe(find_recipe("quickstart"))
    return shipped.model_copy(update={"budget": Budget(trials=2)})


@pytest.fixture
def folder(recipe: Recipe, tmp_path: Path) -> StudyFolder:
    place = StudyFolder(tmp_path / "study")
    create(recipe, place, Settings())
    return place


@pytest.fixture
def ledger(folder: StudyFolder) -> Iterator[Ledger]:
    with opened(folder) as opened_ledger, held(opened_ledger):
        yield opened_ledger


def controller(recipe: Recipe, ledger: Ledger, folder: StudyFolder) -> StudyController:
    return StudyController(recipe=recipe, ledger=ledger, folder=folder, observer=Silent())


def whole(recipe: Recipe) -> dict[str, float]:
    return {o.metric: 0.5 for o in recipe.objectives}


def report(epoch: int, values: dict[str, float], attempt: int = 1) -> EpochReport:
    return EpochReport(attempt=attempt, epoch=epoch, values=values, time_s=0.0)


def test_a_study_ends_when_its_budget_is_spent(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    for number in range(2):
        order = desk.next_order()
        assert order.number == number
        assert not desk.is_over
        assert desk.on_report(number, report(1, whole(recipe))) is Decision.CONTINUE
        desk.on_end(number, 1, None)
    assert desk.next_order() is None
    assert desk.is_over
    assert [r.status for r in ledger.history()] == [TrialStatus.COMPLETED] * 2
    assert ledger.check() == []


def test_a_missing_objective_is_a_failure(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    desk.next_order()
    desk.on_report(0, report(1, {"detection/mAP": 0.1}))
    desk.on_end(0, 1, None)
    (record,) = ledger.history()
    assert record.failure.kind is FailureKind.MISSING_METRIC
    assert "segmentation/mIoU" in record.failure.message
    assert record.values == {}


def test_a_lost_worker_is_replaced_a_few_times(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    for attempt in range(1, MAX_LOST_WORKERS + 2):
        order = desk.next_order()
        assert (order.number, order.attempt, order.resume) == (0, attempt, attempt > 1)
        desk.on_end(0, attempt, LOST)
    assert ledger.history()[0].status is TrialStatus.FAILED
    assert desk.next_order().number == 1
    assert ledger.check() == []


def test_a_stop_pauses_and_the_next_controller_goes_on(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    desk.next_order()
    desk.request_stop()
    assert desk.on_report(0, report(1, whole(recipe))) is Decision.PAUSE
    desk.on_end(0, 1, None)
    assert desk.next_order() is None
    assert ledger.history()[0].status is TrialStatus.PAUSED
    order = controller(recipe, ledger, folder).next_order()
    assert (order.number, order.attempt, order.resume) == (0, 2, True)


def test_the_late_end_of_an_earlier_attempt_changes_nothing(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    desk.next_order()
    desk.on_end(0, 1, LOST)
    desk.next_order()
    before = ledger.history()
    desk.on_end(0, 1, None)
    assert ledger.history() == before
