"""From pictures to one result for each frame: boxes, tracks and a mask, fused."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import nms

from automtl.data.table import DataInfo
from automtl.errors import DataError
from automtl.export.further import with_further
from automtl.export.result import FrameResult
from automtl.model.network import MultiTaskNetwork
from automtl.tasks import detection, segmentation, tracking
from automtl.tasks.association import Tracker
from automtl.tasks.base import RawOutput

TRACKER_SCORE = 0.1
"""Objects from this score on help the tracker over frames in which an object is hard to see."""

SAME_OBJECT_IOU = 0.8
"""Boxes of different classes that overlap more than this show one object."""


class ClipPredictor:
    """Reads one clip, in order, in chunks of any size.

    Args:
        network: In eval mode.
        info: Classes and picture size.
        device: Where the network is.
        score_threshold: Objects below it are left out of the results.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        info: DataInfo,
        *,
        device: torch.device,
        score_threshold: float,
    ) -> None:
        self._network = network
        self._info = info
        self._device = device
        self._score_threshold = score_threshold
        self._tracker = Tracker()

    def read(self, images_bchw: Tensor) -> list[FrameResult]:
        """Return the results of the clip's next frames.

        Args:
            images_bchw: uint8 ``[B, 3, H, W]`` RGB, of the size that the network expects.

        Raises:
            DataError: If type or size differ.
        """
        check_images(images_bchw, self._info)
        with torch.inference_mode():
            outputs = self._network(images_bchw.to(self._device))
        on_cpu = {
            task: {name: tensor.float().cpu() for name, tensor in output.items()}
            for task, output in outputs.items()
        }
        masks = _masks(on_cpu, self._info, len(images_bchw))
        fused = [
            self._fuse(objects, mask)
            for objects, mask in zip(self._objects(on_cpu, len(images_bchw)), masks, strict=True)
        ]
        return with_further(fused, on_cpu, self._info)

    def _objects(self, outputs: Mapping[str, RawOutput], n_frames: int) -> list["_Objects"]:
        if "detection" not in outputs:
            return [_Objects.none()] * n_frames
        decoded = detection.decode(
            outputs["detection"],
            self._info,
            score_threshold=min(self._score_threshold, TRACKER_SCORE),
        )
        found = [_one_class_each(objects) for objects in decoded]
        embeddings: list[Tensor | None] = [None] * n_frames
        if "tracking" in outputs:
            boxes = [each.boxes for each in found]
            embeddings = list(tracking.sample_embeddings(outputs["tracking"], boxes, self._info))
        return [
            _Objects(each.boxes, each.scores, each.classes, embedding)
            for each, embedding in zip(found, embeddings, strict=True)
        ]

    def _fuse(self, objects: "_Objects", mask: NDArray[np.uint8] | None) -> FrameResult:
        boxes, scores = objects.boxes.numpy(), objects.scores.numpy()
        classes = objects.classes.numpy()
        ids = np.full(len(boxes), -1, dtype=np.int64)
        if objects.embeddings is not None:
            tracks = self._tracker.update(boxes, scores, classes, objects.embeddings.numpy())
            # MOTChallenge counts tracks from 1; so does everything that people see.
            ids = np.where(tracks >= 0, tracks + 1, -1)
        kept = scores >= self._score_threshold
        return FrameResult(
            boxes=boxes[kept], scores=scores[kept], classes=classes[kept], ids=ids[kept], mask=mask
        )


def check_images(images_bchw: Tensor, info: DataInfo) -> None:
    """Raise :class:`DataError` unless the pictures are what the network was trained on."""
    height, width = info.image_size
    is_fitting = images_bchw.ndim == 4 and images_bchw.shape[1:] == (3, height, width)
    if images_bchw.dtype != torch.uint8 or not is_fitting:
        msg = (
            f"the model takes uint8 RGB [B, 3, {height}, {width}], found {images_bchw.dtype} "
            f"{list(images_bchw.shape)}"
        )
        raise DataError(
            msg,
            fix="Resize the pictures, or use predict_folder, which does it",
        )


def _one_class_each(objects: detection.Detections) -> detection.Detections:
    """Keep the surest of boxes that show one object as several classes.

    The detector's score is an average over classes and takes each class for itself; a person or
    a robot wants to know of one object once.
    """
    kept = nms(objects.boxes, objects.scores, SAME_OBJECT_IOU)
    return detection.Detections(
        boxes=objects.boxes[kept], scores=objects.scores[kept], classes=objects.classes[kept]
    )


@dataclass(frozen=True, slots=True)
class _Objects:
    boxes: Tensor
    scores: Tensor
    classes: Tensor
    embeddings: Tensor | None

    @staticmethod
    def none() -> "_Objects":
        return _Objects(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), None)


def _masks(
    outputs: Mapping[str, RawOutput], info: DataInfo, n_frames: int
) -> list[NDArray[np.uint8] | None]:
    if "segmentation" not in outputs:
        return [None] * n_frames
    masks = segmentation.decode(outputs["segmentation"], info).numpy()
    return [masks[i] for i in range(n_frames)]
