"""What the budget does not count is said before it is trained, and has room on the disk."""

from typing import Any

import automtl
from automtl.space.recipe import Recipe
from automtl.study.baselines import cost_lines, replicate_lines, trainings_of
from automtl.study.folder import Settings
from automtl.study.observer import Silent
from automtl.study.search import prepare_data, read_again

OBJECTIVES = [
    {"metric": "detection/mAP", "goal": "maximize"},
    {"metric": "tracking/IDF1", "goal": "maximize"},
    {"metric": "cost/latency_ms", "goal": "minimize"},
]


def recipe(**parts: Any) -> Recipe:
    plain = {
        "name": "test",
        "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
        "objectives": OBJECTIVES,
        "base": {"optimizer.epochs": 7},
        "parameters": {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2}},
        "budget": {"trials": 40},
    }
    return Recipe.model_validate({**plain, **parts})


def test_replicates_are_said_with_a_guess_of_the_front() -> None:
    (line,) = cost_lines(recipe(replicates=3))
    assert "which the budget does not count: 3 trainings of 7 epochs for each member" in line
    assert "about 10 of 40 trials" in line
    assert "30 trainings" in line
    (one,) = cost_lines(recipe(replicates=2, objectives=OBJECTIVES[:1]))
    assert "about 1 of 40 trials" in one
    (open_end,) = cost_lines(recipe(replicates=2, budget={"minutes": 9}))
    assert open_end.endswith("for each member of the front")
    assert cost_lines(recipe()) == []


def test_baselines_come_first() -> None:
    wanted = recipe(replicates=1, baselines={"single_task": ["detection"]})
    lines = cost_lines(wanted)
    assert [line.split(",")[0] for line in lines] == ["Baselines", "Replicates"]


def test_all_that_is_trained_takes_room() -> None:
    assert trainings_of(recipe()) == 40
    single = {"single_task": {"tasks": ["detection", "tracking"], "trials": 4}, "staged": True}
    assert trainings_of(recipe(baselines=single)) == 40 + 9
    assert trainings_of(recipe(baselines=single, replicates=3)) == 40 + 9 + 30
    assert trainings_of(recipe(budget={"minutes": 9}, replicates=3)) is None


def test_code_of_ones_own_may_not_say_its_epochs(tmp_path) -> None:
    search = automtl.Study(
        tmp_path / "s",
        objectives=[automtl.Objective(metric="error", goal="minimize")],
        parameters={"x": automtl.Float(0, 1)},
        budget=automtl.Budget(trials=5),
        replicates=2,
    ).search
    (line,) = replicate_lines(search, None)
    assert "2 trainings for each member" in line


def test_costs_beside_the_budget_are_said_when_a_search_begins_and_not_when_it_goes_on() -> None:
    class Listening(Silent):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def message(self, text: str) -> None:
            self.lines.append(text)

    small = {"kind": "shapes", "clips": 1, "frames": 2}
    wanted = recipe(
        replicates=1,
        baselines={"equal_weights": True},
        data={"train": [{**small, "seed": 1}], "validation": [{**small, "seed": 2}]},
    )
    begins, goes_on = Listening(), Listening()
    prepare_data(wanted, Settings(), begins)
    read_again(wanted, Settings(), goes_on)
    assert [line for line in begins.lines if line in cost_lines(wanted)] == cost_lines(wanted)
    assert [line for line in goes_on.lines if line in cost_lines(wanted)] == []
