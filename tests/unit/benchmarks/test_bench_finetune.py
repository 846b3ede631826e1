"""The measure of what a bundle saves: paired by seed, the same optimizer for all three ways."""

from pathlib import Path

import pytest
import yaml

from automtl.export.bundle import load_bundle
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from benchmarks.finetune import SHOWN, _goals, compare, summary
from benchmarks.finetune_setting import (
    SHARE,
    _other_pictures,
    from_pick,
    quick_setting,
    search_recipe,
)


def ways(full: float, quarter: float, tuned: float) -> dict[str, dict[str, float]]:
    scores = {"full": full, "quarter": quarter, "tuned": tuned}
    return {way: dict.fromkeys(SHOWN, value) for way, value in scores.items()}


def test_gains_are_paired_by_seed_and_the_goal_is_their_lower_end():
    figures = summary([ways(0.5, 0.3, 0.6), ways(0.8, 0.4, 0.9), ways(0.3, 0.2, 0.4)])
    assert figures["gain"] == pytest.approx(0.1)
    # All gain the same: the interval is a point.
    assert [figures["gain_low"], figures["gain_high"]] == pytest.approx([0.1, 0.1])
    assert figures["gain/detection/mAP"] == pytest.approx(0.1)
    assert figures["head_start_gain"] == pytest.approx((0.3 + 0.5 + 0.2) / 3)
    assert figures["full/score"] == pytest.approx(1.6 / 3)
    assert _goals(figures)["finetune_quarter_over_scratch"].is_met
    missed = summary([ways(0.5, 0.3, 0.6), ways(0.8, 0.4, 0.7)])
    assert missed["gain"] == pytest.approx(0)
    assert not _goals(missed)["finetune_quarter_over_scratch"].is_met


def test_one_seed_has_no_interval_and_no_goal():
    figures = summary([ways(0.5, 0.3, 0.6)])
    assert "gain_low" not in figures
    assert _goals(figures) == {}


@pytest.mark.slow
def test_each_way_is_trained_as_long_as_it_says():
    setting = quick_setting()
    found = compare(setting, 0)
    optimizer = setting.config.optimizer
    per_epoch = optimizer.steps_per_epoch
    whole = optimizer.epochs * per_epoch
    assert set(found) == {"full", "quarter", "tuned"}
    # The best epoch's: of a quarter, that is one epoch, there is but one.
    assert found["quarter"]["cost/steps"] == found["tuned"]["cost/steps"] == whole / SHARE
    assert found["full"]["cost/steps"] in {per_epoch * n for n in range(1, SHARE + 1)}
    assert all(set(SHOWN) <= set(values) for values in found.values())


def test_a_search_for_a_bundle_is_over_the_same_pictures_and_network():
    setting = quick_setting()
    recipe = Recipe.model_validate(yaml.safe_load(yaml.safe_dump(search_recipe(setting))))
    assert recipe.data == setting.source
    assert recipe.space.parameters == load_recipe(find_recipe("quickstart")).space.parameters
    default = recipe.space.config_of(recipe.space.default_point())
    assert (default.backbone, default.heads) == (setting.config.backbone, setting.config.heads)
    optimizer = setting.config.optimizer
    assert default.optimizer.epochs == setting.source_epochs
    assert default.optimizer.steps_per_epoch == optimizer.steps_per_epoch


def test_other_pictures_are_the_same_once_written_to_a_recipe():
    source = _other_pictures(("sky", "road"))
    plain = yaml.safe_load(yaml.safe_dump(source.model_dump(mode="json")))
    assert type(source).model_validate(plain) == source


@pytest.mark.slow
def test_every_seed_begins_from_the_pick_and_learns_with_its_network(tmp_path: Path):
    setting = from_pick(quick_setting(), tmp_path / "kept")
    assert setting.bundle is not None
    bundle = load_bundle(setting.bundle)
    assert bundle.manifest.study == "other-pictures"
    assert bundle.manifest.trial in range(setting.n_trials)
    again = from_pick(quick_setting(), tmp_path / "kept")
    assert (again.config, again.bundle) == (setting.config, setting.bundle)
    assert load_bundle(setting.bundle).digest == bundle.digest
    assert setting.config.sharing == bundle.config.sharing
    assert setting.config.weighting == bundle.config.weighting
    assert setting.config.optimizer == quick_setting().config.optimizer
    found = compare(setting, 0)
    per_epoch = setting.config.optimizer.steps_per_epoch
    assert found["quarter"]["cost/steps"] == found["tuned"]["cost/steps"] == per_epoch
    assert len({values["cost/parameters"] for values in found.values()}) == 1
