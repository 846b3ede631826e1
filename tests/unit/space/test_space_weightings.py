"""Weightings in a recipe: each kind's own keys, and a weighting of the user's own."""

import pytest

from automtl.errors import RecipeError
from automtl.space.recipe import load_recipe

RECIPE = """\
name: own
data:
  train: [{kind: shapes, clips: 2, seed: 1}]
  validation: [{kind: shapes, clips: 2, seed: 2}]
objectives: [{metric: detection/mAP, goal: maximize}]
base:
  weighting: {kind: custom, path: "package.module:factory", options: {mode: soft}}
parameters:
  weighting.options.power: {type: float, min: 0.5, max: 2}
budget: {trials: 2}
"""


def loaded(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text)
    return load_recipe(path)


def test_own_options_are_searched(tmp_path):
    space = loaded(tmp_path, RECIPE).space
    config = space.config_of({"weighting.options.power": 1.25})
    assert config.weighting.options == {"mode": "soft", "power": 1.25}


def test_an_own_weighting_beside_built_in_ones(tmp_path):
    text = RECIPE.replace(
        'weighting: {kind: custom, path: "package.module:factory", options: {mode: soft}}',
        "optimizer.epochs: 1",
    ).replace(
        "  weighting.options.power: {type: float, min: 0.5, max: 2}",
        "  weighting.kind: {type: categorical, values: [fixed, custom]}\n"
        "  weighting.path: {type: categorical, values: ['p.m:a', 'p.m:b'], "
        "when: {weighting.kind: custom}}",
    )
    space = loaded(tmp_path, text).space
    config = space.config_of({"weighting.kind": "custom", "weighting.path": "p.m:b"})
    assert config.weighting.path == "p.m:b"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: custom", "kind: costum", "kind 'costum' is unknown. Did you mean `custom`?"),
        (
            "package.module:factory",
            "package.module",
            "recipe.yaml:7: `base.weighting.path`: write",
        ),
        (
            '{kind: custom, path: "package.module:factory", options: {mode: soft}}',
            "{kind: custom}",
            "the key `path` of `base.weighting` is missing",
        ),
        ("options: {mode", "option: {mode", "unknown key `option`. Did you mean `options`?"),
        ("weighting.options.power", "weighting.option.power", "Did you mean"),
        ("options: {mode: soft}", "options: {mode: [1]}", "`base.weighting.options.mode`"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, words):
    with pytest.raises(RecipeError) as caught:
        loaded(tmp_path, RECIPE.replace(old, new))
    assert words in str(caught.value)
