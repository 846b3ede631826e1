"""A recipe: what to search, for what, on which data, for how long. Written as YAML."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from typing_extensions import override

from automtl.config import TrialConfig
from automtl.errors import RecipeError, closest
from automtl.sources import DataConfig
from automtl.space.crosscheck import cross_mistakes
from automtl.space.early_stopping import longest_training, rungs_of
from automtl.space.generalcheck import Parts
from automtl.space.mistakes import from_pydantic, render
from automtl.space.parts import Baselines, Budget, Constraint, Resources
from automtl.space.paths import nested
from automtl.space.search import Search
from automtl.space.search_space import SearchSpace, in_order
from automtl.space.yaml_lines import read_yaml

__all__ = [
    "Baselines",
    "Budget",
    "Constraint",
    "Recipe",
    "Resources",
    "find_recipe",
    "load_recipe",
    "recipe_schema",
    "shipped_recipes",
]


class Recipe(Search):
    """A search over multi-task vision models.

    Attributes:
        data: The splits.
        base: Partial configuration that parameters change; keys may be dotted.
        parameters: By dotted path into the configuration.
        baselines: Trials to compare with.
        warm_start: Folders of earlier studies whose best points are tried first.
    """

    data: DataConfig
    base: Mapping[str, Any] = {}
    baselines: Baselines = Baselines()
    warm_start: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = cross_mistakes(Parts.of(self.model_dump()))
        if found:
            raise ValueError("; ".join(m.what for m in found))
        return self

    @property
    @override
    def space(self) -> SearchSpace:
        """The trials that exist."""
        return SearchSpace(
            parameters=in_order(self.parameters),
            objectives=self.objectives,
            base=TrialConfig.from_plain(nested(self.base)),
        )

    @property
    @override
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are compared, ascending; empty without early stopping."""
        return rungs_of(self.early_stopping, longest_training(self.base, self.parameters))

    @property
    @override
    def baseline_names(self) -> tuple[str, ...]:
        """Tasks that are trained alone, ``equal_weights`` and ``staged``."""
        return self.baselines.names

    @property
    @override
    def tuned_alone(self) -> Mapping[str, int]:
        """Trainings for each task that is trained alone more than once."""
        single = self.baselines.single_task
        return dict.fromkeys(single.tasks, single.trials) if single.trials > 1 else {}


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: With one line, ``file:line: what. fix``, for every mistake found.
    """
    located = read_yaml(path)
    document = located.value
    if not isinstance(document, Mapping):
        msg = "a recipe is a mapping of keys to values"
        raise RecipeError(msg, where=f"{path}:1")
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        found = from_pydantic(error, document, recipe_schema())
        found += cross_mistakes(Parts.of(document))
        raise RecipeError(render(found, located, str(path)) or str(error)) from error


def find_recipe(name_or_path: str) -> Path:
    """Return the file of a recipe, given by path or by the name of a shipped one.

    Raises:
        RecipeError: If there is none; it names the nearest and all that are shipped.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if path.is_file():
            return path
        msg = "no such file"
        raise RecipeError(msg, where=name_or_path, fix="Check the recipe's path")
    shipped = shipped_recipes()
    if name_or_path in shipped:
        return shipped[name_or_path]
    near = closest(name_or_path, shipped)
    fix = f"Did you mean `{near}`? " if near else ""
    msg = f"there is no recipe {name_or_path!r}"
    raise RecipeError(
        msg,
        fix=f"{fix}Shipped: {', '.join(shipped) or 'none'}; a file of your own ends in .yaml",
    )


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with automtl, by name: from the wheel or the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "recipes", package.parent / "search_spaces"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


@cache
def recipe_schema() -> dict[str, Any]:
    """Return the JSON schema of recipes."""
    return Recipe.model_json_schema()
