"""A search whose trials are to be compiled is refused where there is no compiler."""

import pytest

from automtl.errors import DeviceError
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study import search
from automtl.study.compiling import check_compiler, compiles
from automtl.study.folder import Settings
from automtl.study.observer import Silent
from automtl.training import compiled

CHOICE = {"type": "categorical", "values": [False, True], "default": False}


def recipe(*, base: bool = False, searched: bool = False, gpu: float = 0.0) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    optimizer = {**plain["base"]["optimizer"], "compile": base}
    plain["base"] = {**plain["base"], "optimizer": optimizer}
    if searched:
        plain["parameters"] = {**plain["parameters"], "optimizer.compile": CHOICE}
    plain["resources"] = {**plain["resources"], "gpu": gpu}
    return Recipe.model_validate(plain)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let every machine lack a compiler; gives what it was looked for."""
    found: list[bool] = []

    def none(*, gpu: bool) -> str:
        found.append(gpu)
        return "a C++ compiler (`g++`)"

    monkeypatch.setattr(compiled, "missing_tool", none)
    return found


def test_it_is_known_whether_a_trial_may_be_compiled() -> None:
    assert not compiles(recipe())
    assert compiles(recipe(base=True))
    assert compiles(recipe(searched=True))


@pytest.mark.parametrize("gpu", [0.0, 0.5])
@pytest.mark.parametrize("searched", [True, False])
def test_a_missing_compiler_is_one_line(asked: list[bool], *, searched: bool, gpu: float) -> None:
    with pytest.raises(DeviceError, match=r"g\+\+") as caught:
        check_compiler(recipe(base=not searched, searched=searched, gpu=gpu))
    assert caught.value.where == "optimizer.compile"
    assert "optimizer.compile: false" in caught.value.fix
    assert asked == [gpu > 0]


def test_who_compiles_nothing_needs_no_compiler(asked: list[bool]) -> None:
    check_compiler(recipe())
    assert asked == []


def test_a_search_looks_before_it_begins(
    asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "check_machine", lambda settings, recipe: None)
    wanted = recipe(base=True)
    with pytest.raises(DeviceError, match=r"g\+\+"):
        search.prepare_data(wanted, Settings(study=wanted.name), Silent())
    assert asked == [False]
