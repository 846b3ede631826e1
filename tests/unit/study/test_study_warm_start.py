import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.controller.chance import uniform
from automtl.controller.propose import plan
from automtl.errors import AutomtlError
from automtl.results import Objective, TrialStatus
from automtl.space.recipe import Recipe
from automtl.space.search_space import SearchSpace
from automtl.study.changes import changes, refuse_changed, shown
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, held, opened
from automtl.study.warm_start import N_BEST, carried, warmed

GOALS = [
    {"metric": "detection/mAP", "goal": "maximize"},
    {"metric": "cost/latency_ms", "goal": "minimize"},
]
PARAMETERS: dict[str, dict[str, Any]] = {
    "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True},
    "optimizer.warmup": {"type": "float", "min": 0, "max": 0.5},
    "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
    "schedule.block": {
        "type": "int",
        "min": 1,
        "max": 8,
        "when": {"schedule.kind": "alternating"},
    },
}


def recipe(**parts: Any) -> Recipe:
    plain: dict[str, Any] = {
        "name": "test",
        "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
        "objectives": GOALS,
        "parameters": PARAMETERS,
        "budget": {"trials": 50},
    }
    return Recipe.model_validate({**plain, **parts})


def study(folder: Path, trials: list[tuple[Mapping[str, Any], dict[str, float]]]) -> Path:
    """Record a study whose trials ended with these values."""
    place, old = StudyFolder(folder), recipe()
    create(old, place, Settings())
    with opened(place) as ledger, held(ledger):
        for number, (partial, values) in enumerate(trials):
            point = old.space.complete(dict(partial))
            config = old.space.config_of(point)
            ledger.add_trial(
                number=number,
                point=point,
                config=config.to_plain(),
                config_digest=config.digest,
                origin="sampler",
                seed=number,
            )
            ledger.start_attempt(number, worker="")
            ledger.end_trial(
                number,
                status=TrialStatus.COMPLETED,
                values=values,
                best_epoch=1,
                failure=None,
            )
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return study(
        tmp_path / "old",
        [
            (
                {"optimizer.lr": 2e-3},
                {"detection/mAP": 0.1, "cost/latency_ms": 9.0},
            ),  # beaten by all others
            ({"optimizer.lr": 9e-3}, {"detection/mAP": 0.9, "cost/latency_ms": 5.0}),
            (
                {"schedule.kind": "alternating", "schedule.block": 7},
                {"detection/mAP": 0.5, "cost/latency_ms": 1.0},
            ),
        ],
    )


def test_the_best_points_come_right_after_what_is_stated(old: Path) -> None:
    stated = recipe(warm_start=[str(old)], enqueue=[{"optimizer.warmup": 0.1}])
    found, lines = warmed(stated)
    assert found.enqueue[0] == {"optimizer.warmup": 0.1}
    # The front's two before the one that is beaten.
    assert [p["optimizer.lr"] == 2e-3 for p in found.enqueue[1:]] == [False, False, True]
    assert len(lines) == 1
    assert str(old) in lines[0]
    origins = [p.origin for p in plan(found)]
    assert origins == ["default"] + ["enqueued"] * (len(origins) - 1)
    assert Recipe.model_validate(found.to_plain()) == found


def test_a_created_study_needs_the_old_folder_no_more(old: Path, tmp_path: Path) -> None:
    found, _ = warmed(recipe(warm_start=[str(old)]))
    old.rename(tmp_path / "gone")
    place = StudyFolder(tmp_path / "new")
    create(found, place, Settings())
    with opened(place) as ledger:
        assert Recipe.model_validate(ledger.study().recipe).enqueue == found.enqueue


