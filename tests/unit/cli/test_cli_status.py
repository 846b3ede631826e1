"""`automtl status` on a study that stops trials early."""

import json
import math
from pathlib import Path

import pytest

from automtl.analysis.rung_standing import RungStanding
from automtl.cli.look import show_status
from automtl.cli.show import rung_json
from automtl.cli.terminal import OK
from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.results import Decision, EpochReport, TrialOrder, TrialStatus
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.study.words import rung_line

RUNG = RungStanding(
    epoch=4,
    n_arrived=9,
    n_went_on=3,
    n_finished=2,
    waiting=(5,),
    stopped=(1, 2),
    kendall=math.nan,
    kendall_low=math.nan,
    eta=3.0,
)


def train(order: TrialOrder, report: Report) -> None:
    level = float(order.point["optimizer.lr"])
    first = 1
    if order.resume:
        first = int((Path(order.folder) / "at.txt").read_text()) + 1
    for epoch in range(first, 5):
        (Path(order.folder) / "at.txt").write_text(str(epoch))
        names = ("detection/mAP", "segmentation/mIoU", "tracking/IDF1")
        if report(epoch, dict.fromkeys(names, level * epoch)) is not Decision.CONTINUE:
            return


def test_status_says_who_was_stopped_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    changes = {
        "early_stopping": {"kind": "promotion", "eta": 2, "rungs": [1]},
        "budget": {"trials": 6},
        "enqueue": [],
    }
    recipe = Recipe.model_validate({**plain, **changes})
    place = StudyFolder(tmp_path / "s")
    create(recipe, place, Settings())
    with opened(place) as ledger, held(ledger):
        controller = StudyController(recipe=recipe, ledger=ledger, folder=place, observer=Silent())
        InProcessDispatcher().run(controller, train)
        history = ledger.history()
    assert show_status(place.root, check=False, as_json=True) == OK
    (rung,) = json.loads(capsys.readouterr().out)["rungs"]
    stopped = [record.number for record in history if record.status.value == "stopped"]
    assert stopped
    assert rung["stopped"] == stopped
    assert rung["n_arrived"] == rung["n_went_on"] + len(stopped)
    assert rung["kendall"] is None
    assert show_status(place.root, check=False, as_json=False) == OK
    assert f"rung:            epoch 1: {rung['n_arrived']} came" in capsys.readouterr().out


def test_status_says_that_a_search_has_ended_when_its_last_trial_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    place = StudyFolder(tmp_path / "s")
    create(Recipe.model_validate({**plain, "budget": {"trials": 1}}), place, Settings())

    def told() -> dict[str, object]:
        assert show_status(place.root, check=False, as_json=True) == OK
        found = json.loads(capsys.readouterr().out)
        return {key: found[key] for key in ("ending_by", "ended_by") if key in found}

    values = dict.fromkeys(("detection/mAP", "segmentation/mIoU", "tracking/IDF1"), 0.5)
    with opened(place) as ledger, held(ledger):
        assert told() == {}
        ledger.add_trial(
            number=0, point={}, config={}, config_digest="d", origin="default", seed=0
        )
        assert told() == {"ending_by": "budget.trials: 1 of 1"}
        ledger.start_attempt(0, worker="w")
        ledger.add_report(0, EpochReport(attempt=1, epoch=1, values=values, time_s=2.0))
        assert told() == {"ending_by": "budget.trials: 1 of 1"}
        ledger.end_trial(
            0, status=TrialStatus.COMPLETED, values=values, best_epoch=1, failure=None
        )
        assert told() == {"ended_by": "budget.trials: 1 of 1"}


def test_a_rung_is_said_in_words_and_in_json() -> None:
    assert rung_line(RUNG) == (
        "epoch 4: 9 came, 3 went on, 1 wait, 2 stopped; one in 3.0 goes on; "
        "too few have finished to say how well it tells the end"
    )
    assert rung_json(RUNG)["kendall"] is None
    known = {"kendall": 0.61, "kendall_low": 0.4}
    assert rung_line(RungStanding(**{**as_given(RUNG), **known})).endswith(
        "rank correlation with the end 0.61 (surely 0.40)"
    )


def as_given(rung: RungStanding) -> dict[str, object]:
    return {name: getattr(rung, name) for name in RungStanding.__slots__}
