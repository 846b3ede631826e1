import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from automtl.errors import RecipeError
from automtl.space.recipe import (
    Recipe,
    load_recipe,
    recipe_schema,
)
from automtl.space.search import search_digest

GOOD = """\
name: small
data:
  train: [{kind: shapes, clips: 2, seed: 1}]
  validation:
    - {kind: shapes, clips: 2, seed: 2}
objectives:
  - {metric: detection/mAP, goal: maximize, reference: 0}
  - {metric: cost/latency_ms, goal: minimize, unit: ms}
base:
  backbone: {name: tiny}
  optimizer.epochs: 2
parameters:
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true}
  optimizer.warmup: {type: float, min: 0, max: 0.5, step: 0.25}
  optimizer.batch_size: {type: int, min: 2, max: 8, step: 2}
  weighting.kind: {type: categorical, values: [fixed, upgrad]}
  weighting.weights.detection: {type: float, min: 1, max: 9, when: {weighting.kind: fixed}}
  schedule.kind: {type: categorical, values: [joint, alternating]}
  schedule.block: {type: int, min: 1, max: 8, when: {schedule.kind: [alternating]}}
enqueue:
  - {optimizer.lr: 5e-3, weighting.kind: upgrad}
constraints:
  - {metric: cost/parameters, max: 2000000}
budget: {trials: 4}
baselines: {single_task: [tracking]}
"""

