"""What the successor of a killed search finds and refuses."""

from pathlib import Path

import pytest

from automtl.errors import AutomtlError, LedgerError
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
        ledger.set_data("0123456789abcdef")
    with pytest.raises(
        AutomtlError, match=r"the data changed since this study began \(digest 0123"
    ):
        run(place, Silent())
    with opened(place) as ledger:
        assert ledger.history() == ()


@pytest.mark.parametrize("where", ["file", "database"])
def test_a_making_that_was_cut_off_is_done_again_by_the_same_command(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Killed between the ledger and the settings: `resume` finds no study, `search` makes it."""
    recipe = load_recipe(find_recipe("quickstart"))
    url = request.getfixturevalue("postgres_url") if where == "database" else ""
    place = StudyFolder(tmp_path / "s")
    with monkeypatch.context() as killed:
        killed.setattr("automtl.study.search.save_settings", _killed)
        with pytest.raises(KeyboardInterrupt):
            create(recipe, place, Settings(ledger=url))
    with pytest.raises(AutomtlError, match="no study lies in"):
        run(place, Silent())
    # The recipe may have been changed meanwhile.
    changed = recipe.model_copy(update={"seed": recipe.seed + 1})
    create(changed, place, Settings(ledger=url))
    with opened(place) as ledger:
        assert ledger.study().seed == recipe.seed + 1
    assert not place.making.exists()
    # The study of another folder is nobody else's unfinished work.
    if url:
        with pytest.raises(LedgerError, match="already has a study"):
            create(recipe, StudyFolder(tmp_path / "t"), Settings(ledger=url))


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
