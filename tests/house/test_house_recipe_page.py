"""The page on recipes is what the program says of itself, and leaves no key without a word."""

import re
from pathlib import Path

from automtl.cli.schema_page import recipe_page
from automtl.config import TrialConfig
from automtl.space.recipe import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipe.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == recipe_page(), "automtl schema --markdown > docs/recipe.md"


def test_every_key_has_a_meaning() -> None:
    rows = [line.split(" | ") for line in recipe_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row[0] for row in rows if not row[1].strip()] == []


def test_the_page_has_every_key_of_a_recipe_and_of_a_trial() -> None:
    keys = set(re.findall(r"^\| `(\w+)`", recipe_page(), flags=re.MULTILINE))
    assert keys >= set(Recipe.model_fields) | set(TrialConfig.model_fields)


def test_every_link_leads_somewhere() -> None:
    page = recipe_page()
    assert set(re.findall(r"\]\(#(\w+)\)", page)) == set(re.findall(r'<a id="(\w+)">', page))
