"""Searches and configurations that were stored, perhaps by another version of automtl."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from automtl.config import TrialConfig
from automtl.errors import RecipeError
from automtl.space.free import FreeSearch
from automtl.space.mistakes import from_pydantic
from automtl.space.recipe import Recipe, recipe_schema
from automtl.space.search import Search

MAX_SHOWN = 3


def stored_search(plain: Mapping[str, object]) -> Search:
    """Return the search that a ledger holds, whatever its trials train.

    Raises:
        RecipeError: If this version does not understand it; it says what differs.
    """
    if not _is_free(plain):
        return stored_recipe(plain)
    try:
        return FreeSearch.model_validate(plain)
    except ValidationError as error:
        what = "the study"
        raise _foreign(what, error, plain, FreeSearch.model_json_schema()) from error


def stored_recipe(plain: Mapping[str, object]) -> Recipe:
    """Return the recipe that a ledger holds.

    Raises:
        RecipeError: If this version does not understand it; it says what differs. If the study
            trains code of the user's own, which only its script has.
    """
    if _is_free(plain):
        msg = "this study trains code of its own, which only its script has"
        raise RecipeError(msg, fix="Run that script again: it goes on where it was")
    try:
        return Recipe.model_validate(plain)
    except ValidationError as error:
        what = "the study's recipe"
        raise _foreign(what, error, plain, recipe_schema()) from error


def stored_config(plain: Mapping[str, object], *, what: str) -> TrialConfig:
    """Return the configuration that a ledger or a file holds; what is new since has its default.

    Args:
        plain: As ``TrialConfig.to_plain`` gave it.
        what: Whose configuration, for messages.

    Raises:
        RecipeError: If this version does not understand it; it says what differs.
    """
    try:
        return TrialConfig.from_plain(plain)
    except ValidationError as error:
        raise _foreign(what, error, plain, TrialConfig.model_json_schema()) from error


def _is_free(plain: Mapping[str, object]) -> bool:
    return plain.get("kind") == "free"


def _foreign(
    what: str, error: ValidationError, plain: object, schema: Mapping[str, Any]
) -> RecipeError:
    found = [mistake.what for mistake in from_pydantic(error, plain, schema)]
    # A recipe whose parts are well formed, but do not fit one another any more, has no place.
    found = found or [str(error.errors()[0]["msg"]).removeprefix("Value error, ")]
    more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    msg = f"{what} was written by another version of automtl: {'; '.join(found[:MAX_SHOWN])}{more}"
    return RecipeError(msg, fix="Use the version that wrote it, or begin a new study")
