"""From pictures to one result for each frame: boxes, masks and embeddings, fused over the clip."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.data.views import compute_views
from automtl.errors import DataError
from automtl.export.further import with_further
from automtl.export.manifest import Fusion, FusionKind
from automtl.export.own import own_results
from automtl.export.result import FrameResult
from automtl.fusion.association import BOXES_ALONE, Association
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
        association: How objects are made and linked.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        info: DataInfo,
        *,
        device: torch.device,
        score_threshold: float,
        association: Association,
    ) -> None:
        self._network = network
        self._info = info
        self._device = device
        self._score_threshold = score_threshold
        self._tracker = Tracker(association=association)

    def read(self, images_bchw: Tensor) -> list[FrameResult]:
        """Return the results of the clip's next frames.

        Args:
            images_bchw: uint8 ``[B, 3, H, W]`` RGB, of the size that the network expects.

        Raises:
            DataError: If type or size differ.
            AutomtlError: If a task of the user's own cannot decode its output.
        """
        check_images(images_bchw, self._info)
        with torch.inference_mode():
            outputs = self._network(self._views_of(images_bchw).to(self._device))
        on_cpu = {
            task: {name: tensor.float().cpu() for name, tensor in output.items()}
            for task, output in outputs.items()
        }
        masks: list[NDArray[np.uint8] | None] = [None] * len(images_bchw)
        if "segmentation" in on_cpu:
            masks = list(segmentation.decode(on_cpu["segmentation"], self._info).numpy())
        frames = [_nothing()] * len(images_bchw)
        if "detection" in on_cpu:
            seen = {task: [output] for task, output in on_cpu.items()}
            frames = observe(seen, self._info, min_score=min(self._score_threshold, MIN_SCORE))
        fused = [self._result(seen, mask) for seen, mask in zip(frames, masks, strict=True)]
        further = with_further(fused, on_cpu, self._info)
        own = own_results(on_cpu, self._network.imports, self._info, len(images_bchw))
        return [replace(result, own=said) for result, said in zip(further, own, strict=True)]

    def _views_of(self, images_bchw: Tensor) -> Tensor:
        if self._network.views == ("rgb",):
            return images_bchw
        return torch.from_numpy(compute_views(images_bchw.cpu().numpy(), self._network.views))

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
            instances=_instance_map(seen, kept),
        )


def association_of(tuned: Fusion | None, kind: FusionKind | None) -> Association:
    """Return the parameters to predict with.

    Args:
        tuned: What the bundle holds; without it nothing is tuned.
        kind: What the user wants; None takes the bundle's choice, or boxes and embeddings.
    """
    if tuned is not None:
        return tuned.association(kind or tuned.kind)
    return BOXES_ALONE if kind == "boxes" else Association()


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


def _instance_map(seen: Instances, kept: NDArray[np.bool_]) -> NDArray[np.uint16] | None:
    """Return for each pixel the row of its object among the kept ones, from 1; 0 for none."""
    if seen.pixels is None:
        return None
    numbers = np.where(kept, np.cumsum(kept), 0)
    return np.append(numbers, 0)[seen.pixels.owners].astype(np.uint16)
