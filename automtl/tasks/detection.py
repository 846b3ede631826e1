"""Detection: one object at each cell of a dense map, without anchors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import batched_nms, generalized_box_iou_loss

from automtl.config.blueprint import HeadsBlueprint
from automtl.config.metrics import TASK_METRICS
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.base import RawOutput
from automtl.tasks.blocks import DenseHead, stride_of

STRIDE = 8
PRIOR = 0.02
NMS_IOU = 0.5
BOX_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Objects of one frame, best first.

    Attributes:
        boxes: float32 ``[n, 4]`` xyxy in pixels of the network's input.
        scores: float32 ``[n]`` in (0, 1).
        classes: int64 ``[n]``.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


@dataclass(frozen=True, slots=True)
class DetectionTask:
    """Boxes with classes, scored by COCO's mean average precision."""

    name: str = "detection"
    primary: str = "detection/mAP"
    metrics: tuple[str, ...] = TASK_METRICS["detection"]
    smaller_is_better: frozenset[str] = frozenset()

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return the head: ``{"heat": [B, K, h, w], "box": [B, 4, h, w]}`` at stride 8.

        ``heat`` is the logit of an object's centre; ``box`` the log of the distances to the left,
        top, right and bottom side in units of the stride.
        """
        head = DenseHead(
            channels,
            strides,
            stride=STRIDE,
            width=heads.channels,
            outputs={"heat": len(info.detection_classes), "box": 4},
            has_body=True,
        )
        # Starting at a small probability keeps the many empty cells from drowning the rest
        # (Lin et al. 2017, arXiv 1708.02002, section 3.3).
        bias = head.get_parameter("heat.bias")
        nn.init.constant_(bias, float(np.log(PRIOR / (1 - PRIOR))))
        return head

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return focal loss on a Gaussian heat map plus GIoU at the centres, per object.

        Heat map and focal loss: Zhou et al. 2019, arXiv 1904.07850, eq. 1.
        """
        # Frames without labels are taken out, not multiplied by 0, which keeps a NaN.
        labelled = batch.labels["detection"]
        heat, box = output["heat"][labelled].float(), output["box"][labelled].float()
        stride = stride_of(heat, info)
        target, cells = batch.once(
            ("detection", heat.shape, stride), lambda: _targets(heat.shape, batch, stride)
        )
        n = max(1, len(cells.boxes))
        focal = _focal(heat, target)
        if not len(cells.boxes):
            return focal.sum() / n + box.sum() * 0.0
        distances = box[cells.frame, :, cells.row, cells.column].clamp(max=6).exp() * stride
        predicted = _around(cells.column, cells.row, distances, stride)
        overlap = generalized_box_iou_loss(predicted, cells.boxes, reduction="sum")
        loss: Tensor = (focal.sum() + BOX_WEIGHT * overlap) / n
        return loss

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Return COCO mAP over the frames with boxes."""
        found = [d for output in outputs for d in decode(output, info)]
        return mean_average_precision(found, table)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Cells that learn a box: the objects' centres and their neighbours within the object.

    Frames are counted among those with labels.
    """

    frame: Tensor
    row: Tensor
    column: Tensor
    boxes: Tensor


def _targets(shape: torch.Size, batch: MultiTaskBatch, stride: int) -> tuple[Tensor, _Cells]:
    """Return the heat map to learn and the cells that learn boxes, of the labelled frames.

    Args:
        shape: Of the labelled frames' heat map, ``[L, K, h, w]``.
        batch: All frames.
        stride: Of the map.
    """
    _, n_classes, h, w = shape
    device = batch.images.device
    labels = batch.labels["detection"].tolist()
    chosen = [b for b, has in zip(batch.boxes, labels, strict=True) if has]
    counts = torch.tensor([len(b) for b in chosen], dtype=torch.int64, device=device)
    frame = torch.repeat_interleave(torch.arange(len(chosen), device=device), counts)
    boxes = torch.cat(chosen) if chosen else torch.zeros(0, 4, device=device)
    picked = [c for c, has in zip(batch.classes, labels, strict=True) if has]
    classes = torch.cat(picked) if picked else torch.zeros(0, dtype=torch.int64, device=device)
    target = torch.zeros(shape, device=device)
    if not len(boxes):
        return target, _Cells(frame=frame, row=frame, column=frame, boxes=boxes)
    centre = (boxes[:, :2] + boxes[:, 2:]) / (2 * stride)
    size = (boxes[:, 2:] - boxes[:, :2]) / stride
    column = centre[:, 0].long().clamp(0, w - 1)
    row = centre[:, 1].long().clamp(0, h - 1)
    sigma = (size / 6).clamp(min=0.35)
    xs = torch.arange(w, device=device) - column[:, None]
    ys = torch.arange(h, device=device) - row[:, None]
    bump = (
        torch.exp(-(ys**2) / (2 * sigma[:, 1:] ** 2))[:, :, None]
        * torch.exp(-(xs**2) / (2 * sigma[:, :1] ** 2))[:, None, :]
    )
    flat = target.view(-1, h, w)
    index = (frame * n_classes + classes).view(-1, 1, 1).expand_as(bump)
    flat.scatter_reduce_(0, index, bump, reduce="amax")
    return target, _near_centre(frame, row, column, boxes, (h, w, stride))


