"""Early stopping in a recipe: what is refused, and what changes a study's identity."""

from typing import Any

import pytest
from pydantic import ValidationError

from automtl.config import digest_of
from automtl.space.early_stopping import rungs_for
from automtl.space.recipe import Recipe
from automtl.space.search import search_digest

PLAIN: dict[str, Any] = {
    "name": "test",
    "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
    "objectives": [{"metric": "cost/parameters", "goal": "minimize"}],
    "base": {"optimizer.epochs": 12},
    "parameters": {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True}},
    "budget": {"trials": 5},
}
PROMOTION = {"kind": "promotion", "eta": 3}


def recipe(**parts: Any) -> Recipe:
    return Recipe.model_validate({**PLAIN, **parts})


def test_rungs_divide_the_epochs() -> None:
    assert rungs_for(81, 3) == (1, 3, 9, 27)
    assert rungs_for(3, 3) == (1,)
    assert rungs_for(2, 3) == ()


def test_rungs_are_those_of_the_longest_training() -> None:
    assert recipe().rungs == ()
    assert recipe(early_stopping=PROMOTION).rungs == (1, 4)
    assert recipe(early_stopping={**PROMOTION, "rungs": [2, 11]}).rungs == (2, 11)
    epochs = {"optimizer.epochs": {"type": "int", "min": 2, "max": 27}}
    parameters = {**PLAIN["parameters"], **epochs}
    assert recipe(early_stopping=PROMOTION, parameters=parameters).rungs == (1, 3, 9)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"early_stopping": {**PROMOTION, "rungs": [3, 12]}}, "a rung at epoch 12 is not before"),
        ({"early_stopping": {**PROMOTION, "rungs": [3, 3]}}, "must ascend"),
        ({"early_stopping": {**PROMOTION, "eta": 20}}, "has no rung at an `eta` of 20"),
        ({"early_stopping": {"kind": "promotoin"}}, "promotoin"),
        (
            {"early_stopping": {**PROMOTION, "rungs": [4]}, "budget": {"epochs": 3}},
            "ends before the first rung, epoch 4",
        ),
    ],
)
def test_what_can_not_stop_early_is_refused(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        recipe(**parts)


def test_a_budget_of_one_rung_is_enough() -> None:
    budget = {"epochs": 4}
    assert recipe(early_stopping={**PROMOTION, "rungs": [4]}, budget=budget).rungs == (4,)
    # Without rungs, a running trial is finished.
    assert recipe(budget={"epochs": 1}).budget.epochs == 1


def test_a_study_without_early_stopping_stays_the_same_study() -> None:
    before: dict[str, Any] = recipe().to_plain()
    for key in ("name", "description", "budget", "resources", "early_stopping", "replicates"):
        del before[key]
    for key in ("sampler", "warm_start"):
        del before[key]  # there were none
    for parameter in before["parameters"].values():
        del parameter["prior"]
    assert search_digest(recipe()) == digest_of(before)
    assert search_digest(recipe(early_stopping={"kind": "none"})) == digest_of(before)
    assert search_digest(recipe(early_stopping=PROMOTION)) != digest_of(before)
