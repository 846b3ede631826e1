"""A search that stops getting better ends itself, and says why, on a real ledger."""

from pathlib import Path

from automtl.controller.ending import ending_of
from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.results import TrialOrder
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.conclude import conclude
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened


def train(order: TrialOrder, report: Report) -> None:
    """Get better for four trials."""
    level = min(order.number, 4) / 10 + 0.1
    report(1, {"detection/mAP": level, "tracking/IDF1": level, "segmentation/mIoU": 0.5})


def test_a_search_without_gain_ends_before_its_limit(tmp_path: Path) -> None:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    budget = {"trials": 30, "stall": {"trials": 3, "gain": 0.01}}
    found = Recipe.model_validate({**plain, "enqueue": [], "budget": budget})
    place = StudyFolder(tmp_path / "study")
    create(found, place, Settings())
    with opened(place) as ledger, held(ledger):
        controller = StudyController(recipe=found, ledger=ledger, folder=place, observer=Silent())
        InProcessDispatcher().run(controller, train)
        assert controller.is_over
        history = ledger.history()
        # Trials 0 to 4 rise; 5, 6 and 7 add nothing.
        assert len(history) == 8
        why = ending_of(found, history, 0.0).why
        assert why.startswith("budget.stall: the last 3 trials raised the hypervolume by 0.00%")
        conclude(place, ledger)
    assert "Ended by" in place.report.read_text()
    assert why.partition(" (")[0] in place.report.read_text()
