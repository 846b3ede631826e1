"""What `search` makes of its arguments before anything is trained."""

from typing import Any

import pytest

from automtl.cli import run_command
from automtl.cli.run import read_recipe
from automtl.errors import RecipeError
from automtl.study.folder import Settings


@pytest.mark.parametrize(("option", "reuses"), [([], True), (["--no-cache"], False)])
def test_no_cache_reuses_nothing_and_is_remembered(
    monkeypatch: pytest.MonkeyPatch, option: list[str], reuses: bool
) -> None:
    seen: list[Settings] = []

    def start(_name: str, _folder: object, settings: Settings, **_: Any) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr("automtl.cli.run.start_search", start)
    assert run_command(["search", "quickstart", *option]) == 0
    assert [settings.cache for settings in seen] == [reuses]


def test_changes_that_a_recipe_does_not_allow_are_refused() -> None:
    assert read_recipe("quickstart", trials=5, seed=3).budget.trials == 5
    with pytest.raises(RecipeError, match=r"`budget.trials` 1 is spent by the default") as caught:
        read_recipe("baselines", trials=1)
    assert "--trials" in str(caught.value)
