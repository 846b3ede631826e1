"""What the controller writes for each event, on a real ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from automtl.controller.lessons import lessons
from automtl.ledger.store import Ledger
from automtl.results import (
    Decision,
    EpochReport,
    Failure,
    FailureKind,
    TrialRecord,
    TrialStatus,
)
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.retries import RETRIES
from automtl.study.search import create, held, opened

LOST = Failure(kind=FailureKind.LOST_WORKER, message="gone")
FULL = Failure(kind=FailureKind.OUT_OF_MEMORY, message="CUDA out of memory")
HUNG = Failure(kind=FailureKind.HUNG, message="silent")


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
    for attempt in range(1, RETRIES[FailureKind.LOST_WORKER] + 2):
        order = desk.next_order()
        assert (order.number, order.attempt, order.resume) == (0, attempt, attempt > 1)
        desk.on_end(0, attempt, LOST)
    assert ledger.history()[0].status is TrialStatus.FAILED
    assert desk.next_order().number == 1
    assert ledger.check() == []


def test_out_of_memory_is_tried_once_more_in_halves(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    assert desk.next_order().micro_batches == 1
    desk.on_end(0, 1, FULL)
    (waiting,) = ledger.history()
    assert waiting.status is TrialStatus.QUEUED
    assert [(s.attempt, s.failure) for s in waiting.setbacks] == [(1, FULL)]
    assert told(waiting, recipe) == ["running"], "the sampler hears of no failure yet"
    order = desk.next_order()
    assert (order.number, order.attempt, order.resume, order.micro_batches) == (0, 2, True, 2)
    desk.on_report(0, report(1, whole(recipe), attempt=2))
    desk.on_end(0, 2, None)
    (record,) = ledger.history()
    assert (record.status, record.failure) == (TrialStatus.COMPLETED, None)
    assert record.n_setbacks(FailureKind.OUT_OF_MEMORY) == 1
    assert desk.next_order().micro_batches == 1, "the next trial has nothing to do with it"
    assert ledger.check() == []


def test_out_of_memory_again_is_a_failure_and_says_so(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    for attempt in (1, 2):
        desk.next_order()
        desk.on_end(0, attempt, FULL)
    (record,) = ledger.history()
    assert record.failure.kind is FailureKind.OUT_OF_MEMORY
    assert record.failure.message == (
        "CUDA out of memory (attempt 2, with each batch in two halves)"
    )
    assert told(record, recipe) == []


def test_each_kind_of_setback_is_counted_by_itself(recipe, ledger, folder) -> None:
    desk = controller(recipe, ledger, folder)
    lost = [LOST] * RETRIES[FailureKind.LOST_WORKER]
    for attempt, failure in enumerate([*lost, FULL, HUNG], start=1):
        assert desk.next_order().attempt == attempt
        desk.on_end(0, attempt, failure)
        # Its successor reads from the database what this one has in memory.
        with opened(folder) as reader:
            assert reader.history() == ledger.history()
    order = controller(recipe, ledger, folder).next_order()
    assert (order.number, order.attempt, order.micro_batches) == (0, 5, 2)
    desk.on_end(0, 5, HUNG)
    assert ledger.history()[0].failure == HUNG


def test_what_an_attempt_failed_by_is_said_at_once(recipe, ledger, folder) -> None:
    lines = []
    desk = controller(recipe, ledger, folder)
    desk.observer.message = lines.append
    desk.next_order()
    desk.on_end(0, 1, FULL)
    (line,) = lines
    assert line.startswith("Trial 0, attempt 1: out_of_memory: CUDA out of memory. It is tried")
    assert line.endswith("from its last checkpoint, each batch in two halves")


def told(record: TrialRecord, recipe: Recipe) -> list[str]:
    """Return how the sampler sees a trial."""
    return [lesson.state for lesson in lessons([record], recipe.objectives, recipe.constraints)]


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