def test_what_does_not_exist_here_is_left_out(old: Path) -> None:
    narrow = {
        "optimizer.lr": {**PARAMETERS["optimizer.lr"], "max": 5e-3},
        "schedule.kind": PARAMETERS["schedule.kind"],
    }
    found, _ = warmed(recipe(warm_start=[str(old)], parameters=narrow))
    # 9e-3 is outside now; warmup and block are no parameters.
    assert all(set(p) <= set(narrow) for p in found.enqueue)
    assert all(float(p.get("optimizer.lr", 1e-3)) <= 5e-3 for p in found.enqueue)
    assert {"joint", "alternating"} == {p["schedule.kind"] for p in found.enqueue}


def test_objectives_are_matched_by_metric_and_goal(old: Path) -> None:
    only = recipe(warm_start=[str(old)], objectives=GOALS[1:])
    first = warmed(only)[0].enqueue[0]
    assert first["schedule.kind"] == "alternating"
    # No recipe may ask for this of a built-in metric; those of the user's own have any goal.
    latency = Objective(metric="cost/latency_ms", goal="maximize")
    turned = only.model_copy(update={"objectives": (latency,)})
    with pytest.raises(AutomtlError, match="none of the objectives cost/latency_ms"):
        warmed(turned)


@pytest.mark.parametrize(("trials", "most"), [(1, 0), (2, 0), (4, 2), (50, 3)])
def test_a_small_budget_is_not_spent_on_old_points(old: Path, trials: int, most: int) -> None:
    found, _ = warmed(recipe(warm_start=[str(old)], budget={"trials": trials}))
    assert len(found.enqueue) <= most
    assert len(warmed(recipe(warm_start=[str(old), str(old)]))[0].enqueue) <= N_BEST


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(AutomtlError, match=r"no study lies in .*nowhere"):
        warmed(recipe(warm_start=[str(tmp_path / "nowhere")]))


OLD = SearchSpace.from_plain(
    parameters={
        "a": {"type": "float", "min": 0, "max": 9},
        "b": {"type": "categorical", "values": ["x", "y", "z"]},
        "c": {"type": "int", "min": 0, "max": 9, "when": {"b": "y"}},
        "old": {"type": "bool"},
    },
    objectives=GOALS,
)
NEW = SearchSpace.from_plain(
    parameters={
        "a": {"type": "float", "min": 3, "max": 5},
        "b": {"type": "categorical", "values": ["y", "w"]},
        "c": {"type": "int", "min": 0, "max": 4, "when": {"b": "y"}},
        "new": {"type": "bool", "when": {"b": "w"}},
    },
    objectives=GOALS,
)


@given(st.randoms(use_true_random=False))
def test_every_carried_point_is_one_of_the_new_space(rng: random.Random) -> None:
    point = uniform(OLD, rng.random)
    found = carried(NEW, point)
    if found is None:
        assert not 3 <= float(point["a"]) <= 5
        return
    whole = NEW.complete(found)
    assert all(point[name] == value for name, value in found.items())
    assert ("a" in found) == (3 <= float(point["a"]) <= 5)
    assert ("b" in found) == (point["b"] == "y")
    assert set(NEW.active(whole)) == set(whole)


def test_another_recipe_in_an_old_folder_is_refused_with_what_differs(old: Path) -> None:
    refuse_changed(StudyFolder(old), recipe())
    refuse_changed(StudyFolder(old / "nothing"), recipe())
    with pytest.raises(AutomtlError) as other:
        refuse_changed(StudyFolder(old), recipe(seed=4, sampler={"kind": "random"}))
    assert "seed was 0, is 4" in other.value.what
    assert "sampler.kind was tpe, is random" in other.value.what
    assert f"`warm_start: [{old}]`" in str(other.value.fix)


def test_changes_name_every_place_once() -> None:
    one = {"a": [1, {"b": 2}], "c": "x", "same": None}
    two = {"a": [1, {"b": 3}, 4], "d": True, "same": None}
    found = list(changes(one, two))
    assert found == ["a.1.b was 2, is 3", "a.2 is new: 4", "c was x, is gone", "d is new: True"]
    assert list(changes(one, one)) == []
    assert shown(["p"] * 6).endswith("and 2 more")
