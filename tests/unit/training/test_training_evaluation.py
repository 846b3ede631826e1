"""Evaluation does not depend on how it is run, and floors are what they say."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig, single_task
from automtl.data.load import load_data
from automtl.data.table import IGNORED
from automtl.model.network import build_network
from automtl.sources import DataConfig, ShapesSource
from automtl.tasks.choose import task_named
from automtl.tasks.depth import DepthTask
from automtl.training.evaluation import evaluate, predict, score_outputs
from automtl.training.floors import floors, mean_boxes

SIZE = (64, 96)
CONFIG = TrialConfig(
    backbone=BackboneConfig(image_size=SIZE, width=0.25),
    heads=HeadsConfig(channels=8, embedding_dim=8),
)


@pytest.fixture(scope="module")
def data():
    train_source = ShapesSource(clips=6, frames=4)
    validation_source = ShapesSource(clips=3, frames=7, seed=1)
    config = DataConfig(train=(train_source,), validation=(validation_source,))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture(scope="module")
def network(data):
    return build_network(CONFIG, data.info, generator_seed=0)


def test_values_do_not_depend_on_the_chunks(data, network):
    whole = predict(network, data.validation, CONFIG.tasks, batch_size=64)
    parts = {
        task: [{n: t[i : i + 5] for n, t in chunks[0].items()} for i in range(0, 21, 5)]
        for task, chunks in whole.items()
    }
    values = score_outputs(whole, data.validation, data.info)
    assert score_outputs(parts, data.validation, data.info) == values
    assert evaluate(network, data.validation, data.info, CONFIG.tasks, batch_size=64) == values


def test_raw_outputs_cover_every_frame_in_order(data, network):
    table = data.validation
    alone = predict(network, table, ["segmentation"], batch_size=1)["segmentation"]
    together = predict(network, table, CONFIG.tasks, batch_size=8)["segmentation"]
    one = torch.cat([output["logits"] for output in alone])
    other = torch.cat([output["logits"] for output in together])
    assert len(one) == len(table)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", [True, False])
def test_mode_and_statistics_of_the_network_are_left(data, network, mode):
    network.train(mode)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluate(network, data.validation, data.info, CONFIG.tasks)
    assert network.training is mode
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())


def test_frames_that_must_not_be_written_to_are_no_trouble(data, network):
    images = data.validation.images.copy()
    images.setflags(write=False)
    table = replace(data.validation, images=images)
    assert evaluate(network, table, data.info, ["segmentation"])


def test_the_whole_system_is_scored_where_it_exists(data, network):
    both = evaluate(network, data.validation, data.info, ["detection", "tracking"])
    assert {"tracking/HOTA", "tracking/MOTA", "tracking/system_IDF1"} <= set(both)
    alone = evaluate(network, data.validation, data.info, ["tracking"])
    assert set(alone) == set(task_named("tracking").metrics)


def test_floors_have_each_tasks_metrics_and_stay_the_same(data):
    found = floors(data, CONFIG)
    assert [floor.name for floor in found] == [
        "mean boxes",
        "majority class",
        "random embeddings",
        "untrained network",
    ]
    by_name = {floor.name: floor.values for floor in found}
    assert set(by_name["mean boxes"]) == set(task_named("detection").metrics)
    assert set(by_name["majority class"]) == {"segmentation/mIoU"}
    assert set(by_name["random embeddings"]) == {"tracking/IDF1"}
    assert {m for t in CONFIG.tasks for m in task_named(t).metrics} <= set(
        by_name["untrained network"]
    )
    assert floors(data, CONFIG) == found


def test_majority_class_by_hand(data):
    by_name = {floor.name: floor.values for floor in floors(data, CONFIG)}
    truth = data.validation.semantic
    truth = truth[truth != IGNORED]
    majority = np.bincount(data.train.semantic.ravel())[:IGNORED].argmax()
    present = np.unique(truth)
    expected = np.mean(truth == majority) / len(present)
    assert by_name["majority class"]["segmentation/mIoU"] == pytest.approx(expected)


def test_mean_boxes_have_the_mean_size_of_their_class(data):
    found = mean_boxes(data.train, data.info)
    sizes = data.train.boxes[:, 2:] - data.train.boxes[:, :2]
    for index in np.unique(data.train.classes):
        mean = sizes[data.train.classes == index].mean(axis=0)
        own = found.boxes[found.classes == index].numpy()
        np.testing.assert_allclose(
            own[:, 2:] - own[:, :2], np.tile(mean, (len(own), 1)), rtol=1e-3
        )
    assert bool((found.scores[:-1] >= found.scores[1:]).all())
    assert 0 < len(found.boxes) <= 100


def test_mean_boxes_find_objects_that_never_move(data):
    # One object, always at one place: the trivial detector is then a perfect one.
    n = len(data.train)
    still = replace(
        data.train,
        offsets=np.arange(n + 1),
        boxes=np.tile(np.array([[12.0, 8.0, 24.0, 16.0]], np.float32), (n, 1)),
        classes=np.zeros(n, np.int64),
        ids=np.zeros(n, np.int64),
    )
    config = single_task(CONFIG, "detection")
    first = floors(replace(data, train=still, validation=still), config)[0]
    assert first.values["detection/mAP_50"] == pytest.approx(1.0)


def test_without_boxes_there_is_nothing_to_place(data):
    empty = replace(
        data.train,
        labels={**data.train.labels, "detection": np.zeros(len(data.train), np.bool_)},
    )
    assert len(mean_boxes(empty, data.info).boxes) == 0


def test_floors_of_one_task_are_its_own(data):
    config = single_task(CONFIG, "segmentation")
    assert config.sharing == SharingConfig(order=("segmentation",), split_after=())
    assert [f.name for f in floors(data, config)] == ["majority class", "untrained network"]


@pytest.fixture(scope="module")
def rich():
    further = ("classification", "depth")
    config = DataConfig(
        train=(ShapesSource(clips=5, frames=3, targets=further),),
        validation=(ShapesSource(clips=3, frames=3, seed=1, targets=further),),
    )
    return load_data(config, image_size=SIZE, root=None).splits


def test_floors_of_the_further_tasks_by_hand(rich):
    sharing = SharingConfig(order=("classification", "depth"), split_after=(9,))
    found = {
        f.name: f.values for f in floors(rich, CONFIG.model_copy(update={"sharing": sharing}))
    }
    classes = np.bincount(rich.train.targets["classification"]).argmax()
    truth = rich.validation.targets["classification"]
    accuracy = found["majority picture class"]["classification/accuracy"]
    assert accuracy == pytest.approx(np.mean(truth == classes))
    median = np.median(rich.train.targets["depth"])
    ratio = rich.validation.targets["depth"].astype(np.float64) / median
    values = found["median depth"]
    assert values["depth/delta1"] == pytest.approx(np.mean(np.maximum(ratio, 1 / ratio) < 1.25))
    assert values["depth/abs_rel"] == pytest.approx(np.mean(np.abs(1 / ratio - 1)), rel=1e-4)
    errors = rich.validation.targets["depth"].astype(np.float64) - median
    assert values["depth/rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
    # The head begins at the median: it is as good as the floor before it has learned anything.
    assert found["untrained network"]["depth/rmse"] == pytest.approx(values["depth/rmse"], rel=0.1)


def test_a_task_of_ones_own_is_scored_by_the_network_that_has_it(rich, monkeypatch):
    module = SimpleNamespace(Own=lambda: DepthTask(name="own"))
    monkeypatch.setitem(sys.modules, "my_tasks", module)
    sharing = SharingConfig(order=("own",), split_after=())
    config = CONFIG.model_copy(update={"sharing": sharing, "imports": {"own": "my_tasks:Own"}})
    own = build_network(config, rich.info, generator_seed=0)
    labels = {"own": rich.validation.labels["depth"]}
    targets = {"own": rich.validation.targets["depth"]}
    table = replace(rich.validation, labels=labels, targets=targets)
    assert set(evaluate(own, table, rich.info, ["own"])) == set(DepthTask().metrics)