# What is written in place of what, and the words that have to be in the error.
PLANTED = [
    ("name: small", "nam: small", "unknown key `nam`. Did you mean `name`?"),
    ("name: small", "name: a b", "`name` may not be 'a b'"),
    ("clips: 2, seed: 1", "clps: 2, seed: 1", "unknown key `clps`. Did you mean `clips`?"),
    (
        "- {kind: shapes, clips: 2, seed: 2}",
        "- {kind: shape, clips: 2, seed: 2}",
        "`data.validation.0`: kind 'shape' is unknown. Did you mean `shapes`?",
    ),
    (
        "- {kind: shapes, clips: 2, seed: 2}",
        "- {clips: 2}",
        "`data.validation.0` lacks its 'kind'",
    ),
    ("goal: maximize", "goal: max", "must be 'maximize' or 'minimize', found 'max'"),
    (
        "metric: cost/latency_ms, goal",
        "metric: detection/mAP, goal",
        "the objective `detection/mAP` is given twice",
    ),
    (
        "metric: cost/latency_ms, goal",
        "metrc: cost/latency_ms, goal",
        "unknown key `metrc`. Did you mean `metric`?",
    ),
    ("unit: ms", "unt: ms", "unknown key `unt`. Did you mean `unit`?"),
    ("backbone: {name: tiny}", "backbone: {nme: tiny}", "unknown key `nme`. Did you mean `name`?"),
    ("optimizer.epochs: 2", "optimizer.epoch: 2", "unknown key `epoch`. Did you mean `epochs`?"),
    ("optimizer.epochs: 2", "optimizer.epochs: 0", "`base.optimizer.epochs`: input should be"),
    (
        "optimizer.lr: {",
        "optimizer.learn: {",
        "`optimizer.learn` is not part of a trial's configuration",
    ),
    ("optimizer.lr: {type: float", "optimizer.lr: {type: flot", "Did you mean `float`?"),
    ("min: 1e-3, max: 1e-2", "min: 1e-1, max: 1e-2", "`min` must not be above `max`"),
    ("min: 1e-3, max: 1e-2", "min: 0, max: 1e-2", "`log: true` needs `min` above 0"),
    ("min: 1e-3, max: 1e-2", "mn: 1e-3, max: 1e-2", "unknown key `mn`. Did you mean `min`?"),
    ("max: 1e-2, log: true", "max: 100, log: true", "`optimizer.lr` = 100.0 makes no"),
    ("max: 1e-2, log", "max: 1e-2, default: 1, log", "`default` must be 0.001 to 0.01, found 1.0"),
    ("max: 0.5, step: 0.25", "max: 0.5, step: 0.75", "`step` must not be larger than the range"),
    ("max: 0.5, step: 0.25", "max: 0.5, default: 0.3, step: 0.25", "in steps of 0.25, found 0.3"),
    ("max: 8, step: 2", "max: 8, step: 1.5", "`parameters.optimizer.batch_size.step`"),
    ("max: 8, step: 2", "max: 8, step: 3", "`optimizer.batch_size` ="),
    ("values: [fixed, upgrad]", "values: []", "`parameters.weighting.kind.values`"),
    ("values: [fixed, upgrad]", "values: [fixed, fixed]", "must differ from one another"),
    ("values: [fixed, upgrad]", "values: [fixed, upgrade]", "`weighting.kind` = upgrade makes no"),
    (
        "when: {weighting.kind: fixed}",
        "when: {weighting.knd: fixed}",
        "names `weighting.knd`, which is no parameter. Did you mean `weighting.kind`?",
    ),
    (
        "when: {weighting.kind: fixed}",
        "when: {weighting.kind: fixd}",
        "`weighting.kind` is never 'fixd': it is one of fixed, upgrad. Did you mean `fixed`?",
    ),
    (
        "when: {weighting.kind: fixed}",
        "when: {weighting.weights.detection: 1}",
        "`weighting.weights.detection` depends on itself",
    ),
    (
        "weights.detection: {type",
        "weights.detecton: {type",
        "Did you mean `weighting.weights.detection`?",
    ),
    (
        "block: {type: int, min: 1, max: 8, when: {schedule.kind: [alternating]}}",
        "block: {type: int, min: 1, max: 8}",
        "it does not exist with `schedule.kind` joint",
    ),
    ("optimizer.lr: 5e-3, w", "optimizer.l: 5e-3, w", "`optimizer.l` is no parameter. Did you"),
    ("optimizer.lr: 5e-3, w", "optimizer.lr: 5, w", "`optimizer.lr` must be 0.001 to 0.01"),
    (
        "optimizer.lr: 5e-3, w",
        "weighting.weights.detection: 2, w",
        "`weighting.weights.detection` does not exist at this point",
    ),
    (", max: 2000000", "", "the constraint on 'cost/parameters' needs `min` or `max`"),
    (", max: 2000000", ", max: 1, min: 2", "is at least 2 and at most 1"),
    ("{trials: 4}", "{}", "a budget needs `trials`, `minutes` or `epochs`"),
    ("{trials: 4}", "{trials: 0}", "`budget.trials`: input should be greater"),
    ("{trials: 4}", "{trials: 2}", "is spent by the default and `enqueue` before `baselines`"),
    ("[tracking]", "[tracking, tracking]", "the baseline `tracking` is given twice"),
    ("[tracking]", "[trackng]", "no task of this search. Did you mean `tracking`?"),
    (
        "backbone: {name: tiny}",
        "backbone: {name: tinny}",
        "`base.backbone.name`: no backbone is called 'tinny'; did you mean 'tiny'?",
    ),
    (
        "train: [",
        "label_fraction: {detecton: 0.5}\n  train: [",
        "`detecton`, which is no task of this search. Did you mean `detection`?",
    ),
    (
        "clips: 2, seed: 2}",
        "clips: 2, seed: 2, rate: 3}",
        "`rate: 3` is for sources that train; here all frames count",
    ),
    (
        "optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true}",
        "optimizer.lr: {type: float, min: 1e-3, max: 1e-2, prior: {at: 1}}",
        "`prior.at` must be 0.001 to 0.01, found 1",
    ),
    (
        "values: [fixed, upgrad]}",
        "values: [fixed, upgrad], prior: {at: pcgrad}}",
        "`prior.at` must be one of fixed, upgrad, found 'pcgrad'",
    ),
    (
        "values: [fixed, upgrad]}",
        "values: [fixed, upgrad], prior: {at: fixed, confidence: hihg}}",
        "must be 'low', 'medium' or 'high', found 'hihg'",
    ),
    (
        "when: {weighting.kind: fixed}",
        "when: {weighting.kind: []}",
        "`weighting.weights.detection` exists at no value of `weighting.kind`: the list is empty",
    ),
]


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def changed(**parts: Any) -> dict[str, Any]:
    document = copy.deepcopy(load_document())
    document.update(parts)
    return document


def load_document() -> dict[str, Any]:
    return Recipe.model_validate(DOCUMENT).to_plain()


DOCUMENT = yaml.safe_load(
    GOOD.replace("1e-3", "0.001").replace("1e-2", "0.01").replace("5e-3", "0.005")
)


def test_the_good_recipe_is_good(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, GOOD))
    assert recipe == Recipe.model_validate(DOCUMENT)
    assert recipe == Recipe.model_validate(recipe.to_plain())
    config = recipe.space.config_of(recipe.space.default_point())
    assert (config.optimizer.epochs, config.schedule.kind) == (2, "joint")


@pytest.mark.parametrize(("old", "new", "words"), PLANTED)
def test_a_planted_mistake_is_found_on_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert GOOD.count(old) == 1
    path = written(tmp_path, GOOD.replace(old, new))
    line = GOOD[: GOOD.index(old)].count("\n") + 1
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    found = [text for text in str(caught.value).splitlines() if words in text]
    assert found, str(caught.value)
    assert all(text.startswith(f"{path}:{line}: ") for text in found), str(caught.value)


