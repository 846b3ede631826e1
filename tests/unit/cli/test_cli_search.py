"""What `search` makes of its arguments before anything is trained."""

from pathlib import Path
from typing import Any

import pytest

from automtl.cli import run_command
from automtl.cli.run import read_recipe
from automtl.errors import RecipeError
from automtl.space.recipe import find_recipe
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


def test_a_number_of_trials_leaves_the_other_limits_of_the_budget(tmp_path: Path) -> None:
    limits = "minutes: 7, epochs: 90, trainings: 8.5, stall: {trials: 5}"
    plain = find_recipe("quickstart").read_text().split("budget:")
    text = f"{plain[0]}budget: {{{limits}}}\n" + "\n".join(plain[1].splitlines()[1:])
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    stated, changed = read_recipe(str(path)).budget, read_recipe(str(path), trials=5).budget
    assert stated.trials is None
    assert changed == stated.model_copy(update={"trials": 5})


def test_changes_that_a_recipe_does_not_allow_are_refused() -> None:
    assert read_recipe("quickstart", trials=5, seed=3).budget.trials == 5
    with pytest.raises(RecipeError, match=r"`budget.trials` 1 is spent by the default") as caught:
        read_recipe("baselines", trials=1)
    assert "--trials" in str(caught.value)
