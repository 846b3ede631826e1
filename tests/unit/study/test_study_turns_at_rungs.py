"""Schedules of one task after the other at rungs: paused and resumed, in real trainings."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from automtl.config import TrialConfig
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.results import Decision, TrialRecord, TrialStatus
from automtl.space.recipe import Recipe
from automtl.study.cautions import cautions
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.training.artifacts import load_model
from automtl.training.loop import train
from automtl.training.trainable import make_trainable

EPOCHS = 6
UNTIL_PLATEAU = {"kind": "until_plateau", "patience": 1}
STAGED = {"kind": "staged", "stages": "detection for 2; tracking freeze trunk for 2; all"}
OBJECTIVES = ("detection/mAP", "segmentation/mIoU", "tracking/IDF1")


def recipe(schedule: dict[str, object], **changes: object) -> Recipe:
    source = {"kind": "shapes", "clips": 2, "frames": 3}
    return Recipe.model_validate(
        {
            "name": "turns",
            "data": {"train": [{**source, "seed": 1}], "validation": [{**source, "seed": 2}]},
            "objectives": [{"metric": m, "goal": "maximize"} for m in OBJECTIVES],
            "base": {
                "backbone": {"image_size": [32, 48], "width": 0.25},
                "heads": {"channels": 8, "embedding_dim": 4},
                "optimizer": {"epochs": EPOCHS, "steps_per_epoch": 2, "batch_size": 2},
                "schedule": schedule,
            },
            "parameters": {
                "optimizer.lr": {"type": "float", "min": 1e-3, "max": 0.1, "log": True},
                "sharing.split_after.0": {"type": "int", "min": 0, "max": 4},
            },
            "budget": {"trials": 4},
            "early_stopping": {"kind": "promotion", "eta": 2, "rungs": [1, 2, 4]},
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Trials of a search have one thread; with more, sums are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def splits() -> SplitData:
    found = recipe(UNTIL_PLATEAU)
    return load_data(found.data, image_size=(32, 48), root=None).splits


def search(folder: Path, found: Recipe, splits: SplitData) -> tuple[TrialRecord, ...]:
    place = StudyFolder(folder)
    create(found, place, Settings())
    with opened(place) as ledger, held(ledger):
        desk = StudyController(recipe=found, ledger=ledger, folder=place, observer=Silent())
        InProcessDispatcher().run(desk, make_trainable(splits))
        assert desk.is_over
        assert ledger.check() == []
        return ledger.history()


@pytest.mark.parametrize("schedule", [UNTIL_PLATEAU, STAGED], ids=lambda s: s["kind"])
def test_paused_and_promoted_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, splits: SplitData, schedule: dict[str, object]
) -> None:
    history = search(tmp_path / "s", recipe(schedule), splits)
    for record in history:
        # Every task is scored at every rung, also one that has not been trained yet.
        assert all(metric in report.values for report in record.reports for metric in OBJECTIVES)
    assert {r.status for r in history} == {TrialStatus.COMPLETED, TrialStatus.STOPPED}
    resumed = [r for r in history if r.status is TrialStatus.COMPLETED and r.attempts > 1]
    assert resumed
    record = resumed[0]
    whole = train(
        TrialConfig.from_plain(record.config),
        splits,
        lambda epoch, values: Decision.CONTINUE,
        seed=record.seed,
        folder=None,
        device=torch.device("cpu"),
    )
    kept = load_model(StudyFolder(tmp_path / "s").trial(record.number))
    state = whole.network.state_dict()
    assert (kept.epoch, set(kept.state)) == (whole.best_epoch, set(state))
    assert all(torch.equal(kept.state[name], state[name]) for name in state)
    assert {m: record.values[m] for m in OBJECTIVES} == {m: whole.values[m] for m in OBJECTIVES}


def test_a_schedule_that_ends_by_itself_at_a_rung_was_trained_to_its_end(
    tmp_path: Path, splits: SplitData
) -> None:
    """One round with patience 1 takes four epochs where nothing improves; 4 is a rung."""
    still = {**UNTIL_PLATEAU, "rounds": 1}
    frozen = recipe(
        still, parameters={"optimizer.lr": {"type": "float", "min": 1e-12, "max": 2e-12}}
    )
    history = search(tmp_path / "s", frozen, splits)
    ended = [r for r in history if r.reports[-1].epoch == 4]
    assert ended
    assert {r.status for r in ended} == {TrialStatus.COMPLETED}


@pytest.mark.parametrize(
    ("schedule", "soonest", "blind"),
    [
        (UNTIL_PLATEAU, 4, "epochs 1, 2"),
        ({"kind": "until_plateau", "patience": 2, "order": ["tracking", "detection"]}, 4, "1, 2"),
        (STAGED, 5, "epochs 1, 2, 4"),
        ({"kind": "alternating", "unit": "epochs"}, 3, "epochs 1, 2"),
        ({"kind": "alternating", "block": 2}, 3, "epochs 1, 2"),
    ],
    ids=str,
)
def test_rungs_before_every_task_can_have_been_trained_are_named(
    schedule: dict[str, object], soonest: int, blind: str
) -> None:
    (line,) = cautions(recipe(schedule))
    assert f"`schedule.kind` {schedule['kind']}" in line
    assert f"epoch {soonest} at the soonest" in line
    assert blind in line


@pytest.mark.parametrize(
    "schedule", [{"kind": "joint"}, {"kind": "staged", "stages": "all"}], ids=str
)
def test_there_is_no_caution_without_a_reason(schedule: dict[str, object]) -> None:
    assert cautions(recipe(schedule)) == []
    assert cautions(recipe(UNTIL_PLATEAU, early_stopping={"kind": "none"})) == []
    late = {"kind": "promotion", "rungs": [4, 5]}
    assert cautions(recipe(UNTIL_PLATEAU, early_stopping=late)) == []


def test_a_searched_schedule_is_looked_at_too() -> None:
    parameters = {
        "schedule.kind": {"type": "categorical", "values": ["joint", "until_plateau"]},
        "schedule.patience": {
            "type": "int",
            "min": 1,
            "max": 3,
            "when": {"schedule.kind": "until_plateau"},
        },
    }
    (line,) = cautions(recipe({"kind": "joint"}, parameters=parameters))
    assert "until_plateau" in line
    assert "epoch 4 at the soonest" in line
