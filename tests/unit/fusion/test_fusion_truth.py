"""The truth as input is perfect, and each kind of damage shows where it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl.data.load import load_data
from automtl.data.table import FrameTable
from automtl.errors import DataError
from automtl.fusion.association import BOXES_ALONE, THREE_CUES, Association
from automtl.fusion.instances import Instances, make_pixels, mask_values_of
from automtl.fusion.scoring import score_tracked, truth_of
from automtl.fusion.tracker import Tracked, track_clips
from automtl.fusion.tuning import BESIDE_BOXES, tune
from automtl.sources import DataConfig, ShapesSource
from automtl.tasks.detection import Detections, mean_average_precision
from automtl.tasks.tracking import TrackingTask
from automtl.testing.task_contract import INFO, contract_table


@pytest.fixture(scope="module")
def clips():
    source = ShapesSource(clips=3, frames=5, seed=11, lookalikes=0)
    other = ShapesSource(clips=1, frames=1, seed=12)
    data = load_data(
        DataConfig(train=(source,), validation=(other,)), image_size=(64, 96), root=None
    )
    return data.splits.train, data.splits.info


def rows_of(table: FrameTable):
    return [table.objects(i) for i in range(len(table))]


def seen_truth(table: FrameTable, info, *, masks: bool = True, embeddings: bool = True):
    """What perfect heads would say: an identity looks like itself and like nobody else."""
    values = mask_values_of(info.detection_classes, info.segmentation_classes)
    looks = np.eye(int(table.ids.max()) + 1, dtype=np.float32)
    for i, rows in enumerate(rows_of(table)):
        boxes, classes = table.boxes[rows], table.classes[rows]
        scores = np.ones(len(boxes), np.float32)
        pixels = None
        if masks:
            pixels = make_pixels(
                boxes, scores, classes, semantic=table.semantic[i], mask_values=values
            )
        yield Instances(
            boxes=boxes,
            scores=scores,
            classes=classes,
            embeddings=looks[table.ids[rows]] if embeddings else None,
            pixels=pixels,
        )


@pytest.mark.parametrize("association", [Association(), THREE_CUES], ids=["default", "three"])
def test_perfect_heads_give_perfect_tracks(clips, association):
    table, info = clips
    frames = list(seen_truth(table, info))
    values = score_tracked(
        track_clips(frames, table.clip, table.frame, association), truth_of(table)
    )
    assert values["HOTA"] == pytest.approx(1.0)
    assert values["IDF1"] == pytest.approx(1.0)
    assert values["id_switches"] == 0


@pytest.mark.parametrize(("masks", "embeddings"), [(False, False), (True, False), (False, True)])
def test_heads_that_are_not_there_cost_identities_at_most(clips, masks, embeddings):
    table, info = clips
    frames = list(seen_truth(table, info, masks=masks, embeddings=embeddings))
    found = track_clips(frames, table.clip, table.frame, Association(mask_weight=0.2))
    assert score_tracked(found, truth_of(table))["DetA"] == pytest.approx(1.0)


def test_shuffled_ids_cost_identities_and_no_boxes(clips):
    table, _ = clips
    rng = np.random.default_rng(0)

    def scored(ids_of):
        tracked = [
            Tracked(
                boxes=table.boxes[r], scores=np.ones(len(table.boxes[r])), ids=ids_of(table.ids[r])
            )
            for r in rows_of(table)
        ]
        found = [
            Detections(
                boxes=torch.from_numpy(each.boxes),
                scores=torch.ones(len(each.boxes)),
                classes=torch.from_numpy(table.classes[r]),
            )
            for each, r in zip(tracked, rows_of(table), strict=True)
        ]
        values = score_tracked(tracked, truth_of(table))
        return values | mean_average_precision(found, table)

    true, shuffled = scored(lambda ids: ids), scored(rng.permutation)
    assert true["HOTA"] == pytest.approx(1.0)
    assert shuffled["IDF1"] < true["IDF1"] - 0.1
    assert shuffled["AssA"] < true["AssA"] - 0.1
    assert shuffled["DetA"] == pytest.approx(true["DetA"])
    assert shuffled["detection/mAP"] == true["detection/mAP"] == pytest.approx(1.0)


def test_frames_without_track_ids_are_not_scored(clips):
    table, info = clips
    half = np.arange(len(table)) % 2 == 0
    partly = replace(table, labels={**table.labels, "tracking": half})
    truth = truth_of(partly)
    assert truth.n_objects == sum(
        len(table.ids[r]) for r, has in zip(rows_of(table), half, strict=True) if has
    )
    found = track_clips(list(seen_truth(table, info)), table.clip, table.frame, Association())
    assert score_tracked(found, truth)["HOTA"] == pytest.approx(1.0)
    assert truth.part(np.flatnonzero(~half)).n_objects == 0


def test_ids_on_frames_that_are_not_labelled_do_not_count_as_labels():
    table = contract_table("tracking")
    ids = table.ids.copy()
    ids[:6] = -1
    labelled = np.arange(len(table)) < 3
    hidden = replace(table, ids=ids, labels={"tracking": labelled})
    outputs = [{"embedding": torch.zeros(6, 4, 8, 12)}]
    with pytest.raises(DataError, match="no frame of this split has track ids"):
        TrackingTask().evaluate(outputs, hidden, INFO)


def test_tuning_mends_what_is_out_of_tune_and_repeats_itself(clips):
    table, info = clips
    frames = [
        replace(seen, scores=np.full(len(seen), 0.6, np.float32))
        for seen in seen_truth(table, info)
    ]
    truth, blind = truth_of(table), Association(high_score=0.9)

    def tuned(seed):
        rng = np.random.default_rng(seed)
        return tune(frames, truth, rng=rng, starts=[blind], budget=12)

    before = tune(frames, truth, rng=np.random.default_rng(0), starts=[blind], budget=1)
    assert before.association == blind
    assert before.n_candidates == 1
    assert before.value == 0
    assert tuned(0).value > 0.5
    assert tuned(0) == tuned(0)


def test_tuning_of_boxes_leaves_the_other_cues_alone(clips):
    table, info = clips
    found = tune(
        list(seen_truth(table, info)),
        truth_of(table),
        rng=np.random.default_rng(1),
        starts=[BOXES_ALONE],
        fixed=BESIDE_BOXES,
        budget=8,
    ).association
    kept = {name: getattr(found, name) for name in BESIDE_BOXES}
    assert kept == {name: getattr(BOXES_ALONE, name) for name in BESIDE_BOXES}
