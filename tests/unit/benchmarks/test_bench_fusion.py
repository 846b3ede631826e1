"""The measure of what fusion gains: paired by model, on clips that nothing else has seen."""

import pytest

from automtl.config import BackboneConfig, HeadsConfig, TrialConfig
from automtl.data.load import load_data
from automtl.export.fusing import REPORTED
from automtl.model.network import build_network
from automtl.sources import DataConfig, ShapesSource
from automtl.space.recipe import load_recipe, shipped_recipes
from benchmarks.fusion import FRESH_SEEDS, Assessed, assess, student_interval, summary

SIZE = (64, 96)


def model(scene: float, boxes: float) -> Assessed:
    return Assessed(
        scores={"scene/HOTA": scene, "boxes/HOTA": boxes},
        is_scene_kept=scene > boxes,
        evaluation_s=scene,
    )


def test_no_recipe_has_seen_the_clips_that_are_scored():
    seen = {
        source.seed
        for path in shipped_recipes().values()
        for part in (load_recipe(path).data,)
        for source in (*part.train, *part.validation, *part.test)
        if isinstance(source, ShapesSource)
    }
    assert seen
    assert not seen & set(FRESH_SEEDS)


def test_the_interval_is_that_of_student():
    # Quantile .975 with 4 degrees of freedom: 2.7764; the spread of 1 to 5 is sqrt(2.5).
    low, high = student_interval([1, 2, 3, 4, 5])
    assert (low, high) == pytest.approx((3 - 1.9632, 3 + 1.9632), abs=1e-4)


def test_gains_are_paired_by_model():
    figures = summary([model(0.5, 0.4), model(0.8, 0.7), model(0.3, 0.4)])
    assert figures["gain_hota"] == pytest.approx(0.1 / 3)
    assert figures["gain_hota/model_2"] == pytest.approx(-0.1)
    assert figures["scene_hota"] - figures["boxes_hota"] == pytest.approx(figures["gain_hota"])
    assert figures["gain_low"] < 0 < figures["gain_high"]
    assert figures["scene_kept_share"] == pytest.approx(2 / 3)
    assert figures["evaluation_s"] == 0.5


def test_one_model_has_no_interval():
    figures = summary([model(0.5, 0.4)])
    assert figures["gain_hota"] == pytest.approx(0.1)
    assert not {"gain_low", "gain_high"} & set(figures)


def test_a_network_is_scored_on_the_test_split_in_four_ways():
    config = DataConfig(
        train=(ShapesSource(clips=1, frames=2, seed=1),),
        validation=(ShapesSource(clips=2, frames=2, seed=2, n_objects=(3, 4)),),
        test=(ShapesSource(clips=1, frames=2, seed=3),),
    )
    data = load_data(config, image_size=SIZE, root=None, load_test=True).splits
    trial = TrialConfig(
        backbone=BackboneConfig(width=0.5, image_size=SIZE),
        heads=HeadsConfig(channels=16, embedding_dim=8),
    )
    found = assess(build_network(trial, data.info, generator_seed=0), data, seed=0, budget=2)
    names = ("boxes_untuned", "boxes", "default", "scene")
    assert set(found.scores) == {f"{name}/{metric}" for name in names for metric in REPORTED}
    assert found.evaluation_s > 0
