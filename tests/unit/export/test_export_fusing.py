"""What is tuned on export: held out where it is judged, absent where there is nothing to link."""

from dataclasses import replace

import numpy as np
import pytest

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.data.load import load_data
from automtl.export import fusing
from automtl.export.fusing import fit, tuned_fusion
from automtl.fusion.instances import Instances
from automtl.fusion.scoring import truth_of
from automtl.model.network import build_network
from automtl.sources import DataConfig, ShapesSource

SIZE = (64, 96)


@pytest.fixture(scope="module")
def data():
    config = DataConfig(
        train=(ShapesSource(clips=1, frames=2, seed=1),),
        validation=(ShapesSource(clips=4, frames=4, seed=2, n_objects=(3, 4)),),
    )
    return load_data(config, image_size=SIZE, root=None).splits


def network(data, order=("detection", "segmentation", "tracking")):
    config = TrialConfig(
        backbone=BackboneConfig(width=0.5, image_size=SIZE),
        sharing=SharingConfig(order=order, split_after=(4,) * (len(order) - 1)),
        heads=HeadsConfig(channels=16, embedding_dim=8),
    )
    return build_network(config, data.info, generator_seed=0)


def noisy_truth(table):
    """True boxes among false ones; what an object looks like tells who it is, its box does not."""
    rng = np.random.default_rng(0)
    looks = np.eye(int(table.ids.max()) + 1, dtype=np.float32)
    for i in range(len(table)):
        rows = table.objects(i)
        n = len(table.ids[rows])
        boxes = table.boxes[rows] + rng.normal(0, 1, (n, 4)).astype(np.float32)
        yield Instances(
            boxes=boxes,
            scores=np.full(n, 0.9, np.float32),
            classes=table.classes[rows],
            embeddings=looks[table.ids[rows]],
        )


def test_embeddings_are_chosen_where_they_help_on_held_out_clips(data):
    table = data.validation
    fusion = fit(list(noisy_truth(table)), truth_of(table), seed=0, budget=6)
    assert fusion.kind == "scene"
    assert fusion.held_out["scene/HOTA"] > fusion.held_out["boxes/HOTA"]
    assert fusion.boxes.embedding_weight == 0
    assert fusion.n_candidates == 6
    assert set(fusion.held_out) == {
        f"{name}/{metric}"
        for name in ("default", "boxes", "scene")
        for metric in ("HOTA", "DetA", "AssA", "IDF1")
    }


def test_each_half_is_scored_with_parameters_from_the_other_one(data):
    # Blinding one half's truth changes what the other one's parameters are tuned to, and so
    # its held-out values; a half that was scored with its own parameters would not notice.
    table = data.validation
    frames, truth = list(noisy_truth(table)), truth_of(table)
    one = fit(frames, truth, seed=0, budget=6)
    assert fit(frames, truth, seed=0, budget=6) == one
    is_first = np.isin(table.clip, np.unique(table.clip)[::2])
    faint = [
        replace(seen, scores=seen.scores * 0.4) if first else seen
        for seen, first in zip(frames, is_first, strict=True)
    ]
    other = fit(faint, truth, seed=0, budget=6)
    assert other.held_out["default/HOTA"] < one.held_out["default/HOTA"]
    assert other.held_out != one.held_out


def test_one_clip_is_halved_in_time(data):
    table = data.validation
    rows = np.flatnonzero(table.clip == table.clip[0])
    frames = [seen for i, seen in enumerate(noisy_truth(table)) if i in rows]
    fusion = fit(frames, truth_of(table).part(rows), seed=0, budget=2)
    assert np.isfinite(list(fusion.held_out.values())).all()


def test_a_whole_network_is_tuned(data):
    fusion = tuned_fusion(network(data), data.validation, data.info, seed=0, budget=2)
    assert fusion is not None
    assert set(fusion.held_out) >= {"boxes/HOTA", "scene/HOTA"}


def test_a_tuning_looks_at_a_bounded_number_of_frames(data, monkeypatch):
    # A bundle must not take minutes: 120 frames and 60 candidates took 20 s of a core.
    assert fusing.BUDGET * fusing.MAX_FRAMES <= 5_000
    seen: list[int] = []
    monkeypatch.setattr(fusing, "MAX_FRAMES", 8)
    monkeypatch.setattr(fusing, "fit", lambda frames, *_, **__: seen.append(len(frames)))
    tuned_fusion(network(data), data.validation, data.info, seed=0)
    assert seen == [8]


@pytest.mark.parametrize("order", [("detection",), ("segmentation", "tracking")])
def test_without_boxes_or_embeddings_there_is_nothing_to_tune(data, order):
    assert tuned_fusion(network(data, order), data.validation, data.info, seed=0) is None


def test_without_track_ids_there_is_nothing_to_tune(data):
    labels = {**data.validation.labels, "tracking": np.zeros(len(data.validation), np.bool_)}
    blank = replace(data.validation, labels=labels)
    assert tuned_fusion(network(data), blank, data.info, seed=0) is None
