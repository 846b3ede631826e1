"""From pictures to one result for each frame: boxes, masks and embeddings, fused over the clip."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.errors import DataError
from automtl.export.result import FrameResult
from automtl.fusion.association import Association
from automtl.fusion.instances import Instances
from automtl.fusion.tracker import Tracker
from automtl.model.network import MultiTaskNetwork
from automtl.tasks import segmentation
from automtl.tasks.system import MIN_SCORE, observe


class ClipPredictor:
    """Reads one clip, in order, in chunks of any size.

    Args:
        network: In eval mode.
        info: Classes and picture size.
        device: Where the network is.
        score_threshold: Objects below it are left out of the results.
        association: How boxes, masks and embeddings are fused; None leaves the masks out of it
            and links by boxes and embeddings alone.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        info: DataInfo,
        *,
        device: torch.device,
        score_threshold: float,
        association: Association | None = None,
    ) -> None:
        self._network = network
        self._info = info
        self._device = device
        self._score_threshold = score_threshold
        self._is_fused = association is not None
        self._tracker = Tracker(association=association or Association())

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
        masks: list[NDArray[np.uint8] | None] = [None] * len(images_bchw)
        if "segmentation" in on_cpu:
            masks = list(segmentation.decode(on_cpu["segmentation"], self._info).numpy())
        frames = [_nothing()] * len(images_bchw)
        if "detection" in on_cpu:
            used = {
                task: [output]
                for task, output in on_cpu.items()
                if self._is_fused or task != "segmentation"
            }
            frames = observe(used, self._info, min_score=min(self._score_threshold, MIN_SCORE))
        return [self._result(seen, mask) for seen, mask in zip(frames, masks, strict=True)]

    def _result(self, seen: Instances, mask: NDArray[np.uint8] | None) -> FrameResult:
        tracked = self._tracker.update(seen)
        ids = np.full(len(seen), -1, dtype=np.int64)
        if seen.embeddings is not None:
            # MOTChallenge counts tracks from 1; so does everything that people see.
            ids = np.where(tracked.ids >= 0, tracked.ids + 1, -1)
        kept = tracked.scores >= self._score_threshold
        return FrameResult(
            boxes=tracked.boxes[kept],
            scores=tracked.scores[kept],
            classes=seen.classes[kept],
            ids=ids[kept],
            mask=mask,
            instances=_instance_map(seen, kept, self._info.image_size),
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


def _nothing() -> Instances:
    return Instances(
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        classes=np.zeros(0, np.int64),
    )


def _instance_map(
    seen: Instances, kept: NDArray[np.bool_], size: tuple[int, int]
) -> NDArray[np.uint16] | None:
    """Return for each pixel the row of its object among the kept ones, from 1; 0 for none."""
    if seen.masks is None:
        return None
    owner = np.zeros(size, np.uint16)
    for number, row in enumerate(np.flatnonzero(kept).tolist(), start=1):
        mask = seen.masks[row]
        height, width = mask.pixels.shape
        window = owner[mask.top : mask.top + height, mask.left : mask.left + width]
        window[mask.pixels] = number
    return owner
