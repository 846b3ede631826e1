"""A search over parameters by free names: what it means, what it refuses, how it is stored."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

import automtl
from automtl.controller.propose import plan, propose
from automtl.errors import AutomtlError
from automtl.results import TrialRecord, TrialStatus
from automtl.space.free import FreeSearch
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.space.search import search_digest
from automtl.space.stored import stored_recipe, stored_search

PROMOTION = {"kind": "promotion", "eta": 3}


def search(**parts: Any) -> FreeSearch:
    plain: dict[str, Any] = {
        "name": "own",
        "objectives": [{"metric": "error", "goal": "minimize"}],
        "parameters": {
            "lr": {"type": "float", "min": 1e-4, "max": 1, "log": True},
            "kind": {"type": "categorical", "values": ["linear", "deep"]},
            "depth": {"type": "int", "min": 1, "max": 3, "when": {"kind": "deep"}},
        },
        "budget": {"trials": 9},
    }
    return FreeSearch.model_validate({**plain, **parts})


def test_a_trial_is_its_active_parameters() -> None:
    space = search().space
    deep = space.complete({"kind": "deep", "depth": 2})
    assert space.trial_of(deep).to_plain() == {"lr": 0.01, "kind": "deep", "depth": 2}
    stale = {**deep, "kind": "linear"}
    assert space.trial_of(stale).to_plain() == {"lr": 0.01, "kind": "linear"}


def test_a_search_comes_back_from_the_ledger_as_what_it_was() -> None:
    recipe = load_recipe(find_recipe("quickstart"))
    for found in (search(), search(early_stopping=PROMOTION, epochs=27), recipe):
        assert stored_search(found.to_plain()) == found
    assert stored_recipe(recipe.to_plain()) == recipe
    assert isinstance(stored_search(recipe.to_plain()), Recipe)
    with pytest.raises(AutomtlError, match="that script again"):
        stored_recipe(search().to_plain())


def test_no_training_is_proposed_twice_and_a_small_space_ends() -> None:
    small = search(
        parameters={
            "kind": {"type": "categorical", "values": ["linear", "deep"]},
            "depth": {"type": "int", "min": 1, "max": 3, "when": {"kind": "deep"}},
        },
        enqueue=[{"kind": "deep"}, {}],
    )
    rng = random.Random(1)
    history: list[TrialRecord] = []
    while (proposal := propose(small, history)) is not None:
        record = TrialRecord(
            number=proposal.number,
            point=proposal.point,
            config=proposal.config.to_plain(),
            config_digest=proposal.config.digest,
            origin=proposal.origin,
            status=TrialStatus.COMPLETED,
            values={"error": rng.random()},
        )
        history.append(record)
    assert [r.origin for r in history] == ["default", "enqueued", "sampler", "sampler"]
    assert len({r.config_digest for r in history}) == 4
    assert {dict(r.config).get("depth") for r in history} == {None, 1, 2, 3}


def test_the_plan_has_no_baselines() -> None:
    origins = [proposal.origin for proposal in plan(search(enqueue=[{"lr": 0.5}]))]
    assert origins == ["default", "enqueued"]


def test_rungs_follow_the_reports_of_a_full_training() -> None:
    assert search(early_stopping=PROMOTION, epochs=27).rungs == (1, 3, 9)
    assert search(early_stopping={**PROMOTION, "rungs": [2, 8]}).rungs == (2, 8)
    assert search(epochs=27).rungs == ()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"early_stopping": PROMOTION}, "early stopping needs `epochs`"),
        ({"early_stopping": {**PROMOTION, "rungs": [9]}, "epochs": 9}, "not before the end"),
        ({"early_stopping": PROMOTION, "epochs": 1}, "has no rung"),
        ({"enqueue": [{"lr": 2}]}, "`lr` must be"),
        ({"enqueue": [{"depth": 2}]}, "does not exist at this point"),
        ({"parameters": {}}, "at least 1 item"),
        ({"objectives": [{"metric": "e", "goal": "minimize"}] * 2}, "given twice"),
        ({"parameters": {"a": {"type": "bool", "when": {"b": True}}}}, "which is no parameter"),
        ({"constraints": [{"metric": "e", "min": 2}, {"metric": "e", "max": 1}]}, "no value of"),
    ],
)
def test_what_does_not_fit_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        search(**parts)


def test_the_digest_is_of_what_decides_trials() -> None:
    digest = search_digest(search())
    for same in ({"name": "x"}, {"budget": {"minutes": 1}}, {"resources": {"cpu": 2}}):
        assert search_digest(search(**same)) == digest
    for other in (
        {"seed": 1},
        {"enqueue": [{"lr": 0.5}]},
        {"constraints": [{"metric": "error", "max": 1}]},
    ):
        assert search_digest(search(**other)) != digest


def test_python_states_priors_as_a_recipe_does() -> None:
    prior = automtl.Prior(at=1, confidence="high")
    made = {
        "x": automtl.Float(0, 1, prior=prior),
        "n": automtl.Int(1, 8, prior=prior),
        "c": automtl.Categorical([1, 2], prior=prior),
        "b": automtl.Bool(prior=automtl.Prior(at=True)),
    }
    high = {"at": 1, "confidence": "high"}
    plain = {
        "x": {"type": "float", "min": 0, "max": 1, "prior": high},
        "n": {"type": "int", "min": 1, "max": 8, "prior": high},
        "c": {"type": "categorical", "values": [1, 2], "prior": high},
        "b": {"type": "bool", "prior": {"at": True}},
    }
    assert search(parameters=made) == search(parameters=plain)
