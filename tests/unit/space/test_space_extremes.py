"""Numbers that no search can use are refused where they stand."""

import pytest

from automtl.errors import RecipeError
from automtl.space.search_space import SearchSpace

GOAL = [{"metric": "loss", "goal": "minimize"}]


@pytest.mark.parametrize(
    "parameter",
    [
        {"type": "int", "min": 0, "max": 10**400},
        {"type": "int", "min": -(2**70), "max": 1},
        {"type": "int", "min": 0, "max": 3, "default": 2**70},
        {"type": "float", "min": -1e308, "max": 1e308},
        {"type": "float", "min": 0.0, "max": float("inf")},
        {"type": "float", "min": float("nan"), "max": 1.0},
        {"type": "float", "min": 0.0, "max": 1e90, "step": 1e-90},
    ],
)
def test_extreme_ranges_are_refused(parameter: dict[str, object]) -> None:
    with pytest.raises(RecipeError):
        SearchSpace.from_plain(parameters={"x": parameter}, objectives=GOAL)


@pytest.mark.parametrize("value", [10**400, -(2**60), float("inf"), float("nan")])
@pytest.mark.parametrize("kind", ["int", "float"])
def test_a_point_of_extreme_values_is_refused(value: float, kind: str) -> None:
    parameters = {"x": {"type": kind, "min": 0, "max": 4}}
    space = SearchSpace.from_plain(parameters=parameters, objectives=GOAL)
    with pytest.raises(RecipeError, match="`x` must be 0 to 4"):
        space.complete({"x": value})
