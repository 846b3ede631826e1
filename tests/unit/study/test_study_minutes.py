"""A search with a limit in minutes: whatever happens it ends, and says that time has ended it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.controller.ending import why_ended
from automtl.controller.took import took_s
from automtl.ledger.attempts import read_attempts
from automtl.ledger.holder import this_process
from automtl.ledger.store import Ledger
from automtl.ledger.studies import open_ledger
from automtl.results import (
    Decision,
    EpochReport,
    Failure,
    FailureKind,
    TrialOrder,
    TrialStatus,
)
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create

LIMIT_S = 60.0
NIGHT_S = 36_000.0
VALUES = {"detection/mAP": 0.1, "tracking/IDF1": 0.1, "segmentation/mIoU": 0.1}
EVENTS = ("epoch", "epoch", "epoch", "hung", "lost_worker", "out_of_memory", "non_finite", "kill")


def recipe(**changes: Any) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    plain["base"]["optimizer"]["epochs"] = 3
    return Recipe.model_validate({**plain, "budget": {"minutes": LIMIT_S / 60}, **changes})


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Searched:
    """A search whose every event takes a stated time."""

    recipe: Recipe
    ledger: Ledger
    place: StudyFolder
    clock: Clock
    running: list[TrialOrder] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def take_up(self) -> None:
        self.running = []
        self.told = []
        self.desk = StudyController(
            recipe=self.recipe,
            ledger=self.ledger,
            folder=self.place,
            observer=Silent(),
            clock=self.clock,
        )

    def fill(self, slots: int) -> bool:
        while len(self.running) < slots and (order := self.desk.next_order()) is not None:
            self.running.append(order)
        return bool(self.running)

    def happens(self, event: str, seconds: float) -> None:
        self.clock.now += seconds
        self.told.append(self.desk.time.elapsed_s)
        if event == "kill":
            self.clock.now += NIGHT_S
            self.take_up()
            return
        order = self.running.pop(0)
        if event != "epoch":
            failure = Failure(kind=FailureKind(event), message="as stated")
            self.desk.on_end(order.number, order.attempt, failure)
            return
        record = self.ledger.history()[order.number]
        epoch = len(record.reports) + 1
        report = EpochReport(
            attempt=order.attempt, epoch=epoch, values=VALUES, time_s=self.clock()
        )
        if self.desk.on_report(order.number, report) is Decision.CONTINUE and epoch < 3:
            self.running.append(order)
        else:
            self.desk.on_end(order.number, order.attempt, None)

    @property
    def took_s(self) -> float:
        return took_s(read_attempts(self.ledger), self.ledger.history())


@contextmanager
def searching(folders: pytest.TempPathFactory, **changes: Any) -> Iterator[Searched]:
    place = StudyFolder(folders.mktemp("minutes") / "study")
    found, clock = recipe(**changes), Clock()
    create(found, place, Settings())
    with open_ledger(f"sqlite:///{place.ledger}", clock=clock) as ledger:
        ledger.acquire_lease(this_process(), ttl_s=1e9)
        search = Searched(recipe=found, ledger=ledger, place=place, clock=clock)
        search.take_up()
        yield search


@settings(max_examples=15, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.sampled_from(EVENTS), st.floats(4.0, 50.0), st.floats(0.0, 29.0)),
        min_size=1,
        max_size=12,
    ),
    slots=st.integers(1, 3),
    promotes=st.booleans(),
)
def test_time_ends_a_search_whatever_happens_in_it(
    tmp_path_factory, events: list[tuple[str, float, float]], slots: int, promotes: bool
) -> None:
    stopping = {"kind": "promotion"} if promotes else {"kind": "none"}
    with searching(tmp_path_factory, early_stopping=stopping) as search:
        # Before the first trial no time goes by, however long it takes to begin.
        search.clock.now += 500.0
        n_kills = 0
        for n in range(100):
            if not search.fill(slots):
                break
            event, seconds, gap = events[n % len(events)]
            n_kills += event == "kill"
            search.happens("epoch" if event == "kill" and n_kills > 3 else event, seconds)
            if not search.running:
                search.clock.now += gap
                # Who searches is never ahead of who looks at the ledger, and behind by the gap
                # before a kill at most.
                counted, seen = search.desk.time.elapsed_s, search.took_s
                assert counted - 1e-6 <= seen <= counted + 30.0
            assert search.told == sorted(search.told)
        assert search.desk.is_over
        history, took = search.ledger.history(), search.took_s
    assert why_ended(search.recipe, history, took).startswith("budget.minutes: ")
    # Nothing is begun beyond the limit; what runs then goes on to its end: three epochs at most,
    # each of them tried three times, on each slot.
    assert LIMIT_S <= took <= LIMIT_S + slots * 9 * 50.0 + 30.0


@pytest.mark.parametrize("kind", ["hung", "lost_worker", "out_of_memory"])
def test_attempts_without_a_report_take_their_time(tmp_path_factory, kind: str) -> None:
    n = 0
    with searching(tmp_path_factory) as search:
        while search.fill(1):
            search.happens(kind, 50.0)
            n += 1
            assert search.took_s == search.desk.time.elapsed_s == 50.0 * n
    # The second one is over the limit, and may be tried again.
    assert n in (2, 3)


def test_a_pause_that_ends_out_of_bounds_takes_no_time(tmp_path_factory) -> None:
    changes = {
        "early_stopping": {"kind": "promotion"},
        "budget": {"minutes": 60, "trials": 3},
        "constraints": [{"metric": "detection/mAP", "min": 0.5}],
    }
    with searching(tmp_path_factory, **changes) as search:
        paused = False
        while not paused and search.fill(1):
            search.happens("epoch", 10.0)
            paused = any(r.status is TrialStatus.PAUSED for r in search.ledger.history())
        assert paused
        search.happens("kill", 0.0)
        while search.fill(1):
            search.happens("epoch", 10.0)
        history, took = search.ledger.history(), search.took_s
    assert {r.status for r in history} == {TrialStatus.INFEASIBLE}
    assert took == 10.0 * sum(len(r.reports) for r in history)
    assert why_ended(search.recipe, history, took) == "budget.trials: 3 of 3"
