"""What the successor of a killed search finds and refuses."""

from pathlib import Path

import pytest

from automtl.errors import AutomtlError
from automtl.results import EpochReport, TrialStatus
from automtl.space.recipe import Budget, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened, run


def test_a_trial_of_a_killed_search_is_resumed_and_counts_once(tmp_path: Path) -> None:
    recipe = load_recipe(find_recipe("quickstart"))
    recipe = recipe.model_copy(update={"budget": Budget(trials=2)})
    place = StudyFolder(tmp_path / "s")
    create(recipe, place, Settings())
    values = {o.metric: 0.5 for o in recipe.objectives}
    orders = []
    # Three controllers begin trials and are gone before these end; the fourth ends all.
    for life in range(4):
        with opened(place) as ledger, held(ledger):
            desk = StudyController(recipe=recipe, ledger=ledger, folder=place, observer=Silent())
            while (order := desk.next_order()) is not None:
                orders.append((order.number, order.attempt))
                if life < 3 and len(orders) % 2 == 0:
                    break
                if life == 3:
                    report = EpochReport(attempt=order.attempt, epoch=1, values=values, time_s=0.0)
                    desk.on_report(order.number, report)
                    desk.on_end(order.number, order.attempt, None)
            history, problems, is_over = ledger.history(), ledger.check(), desk.is_over
    assert orders == [(number, attempt) for attempt in range(1, 5) for number in (0, 1)]
    assert [r.status for r in history] == [TrialStatus.COMPLETED] * 2
    assert (problems, is_over) == ([], True)


def test_data_that_changed_meanwhile_are_refused(tmp_path: Path) -> None:
    plain = load_recipe(find_recipe("quickstart"))
    place = StudyFolder(tmp_path / "s")
    create(plain, place, Settings(dispatcher="local"))
    with opened(place) as ledger, held(ledger):
        ledger.set_data_digest("0123456789abcdef")
    with pytest.raises(
        AutomtlError, match=r"the data changed since this study began \(digest 0123"
    ):
        run(place, Silent())
    with opened(place) as ledger:
        assert ledger.history() == ()