def _near_centre(
    frame: Tensor, row: Tensor, column: Tensor, boxes: Tensor, grid: tuple[int, int, int]
) -> _Cells:
    """Add the four neighbours of a centre whose middle lies inside the box.

    ``grid`` is height, width and stride of the map.
    """
    h, w, stride = grid
    steps = torch.tensor([[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0]], device=frame.device)
    rows = row[:, None] + steps[:, 0]
    columns = column[:, None] + steps[:, 1]
    x, y = (columns + 0.5) * stride, (rows + 0.5) * stride
    inside = (x > boxes[:, :1]) & (x < boxes[:, 2:3]) & (y > boxes[:, 1:2]) & (y < boxes[:, 3:])
    inside[:, 0] = True
    inside &= (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    owner, _ = inside.nonzero(as_tuple=True)
    return _Cells(frame=frame[owner], row=rows[inside], column=columns[inside], boxes=boxes[owner])


def _focal(heat: Tensor, target: Tensor) -> Tensor:
    """Return the penalty-reduced focal loss of each cell."""
    log_on, log_off = functional.logsigmoid(heat), functional.logsigmoid(-heat)
    on = heat.sigmoid()
    at_centre = target >= 1.0
    hit = -((1 - on) ** 2) * log_on
    miss = -((1 - target) ** 4) * on**2 * log_off
    return torch.where(at_centre, hit, miss)


def _around(column: Tensor, row: Tensor, distances: Tensor, stride: int) -> Tensor:
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    left, top, right, bottom = distances.unbind(-1)
    return torch.stack((x - left, y - top, x + right, y + bottom), dim=-1)


def decode(
    output: RawOutput,
    info: DataInfo,
    *,
    score_threshold: float = 0.05,
    max_objects: int = 100,
) -> list[Detections]:
    """Turn raw maps into objects: peaks, boxes, class-wise suppression of overlaps."""
    heat, box = output["heat"].float().sigmoid(), output["box"].float()
    height, width = info.image_size
    stride = stride_of(heat, info)
    found = []
    for scores_khw, box_4hw in zip(heat, box, strict=True):
        score, flat = scores_khw.flatten().topk(min(4 * max_objects, scores_khw.numel()))
        keep = score >= score_threshold
        score, flat = score[keep], flat[keep]
        h, w = scores_khw.shape[-2:]
        classes, cell = flat // (h * w), flat % (h * w)
        row, column = cell // w, cell % w
        distances = box_4hw[:, row, column].T.clamp(max=6).exp() * stride
        boxes = _around(column, row, distances, stride)
        limit = boxes.new_tensor([width, height, width, height])
        boxes = boxes.clamp(min=0).minimum(limit)
        kept = batched_nms(boxes, score, classes, NMS_IOU)[:max_objects]
        found.append(Detections(boxes=boxes[kept], scores=score[kept], classes=classes[kept]))
    return found


def mean_average_precision(found: Sequence[Detections], table: FrameTable) -> dict[str, float]:
    """Return COCO mAP, mAP_50 and mAP_75 over the frames with detection labels.

    Raises:
        DataError: If no object is labelled.
    """
    from torchmetrics.detection import MeanAveragePrecision

    frames = np.flatnonzero(table.labelled("detection")).tolist()
    if not sum(table.offsets[i + 1] - table.offsets[i] for i in frames):
        msg = "no frame of this split has a box"
        raise DataError(msg, where="detection")
    metric = MeanAveragePrecision(backend="faster_coco_eval")
    metric.warn_on_many_detections = False
    truths = [table.objects(i) for i in frames]
    metric.update(
        [
            {"boxes": found[i].boxes, "scores": found[i].scores, "labels": found[i].classes}
            for i in frames
        ],
        [
            {
                "boxes": torch.from_numpy(table.boxes[rows]),
                "labels": torch.from_numpy(table.classes[rows]),
            }
            for rows in truths
        ],
    )
    values = metric.compute()
    return {
        "detection/mAP": float(values["map"]),
        "detection/mAP_50": float(values["map_50"]),
        "detection/mAP_75": float(values["map_75"]),
    }
