"""A search that another process asks to end: what is trained, what waits, what is said."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from automtl.cli.stop import stop_study
from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.ledger.stop import Stop
from automtl.results import Decision, TrialOrder, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.study.stop import StopWatch, ask_to_stop


@dataclass
class Heard(Silent):
    lines: list[str] = field(default_factory=list)

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def recipe() -> Recipe:
    shipped = load_recipe(find_recipe("quickstart"))
    return shipped.model_copy(update={"budget": Budget(trials=3)})


@pytest.fixture
def place(recipe: Recipe, tmp_path: Path) -> StudyFolder:
    place = StudyFolder(tmp_path / "study of mine")
    create(recipe, place, Settings())
    return place


@pytest.fixture
def desk(recipe: Recipe, place: StudyFolder) -> Iterator[StudyController]:
    with opened(place) as ledger, held(ledger) as lease:
        yield StudyController(
            recipe=recipe,
            ledger=ledger,
            folder=place,
            observer=Heard(),
            stop=StopWatch.of(lease),
        )


def search(desk: StudyController, place: StudyFolder, stop: Stop, *, epoch: int) -> None:
    """Search; at an epoch of the first trial somebody else asks for the end, twice."""

    def train(order: TrialOrder, report: Report) -> None:
        for done in range(order.epochs_done + 1, 4):
            if (order.number, done) == (0, epoch):
                with opened(place) as other:
                    ask_to_stop(other, stop)
                    ask_to_stop(other, stop)
            values = dict.fromkeys([o.metric for o in desk.recipe.objectives], 0.1 * done)
            if report(done, values) is not Decision.CONTINUE:
                return

    InProcessDispatcher().run(desk, train)


def test_after_running_trains_the_running_trial_to_its_end(desk, place) -> None:
    search(desk, place, Stop.AFTER_RUNNING, epoch=1)
    (record,) = desk.ledger.history()
    assert record.status is TrialStatus.COMPLETED
    assert [r.epoch for r in record.reports] == [1, 2, 3]
    assert desk.was_stopped
    assert len(desk.observer.lines) == 1
    assert "trained to their end" in desk.observer.lines[0]


def test_now_pauses_the_running_trial_at_its_next_report(desk, place) -> None:
    search(desk, place, Stop.NOW, epoch=2)
    (record,) = desk.ledger.history()
    assert record.status is TrialStatus.PAUSED
    assert [r.epoch for r in record.reports] == [1, 2]
    assert desk.was_stopped
    assert len(desk.observer.lines) == 1


@pytest.mark.parametrize("stop", list(Stop))
def test_the_next_search_does_all_that_was_left(desk, place, recipe, stop) -> None:
    search(desk, place, stop, epoch=1)
    desk.ledger._lease.release()
    with opened(place) as ledger, held(ledger) as lease:
        following = StudyController(
            recipe=recipe,
            ledger=ledger,
            folder=place,
            observer=Silent(),
            stop=StopWatch.of(lease),
        )
        search(following, place, stop, epoch=99)
        assert not following.was_stopped
        history = ledger.history()
        assert ledger.check() == []
    assert [r.status for r in history] == [TrialStatus.COMPLETED] * 3
    assert [[p.epoch for p in r.reports] for r in history] == [[1, 2, 3]] * 3


def test_who_asks_in_the_last_trial_stops_nothing(desk, place, recipe) -> None:
    desk.recipe = recipe.model_copy(update={"budget": Budget(trials=1)})
    search(desk, place, Stop.AFTER_RUNNING, epoch=3)
    assert desk.is_over
    assert not desk.was_stopped


def test_the_command_says_whom_it_asked_and_how_to_go_on(desk, place, capsys) -> None:
    folder = str(place.root)
    for word in ("Asked", "Already asked"):
        assert stop_study(folder, ledger_url="", now=False, wait=False) == 0
        first, last = capsys.readouterr().out.splitlines()
        assert first.startswith(f"{word} ")
        assert "process" in first
        assert "trained to their end" in first
        assert last == f"Go on afterwards: automtl resume '{folder}'"
    assert stop_study(folder, ledger_url="", now=True, wait=False) == 0
    assert "save their state" in capsys.readouterr().out
    assert desk.next_order() is None


def test_by_the_databases_address_and_the_studys_name(desk, place, capsys) -> None:
    url = f"sqlite:///{place.ledger}"
    assert stop_study(desk.recipe.name, ledger_url=url, now=True, wait=False) == 0
    assert capsys.readouterr().out.startswith("Asked ")
    assert desk.stop.look(desk.observer.message) is Stop.NOW


def test_where_nothing_runs_nothing_is_asked(place, capsys) -> None:
    assert stop_study(str(place.root), ledger_url="", now=True, wait=True) == 0
    assert capsys.readouterr().out == f"No search runs in {place.root}\n"
