"""Early stopping in whole studies on a real ledger: killed anywhere, through both dispatchers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automtl.dispatch.base import Dispatcher, Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.ledger.store import Ledger
from automtl.results import Decision, Failure, FailureKind, TrialOrder, TrialRecord, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.storage.names import CHECKPOINTS, WEIGHTS, checkpoint_of
from automtl.study.conclude import facts_of
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.testing.local_ray import local_ray

__all__ = ["local_ray"]

S = TrialStatus
EPOCHS = 4
RUNG_AT_EACH_EPOCH = {"kind": "promotion", "eta": 1.5, "rungs": [1, 2, 3]}


def recipe(**changes: object) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    base = {"base": {**plain["base"], "optimizer": {"epochs": EPOCHS}}}  # type: ignore[dict-item]
    promotion = {"early_stopping": {"kind": "promotion", "eta": 2}, "budget": {"trials": 7}}
    return Recipe.model_validate({**plain, **base, **promotion, "enqueue": [], **changes})


def train(order: TrialOrder, report: Report) -> None:
    """Improve with the epochs, at a level that the learning rate gives; resume where it was."""
    folder = Path(order.folder)
    kept = sorted(folder.glob(CHECKPOINTS)) if order.resume else []
    done = int(kept[-1].name.split("-")[1]) if kept else 0
    level = float(order.point["optimizer.lr"]) * 100
    for epoch in range(done + 1, EPOCHS + 1):
        values = {"detection/mAP": level * epoch, "tracking/IDF1": epoch / (1 + level)}
        decision = report(epoch, {**values, "segmentation/mIoU": 0.5})
        # After the report, as in a real training: what was not recorded is trained again.
        (folder / WEIGHTS).write_text(str(epoch))
        (folder / f"{checkpoint_of(epoch)}{'0' * 16}.pt").touch()
        if decision is not Decision.CONTINUE:
            return


@contextmanager
def desk(place: StudyFolder, found: Recipe) -> Iterator[tuple[StudyController, Ledger]]:
    with opened(place) as ledger, held(ledger):
        yield (
            StudyController(recipe=found, ledger=ledger, folder=place, observer=Silent()),
            ledger,
        )


def search(
    folder: Path, found: Recipe, dispatcher: Dispatcher | None = None
) -> tuple[TrialRecord, ...]:
    place = StudyFolder(folder)
    create(found, place, Settings())
    with desk(place, found) as (controller, ledger):
        (dispatcher or InProcessDispatcher()).run(controller, train)
        assert controller.is_over
        assert ledger.check() == []
        return ledger.history()


def seen(history: tuple[TrialRecord, ...]) -> list[tuple[object, ...]]:
    """All that decides and is decided; attempts and times may differ."""
    return [
        (r.number, dict(r.point), r.status, dict(r.values), [p.epoch for p in r.reports])
        for r in history
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    return seen(search(tmp_path_factory.mktemp("study") / "s", recipe()))


def test_some_are_finished_and_the_others_stopped(undisturbed: list[tuple[object, ...]]) -> None:
    statuses = [row[2] for row in undisturbed]
    assert len(statuses) == 7
    assert set(statuses) == {S.COMPLETED, S.STOPPED}
    stopped = [row for row in undisturbed if row[2] is S.STOPPED]
    assert all(row[3] and len(row[4]) < EPOCHS for row in stopped)  # type: ignore[arg-type]


class KilledError(Exception):
    """Stands for the end of the process."""


class Mortal:
    """A controller that dies just before or just after it has recorded its n-th event."""

    def __init__(self, inner: StudyController, n: int, *, is_recorded: bool) -> None:
        self.inner, self.left, self.is_recorded = inner, n, is_recorded

    stop_requested = False

    def _live(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError

    def next_order(self) -> TrialOrder | None:
        order = self.inner.next_order()
        self._live()
        return order

    def on_report(self, number: int, report: object) -> Decision:
        if not self.is_recorded:
            self._live()
        decision = self.inner.on_report(number, report)  # type: ignore[arg-type]
        if self.is_recorded:
            self._live()
        return decision

    def on_end(self, number: int, attempt: int, failure: object) -> None:
        if not self.is_recorded:
            self._live()
        self.inner.on_end(number, attempt, failure)  # type: ignore[arg-type]
        if self.is_recorded:
            self._live()


@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_ends_the_same(
    tmp_path: Path, undisturbed: list[tuple[object, ...]], step: int, is_recorded: bool
) -> None:
    place, found = StudyFolder(tmp_path / "s"), recipe()
    create(found, place, Settings())
    is_over, n_kills = False, 0
    while not is_over:
        with desk(place, found) as (controller, ledger):
            # A worker's failure is retried twice; more events in each life than that.
            mortal = Mortal(controller, step + 2, is_recorded=is_recorded)
            try:
                InProcessDispatcher().run(mortal, train)  # type: ignore[arg-type]
            except KilledError:
                n_kills += 1
            is_over = controller.is_over
            history = ledger.history()
            assert ledger.check() == []
    assert n_kills > 3
    assert seen(history) == undisturbed
    # Whoever exports a trial gets the weights that its values are of.
    weights = [(place.trial(r.number) / WEIGHTS).read_text() for r in history]
    assert weights == [str(r.best_epoch) for r in history]


def test_a_report_says_what_became_of_trials_at_each_rung(tmp_path: Path) -> None:
    history = search(tmp_path / "s", recipe())
    with opened(StudyFolder(tmp_path / "s")) as ledger:
        rungs = facts_of(ledger).rungs
    assert rungs
    assert rungs[0].n_arrived == len(history)
    stopped = {number for rung in rungs for number in rung.stopped}
    assert stopped == {r.number for r in history if r.status is S.STOPPED}


def test_a_budget_in_epochs_ends_with_a_finished_trial(tmp_path: Path) -> None:
    history = search(tmp_path / "s", recipe(budget=Budget(epochs=12).model_dump()))
    assert any(r.status is S.COMPLETED for r in history)
    assert 12 <= sum(len(r.reports) for r in history) <= 12 + 2 * EPOCHS


def test_pauses_do_not_count_as_lost_workers(tmp_path: Path) -> None:
    place, found = StudyFolder(tmp_path / "s"), recipe(early_stopping=RUNG_AT_EACH_EPOCH)
    create(found, place, Settings())
    lost = Failure(kind=FailureKind.LOST_WORKER, message="gone")
    with desk(place, found) as (controller, ledger):
        ended: set[TrialStatus] = set()
        while (order := controller.next_order()) is not None:
            # Whoever was resumed from a rung loses its worker, once for each rung.
            is_first = len(ledger.history()[order.number].reports) == order.attempt - 1
            if order.attempt > 1 and is_first:
                controller.on_end(order.number, order.attempt, lost)
            else:
                InProcessDispatcher().run(One(controller, order), train)
            ended |= {r.status for r in ledger.history() if r.status.is_final}
        assert S.FAILED not in ended
        assert S.COMPLETED in ended


class One:
    """A controller with one order."""

    def __init__(self, inner: StudyController, order: TrialOrder) -> None:
        self.orders = [order]
        self.on_report, self.on_end = inner.on_report, inner.on_end

    stop_requested = False

    def next_order(self) -> TrialOrder | None:
        return self.orders.pop() if self.orders else None


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_through_ray_every_trial_ends(tmp_path: Path) -> None:
    history = search(tmp_path / "s", recipe(), RayTuneDispatcher(slots=2))
    assert {r.status for r in history} == {S.COMPLETED, S.STOPPED}
    assert len(history) == 7
