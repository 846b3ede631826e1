"""What another version stored is read where it can be, and says what differs where it cannot."""

import pytest

from automtl.config import TrialConfig
from automtl.errors import RecipeError
from automtl.space.recipe import find_recipe, load_recipe
from automtl.space.stored import stored_config, stored_recipe


def test_what_came_later_has_its_default() -> None:
    plain = TrialConfig().to_plain()
    del plain["imports"]
    assert stored_config(plain, what="trial 3") == TrialConfig()
    recipe = load_recipe(find_recipe("quickstart"))
    older = recipe.to_plain()
    del older["early_stopping"]
    assert stored_recipe(older) == recipe


def test_a_key_of_another_version_is_named() -> None:
    plain = {**TrialConfig().to_plain(), "quantised": True}
    plain["optimizer"] = {**plain["optimizer"], "name": "lion"}  # type: ignore[dict-item]
    with pytest.raises(RecipeError) as caught:
        stored_config(plain, what="trial 3")
    line = str(caught.value)
    assert line.startswith("trial 3 was written by another version of automtl: ")
    assert "unknown key `quantised`" in line
    assert "`optimizer.name` must be" in line
    assert "Use the version that wrote it" in line
    assert "\n" not in line


def test_a_recipe_that_does_not_fit_together_any_more_is_named() -> None:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    parameters = {**plain["parameters"], "optimizer.momentum": {"type": "bool"}}  # type: ignore[dict-item]
    with pytest.raises(RecipeError, match=r"`optimizer.momentum` is not part of a trial's"):
        stored_recipe({**plain, "parameters": parameters})
    with pytest.raises(RecipeError, match="another version of automtl: unknown key `pruning`"):
        stored_recipe({**plain, "pruning": {}})
