"""From pictures to one result for each frame: boxes, masks and embeddings, fused over the clip."""

import torch
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.data.views import compute_views
from automtl.errors import DataError
from automtl.export.decoding import ClipDecoder, must_link
from automtl.export.result import FrameResult
from automtl.fusion.association import Association
from automtl.model.network import MultiTaskNetwork


class ClipPredictor:
    """Reads one clip, in order, in chunks of any size.

    Args:
        network: In eval mode.
        info: Classes and picture size.
        device: Where the network is.
        score_threshold: Objects below it are left out of the results.
        association: How objects are made and linked.
        link: Whether they are linked at all.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        info: DataInfo,
        *,
        device: torch.device,
        score_threshold: float,
        association: Association,
        link: bool = True,
    ) -> None:
        self._network = network
        self._info = info
        self._device = device
        self._decoder = ClipDecoder(
            info,
            score_threshold=score_threshold,
            association=association,
            link=must_link(network.tasks, link=link),
            imports=network.imports,
        )

    @property
    def best_score(self) -> float | None:
        """Of all objects so far, those below the threshold too; None before one was seen."""
        return self._decoder.best_score

    def read(self, images_bchw: Tensor) -> list[FrameResult]:
        """Return the results of the clip's next frames.

        Args:
            images_bchw: uint8 ``[B, 3, H, W]`` RGB, of the size that the network expects.

        Raises:
            DataError: If type or size differ.
            AutomtlError: If a task of the user's own cannot decode its output.
        """
        check_images(images_bchw, self._info)
        if not len(images_bchw):
            return []
        with torch.inference_mode():
            outputs = self._network(self._views_of(images_bchw).to(self._device))
        on_cpu = {
            task: {name: tensor.float().cpu() for name, tensor in output.items()}
            for task, output in outputs.items()
        }
        return self._decoder.read(on_cpu)

    def _views_of(self, images_bchw: Tensor) -> Tensor:
        if self._network.views == ("rgb",):
            return images_bchw
        return torch.from_numpy(compute_views(images_bchw.cpu().numpy(), self._network.views))


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
            fix="Resize the pictures, or use predict_files, which does it",
        )
