"""What a recipe allows and its author may not have meant is said."""

from typing import Any

import pytest

from automtl.space.recipe import Recipe
from automtl.study.cautions import cautions

LR = {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2}}
PROMOTION = {"kind": "promotion", "eta": 3}


def recipe(**parts: Any) -> Recipe:
    plain = {
        "name": "test",
        "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
        "objectives": [{"metric": "detection/mAP", "goal": "maximize"}],
        "base": {"optimizer.epochs": 9},
        "parameters": LR,
        "budget": {"trials": 5},
    }
    return Recipe.model_validate({**plain, **parts})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"optimizer.batch_size": {"type": "int", "min": 4, "max": 4}},
        {"weighting.kind": {"type": "categorical", "values": ["fixed"]}},
    ],
)
def test_a_space_of_one_point_is_said(parameters: dict[str, Any]) -> None:
    (line,) = cautions(recipe(parameters=parameters))
    assert "The space is one configuration" in line


@pytest.mark.parametrize(
    ("budget", "is_short"),
    [
        ({"epochs": 1}, True),
        ({"epochs": 3}, True),
        ({"epochs": 4}, False),
        ({"trainings": 0.3}, True),
        ({"trainings": 0.5}, False),
    ],
)
def test_a_budget_within_which_nothing_ends_is_said(
    budget: dict[str, float], *, is_short: bool
) -> None:
    """Rungs at 1 and 3: a trial that begins behind epoch 3 runs to its end."""
    lines = cautions(recipe(early_stopping=PROMOTION, budget=budget))
    assert ["one alone is then trained to its end" in line for line in lines] == [True] * is_short
    assert cautions(recipe(budget=budget)) == []


def test_where_epochs_are_searched_some_trials_may_end() -> None:
    searched = {**LR, "optimizer.epochs": {"type": "int", "min": 1, "max": 9}}
    assert (
        cautions(recipe(parameters=searched, early_stopping=PROMOTION, budget={"epochs": 2})) == []
    )