def test_all_mistakes_are_found_in_one_go(tmp_path: Path) -> None:
    text, lines = GOOD, set()
    for old, new, _ in (PLANTED[i] for i in (1, 2, 3, 5, 8, 9, 14, 19, 24, 26, 34, 36, 40)):
        text = text.replace(old, new)
        lines.add(GOOD[: GOOD.index(old)].count("\n") + 1)
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, text))
    found = [int(line.split(":")[1]) for line in str(caught.value).splitlines()]
    assert len(found) == 13
    assert set(found) == lines
    assert found == sorted(found)


@pytest.mark.parametrize("part", ["name", "data", "objectives", "parameters", "budget"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != part}
    with pytest.raises(RecipeError, match=f"`{part}` is missing"):
        load_recipe(written(tmp_path, yaml.safe_dump(document)))


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        ("{kind: tep}", "`sampler`: kind 'tep' is unknown. Did you mean `tpe`?"),
        ("{kind: nsga2, population: 1}", "`sampler.population`"),
        ("{kind: tpe, population: 9}", "unknown key `population`"),
        ("{kind: gp}", "no parameter with `when`, and `weighting.weights.detection` has one"),
        ("{kind: random}", "the sampler `random` knows no priors, and `optimizer.lr` has one"),
    ],
)
def test_a_sampler_that_does_not_fit_is_named_on_its_line(
    tmp_path: Path, sampler: str, words: str
) -> None:
    believed = "max: 1e-2, log: true, prior: {at: 2e-3}}"
    text = GOOD.replace("max: 1e-2, log: true}", believed) + f"sampler: {sampler}\n"
    path = written(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    found = [line for line in str(caught.value).splitlines() if words in line]
    assert found, str(caught.value)
    assert found[0].startswith(f"{path}:{text.count(chr(10))}:")


def test_the_default_sampler_is_the_same_study_as_before_there_were_others() -> None:
    digest = search_digest(Recipe.model_validate(DOCUMENT))
    assert search_digest(Recipe.model_validate(changed(sampler={"kind": "tpe"}))) == digest
    assert search_digest(Recipe.model_validate(changed(sampler={"kind": "random"}))) != digest


@pytest.mark.parametrize("part", [k for k in DOCUMENT if k != "name"])
@pytest.mark.parametrize("junk", [None, 3, "text", [1], [[]], {"a": {"b": [None]}}, {1: 2}])
def test_junk_never_ends_in_a_traceback(tmp_path: Path, part: str, junk: object) -> None:
    path = written(tmp_path, yaml.safe_dump({**DOCUMENT, part: junk}))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}:")


@pytest.mark.parametrize("text", ["3", "- 1", "just words"])
def test_a_recipe_is_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match="mapping"):
        load_recipe(written(tmp_path, text))


def test_conditions_in_a_circle_are_refused(tmp_path: Path) -> None:
    text = GOOD.replace(
        "values: [joint, alternating]}", "values: [joint, alternating], when: {schedule.block: 1}}"
    )
    with pytest.raises(RecipeError, match=r"circle: schedule\.block, schedule\.kind"):
        load_recipe(written(tmp_path, text))


def test_a_recipe_from_the_ledger_is_checked_too() -> None:
    twice = changed(objectives=[{"metric": "a", "goal": "maximize"}] * 2)
    with pytest.raises(ValidationError, match="given twice"):
        Recipe.model_validate(twice)


def test_the_digest_follows_what_decides_trials() -> None:
    digest = search_digest(Recipe.model_validate(DOCUMENT))
    for same in (
        {"name": "other"},
        {"description": "x"},
        {"budget": {"minutes": 3}},
        {"resources": {"gpu": 1}},
    ):
        assert search_digest(Recipe.model_validate(changed(**same))) == digest
    for other in (
        {"seed": 1},
        {"enqueue": []},
        {"constraints": []},
        {"objectives": DOCUMENT["objectives"][:1]},
        {"parameters": {"optimizer.lr": DOCUMENT["parameters"]["optimizer.lr"]}, "enqueue": []},
    ):
        assert search_digest(Recipe.model_validate(changed(**other))) != digest


def test_the_order_of_keys_decides_nothing() -> None:
    document = load_document()
    turned = {**document, "parameters": dict(reversed(document["parameters"].items()))}
    one, two = Recipe.model_validate(document), Recipe.model_validate(turned)
    assert list(one.parameters) != list(two.parameters)
    assert list(one.space.parameters) == list(two.space.parameters)
    assert search_digest(one) == search_digest(two)


def test_the_schema_knows_every_key() -> None:
    schema = recipe_schema()
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False
