"""Detection and segmentation: what is learned, what is decoded, what is counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl.config import HeadsConfig
from automtl.data.table import IGNORED
from automtl.errors import DataError
from automtl.tasks import detection, segmentation, tracking
from automtl.tasks.blocks import TopDown, stride_of
from automtl.tasks.choose import task_named
from automtl.tasks.detection import Detections, decode, mean_average_precision
from automtl.tasks.tracking import sample_embeddings
from automtl.testing.task_contract import (
    CHANNELS,
    INFO,
    STRIDES,
    contract_batch,
    contract_table,
    random_output,
)


def test_descent_on_the_raw_maps_finds_the_objects():
    """The loss and the decoder mean the same thing: its minimum decodes to the labels."""
    task = task_named("detection")
    batch = contract_batch("detection", [0, 1], [True, True])
    output = {k: v.detach().requires_grad_() for k, v in random_output(task, 2).items()}
    optimizer = torch.optim.Adam(output.values())
    # GIoU's gradient does not fade near its minimum: the steps have to.
    for lr in [0.2] * 100 + [0.01] * 100:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        task.loss(output, batch, INFO).backward()
        optimizer.step()
    learned = {k: v.detach() for k, v in output.items()}
    for found, boxes, classes in zip(
        decode(learned, INFO, score_threshold=0.5), batch.boxes, batch.classes, strict=True
    ):
        order = found.boxes[:, 0].argsort()
        torch.testing.assert_close(found.boxes[order], boxes, atol=0.5, rtol=0)
        assert torch.equal(found.classes[order], classes)


def maps(**peaks: float):
    heat = torch.full((1, 2, 8, 12), -12.0)
    for place, value in peaks.items():
        kind, row, column = map(int, place[1:].split("_"))
        heat[0, kind, row, column] = value
    return {"heat": heat, "box": torch.full((1, 4, 8, 12), float(np.log(1.25)))}


def test_overlaps_of_a_class_are_one_object_and_of_two_classes_two():
    (same,) = decode(maps(p0_3_3=2.0, p0_3_4=1.0, p0_4_3=1.5), INFO)
    assert len(same.boxes) == 3  # a stride apart, boxes of 20 pixels overlap by less than half
    close = maps(p0_3_3=2.0, p0_3_4=1.0, p1_3_3=0.5)
    close["box"][:] = float(np.log(4))
    (found,) = decode(close, INFO)
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_boxes_stay_in_the_picture_and_weak_ones_out():
    (found,) = decode(maps(p0_0_0=3.0, p0_7_11=2.0, p1_4_4=-4.0), INFO)
    assert found.boxes.tolist() == [[0, 0, 14, 14], [82, 50, 96, 64]]
    (best,) = decode(maps(p0_0_0=3.0, p0_7_11=2.0), INFO, max_objects=1)
    assert best.boxes.tolist() == [[0, 0, 14, 14]]


def test_average_precision_of_half_the_objects():
    table = contract_table("detection")
    firsts = [
        Detections(
            boxes=torch.from_numpy(table.boxes[rows][:1]),
            scores=torch.ones(1),
            classes=torch.from_numpy(table.classes[rows][:1]),
        )
        for rows in map(table.objects, range(len(table)))
    ]
    # All objects of the first class, none of the second.
    assert mean_average_precision(firsts, table)["detection/mAP_50"] == pytest.approx(0.5)


def test_confusion_and_mean_iou_have_their_textbook_values():
    truth = np.array([[0, 0, 1, 1, IGNORED]], np.uint8)
    predicted = np.array([[0, 1, 1, 1, 0]], np.uint8)
    confusion = segmentation.confusion_matrix(truth, predicted, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    # Class 2 is nowhere in the truth and does not count: mean of 1/2 and 2/3.
    assert segmentation.mean_iou(confusion) == pytest.approx((1 / 2 + 2 / 3) / 2)
    with pytest.raises(DataError, match="class mask"):
        segmentation.mean_iou(np.zeros((2, 2), np.int64))


def test_rare_classes_weigh_more_within_limits():
    info = replace(
        INFO, segmentation_classes=("a", "b", "c"), segmentation_frequency=(0.9, 0.1, 0.0001)
    )
    weights = segmentation.class_weights(info)
    assert weights == pytest.approx([1 / 3, 1.0, 5.0])
    assert segmentation.class_weights(replace(info, segmentation_frequency=())) == [1.0] * 3


@pytest.mark.parametrize(("wanted", "stride"), [(4, 4), (8, 8), (1, 2), (32, 16)])
def test_the_neck_ends_at_the_wanted_stride_or_the_nearest(wanted, stride):
    neck = TopDown(CHANNELS, STRIDES, wanted, 16).eval()
    features = [
        torch.zeros(1, c, 64 // s, 96 // s) for c, s in zip(CHANNELS, STRIDES, strict=True)
    ]
    assert neck.stride == stride
    assert neck(features).shape == (1, 16, 64 // stride, 96 // stride)


def test_the_neck_takes_sizes_that_do_not_halve():
    neck = TopDown(CHANNELS, STRIDES, 4, 16).eval()
    sizes = [(31, 45), (16, 23), (8, 12), (4, 6)]
    features = [torch.zeros(1, c, *size) for c, size in zip(CHANNELS, sizes, strict=True)]
    assert neck(features).shape == (1, 16, 16, 23)


@pytest.mark.parametrize("size", [(64, 96), (60, 90), (33, 130)])
@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_the_stride_is_read_off_the_map(size, stride):
    maps = torch.zeros(1, 3, -(-size[0] // stride), -(-size[1] // stride))
    assert stride_of(maps, replace(INFO, image_size=size)) == stride


def test_boxes_and_embeddings_are_right_where_the_backbone_is_too_fine():
    """Without a stage of stride 8 the heads end at stride 4, and pixels stay pixels."""
    head = task_named("detection").build_head(
        channels=CHANNELS[:2], strides=STRIDES[:2], heads=HeadsConfig(channels=8), info=INFO
    )
    features = tuple(torch.zeros(1, c, 64 // s, 96 // s) for c, s in ((8, 2), (12, 4)))
    assert head(features)["heat"].shape == (1, 2, 16, 24)
    heat = torch.full((1, 2, 16, 24), -12.0)
    heat[0, 0, 5, 7] = 12.0
    (found,) = decode({"heat": heat, "box": torch.zeros(1, 4, 16, 24)}, INFO, score_threshold=0.5)
    assert found.boxes.tolist() == [[26, 18, 34, 26]]  # one stride of 4 around (30, 22)
    embedding = torch.zeros(1, 2, 16, 24)
    embedding[0, 0], embedding[0, 1, 5, 7] = 0.1, 10.0
    (vector,) = sample_embeddings({"embedding": embedding}, [found.boxes], INFO)
    assert vector[0, 1] > 0.99


def test_no_label_at_all_is_said_by_every_task():
    table = replace(contract_table("detection"), labels={})
    for name in ("detection", "segmentation", "tracking"):
        task = task_named(name)
        output = {k: v.detach() for k, v in random_output(task, 6).items()}
        with pytest.raises(DataError, match="no frame of this split"):
            task.evaluate([output], table, INFO)


@pytest.mark.parametrize(
    ("task", "module", "maker"),
    [
        ("detection", detection, "_targets"),
        ("segmentation", segmentation, "_truth"),
        ("tracking", tracking, "_seen"),
    ],
)
def test_what_labels_teach_is_made_once_for_all_looks_at_a_batch(monkeypatch, task, module, maker):
    make, n_made = getattr(module, maker), []

    def counted(*arguments):
        n_made.append(1)
        return make(*arguments)

    monkeypatch.setattr(module, maker, counted)
    output = random_output(task_named(task), 2)
    batch = contract_batch(task, [0, 1], [True, True])
    for _ in range(2):
        task_named(task).loss(output, batch, INFO)
    assert len(n_made) == 1
    # Those of a look that was no training serve one.
    with torch.inference_mode():
        other = replace(batch)
        task_named(task).loss(output, other, INFO)
    task_named(task).loss(output, other, INFO).backward()
    assert len(n_made) == 2
    n_made.pop()
    # Other labels, other targets.
    task_named(task).loss(output, replace(batch), INFO)
    task_named(task).loss({k: v[:1] for k, v in output.items()}, batch.part(slice(0, 1)), INFO)
    assert len(n_made) == 3
