"""The recipes that come with automtl, and how a recipe is found."""

from pathlib import Path

import pytest

from automtl.errors import RecipeError
from automtl.space.recipe import find_recipe, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_good(name: str) -> None:
    recipe = load_recipe(find_recipe(name))
    assert recipe.name == name
    assert recipe.description
    assert recipe.data.test


def test_four_recipes_are_shipped() -> None:
    assert {"quickstart", "street", "full", "baselines"} <= set(shipped_recipes())


def test_quickstart_states_points_that_cover_the_questions() -> None:
    recipe = load_recipe(find_recipe("quickstart"))
    space = recipe.space
    points = [{}, *recipe.enqueue]
    configs = [space.config_of(space.complete(point)) for point in points]
    assert recipe.budget.trials is not None
    assert len(points) < recipe.budget.trials
    assert len({c.sharing.split_after for c in configs}) >= 3
    assert {c.schedule.kind for c in configs} == {"joint", "alternating"}
    assert len({c.weighting.kind for c in configs}) >= 3


def test_recipes_are_found_by_path_or_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.touch()
    assert find_recipe(str(path)) == path
    assert find_recipe("street").name == "street.yaml"
    with pytest.raises(RecipeError, match="Did you mean `quickstart`"):
        find_recipe("quikstart")
    with pytest.raises(RecipeError, match=r"Shipped: .*street"):
        find_recipe("zzz")
    with pytest.raises(RecipeError, match="no such file"):
        find_recipe("quickstart.yaml")
