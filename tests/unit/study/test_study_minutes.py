"""A search with a limit in minutes: what ends it is what is told of it afterwards."""

from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.controller.budget import busy_s
from automtl.controller.ending import why_ended
from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.ledger.holder import this_process
from automtl.ledger.studies import open_ledger
from automtl.results import TrialOrder
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create

LIMIT_S = 60.0


class Clock:
    def __init__(self) -> None:
        # Long ago: reports, which have the real time, are as of a machine whose clock is ahead.
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def recipe() -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    return Recipe.model_validate({**plain, "budget": {"minutes": LIMIT_S / 60}})


seconds = st.lists(st.floats(4.0, 20.0), min_size=1, max_size=8)


@settings(max_examples=10, deadline=None)
@given(trainings=seconds, gaps=st.lists(st.floats(0.0, 29.0), min_size=1, max_size=8))
def test_a_search_that_time_has_ended_says_so(
    tmp_path_factory, trainings: list[float], gaps: list[float]
) -> None:
    found, clock = recipe(), Clock()
    place = StudyFolder(tmp_path_factory.mktemp("minutes") / "study")
    create(found, place, Settings())
    begun: list[float] = []

    def train(order: TrialOrder, report: Report) -> None:
        begun.append(busy_s(ledger.history()[: order.number]))
        clock.now += trainings[order.number % len(trainings)]
        report(1, {"detection/mAP": 0.1, "tracking/IDF1": 0.1, "segmentation/mIoU": 0.1})

    class Slow(Silent):
        """Between two trials time goes by."""

        def ended(self, record, history) -> None:
            clock.now += gaps[record.number % len(gaps)]

    with open_ledger(f"sqlite:///{place.ledger}", clock=clock) as ledger:
        lease = ledger.acquire_lease(this_process(), ttl_s=1e9)
        controller = StudyController(
            recipe=found, ledger=ledger, folder=place, observer=Slow(), clock=clock
        )
        # Before the first trial no time goes by, however long it takes to begin.
        clock.now += 500.0
        InProcessDispatcher().run(controller, train)
        assert controller.is_over
        history = ledger.history()
        lease.release()
    took_s = busy_s(history)
    assert why_ended(found, history, took_s).startswith("budget.minutes: ")
    assert all(spent < LIMIT_S for spent in begun)
    # Nothing is begun beyond the limit; what runs then goes on to its end.
    assert LIMIT_S <= took_s <= LIMIT_S + max(trainings) + max(gaps)
