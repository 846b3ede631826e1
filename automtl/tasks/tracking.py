"""Tracking: an embedding map in which an object looks like itself in other frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from automtl.config.blueprint import HeadsBlueprint
from automtl.config.metrics import TASK_METRICS
from automtl.data.table import UNKNOWN_ID, DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.association import associate_by_embedding, identity_f1
from automtl.tasks.base import RawOutput
from automtl.tasks.blocks import DenseHead, stride_of

STRIDE = 8
TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True)
class TrackingTask:
    """Identities, scored by IDF1 with the boxes given and embeddings alone."""

    name: str = "tracking"
    primary: str = "tracking/IDF1"
    metrics: tuple[str, ...] = TASK_METRICS["tracking"]
    smaller_is_better: frozenset[str] = frozenset()

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return the head: ``{"embedding": [B, D, H / 8, W / 8]}``."""
        return DenseHead(
            channels,
            strides,
            stride=STRIDE,
            width=heads.channels,
            outputs={"embedding": heads.embedding_dim},
        )

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return the supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362, eq. 2).

        Anchors are objects that are seen in another frame of the batch; all other objects of
        the batch are negatives.
        """
        seen = batch.once("tracking", lambda: _seen(batch))
        if not len(seen.anchors):
            return output["embedding"][batch.labels["tracking"]].float().sum() * 0.0
        embeddings = torch.cat(sample_embeddings(output, seen.boxes, info))
        logits = (embeddings @ embeddings.T / TEMPERATURE).masked_fill(seen.itself, -1e4)
        log_share = logits - logits.logsumexp(dim=1, keepdim=True)
        mean_share = (log_share * seen.positive).sum(dim=1) / seen.n_positive
        return -mean_share[seen.anchors].mean()

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Return IDF1 with ground-truth boxes, linked by embeddings alone.

        Raises:
            DataError: If no frame has track ids.
        """
        labelled = np.flatnonzero(table.labelled("tracking"))
        if not any((table.ids[table.objects(i)] != UNKNOWN_ID).any() for i in labelled.tolist()):
            msg = "no frame of this split has track ids"
            raise DataError(msg, where="tracking")
        found = embeddings_of_truth(outputs, table, info)
        return {"tracking/IDF1": identity_f1(table, associate_by_embedding(table, found))}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The M objects of a batch whose identity is labelled.

    Attributes:
        boxes: Of each frame, ``[n, 4]``.
        itself: Bool ``[M, M]``, the diagonal.
        positive: Bool ``[M, M]``: the same object in another frame.
        n_positive: How many, at least 1, ``[M]``.
        anchors: Those that are seen in another frame, int64 ``[A]``.
    """

    boxes: tuple[Tensor, ...]
    itself: Tensor
    positive: Tensor
    n_positive: Tensor
    anchors: Tensor


def _seen(batch: MultiTaskBatch) -> _Seen:
    labelled = batch.labels["tracking"]
    known = [(ids != UNKNOWN_ID) & has for ids, has in zip(batch.ids, labelled, strict=True)]
    owner = torch.cat(
        [
            torch.stack((batch.clip[i].expand(int(k.sum())), batch.ids[i][k]), dim=1)
            for i, k in enumerate(known)
        ]
    )
    itself = torch.eye(len(owner), dtype=torch.bool, device=owner.device)
    positive = (owner[:, None] == owner[None]).all(dim=-1) & ~itself
    return _Seen(
        boxes=tuple(boxes[k] for boxes, k in zip(batch.boxes, known, strict=True)),
        itself=itself,
        positive=positive,
        n_positive=positive.sum(dim=1).clamp(min=1),
        anchors=positive.any(dim=1).nonzero().flatten(),
    )


def sample_embeddings(output: RawOutput, boxes: Sequence[Tensor], info: DataInfo) -> list[Tensor]:
    """Return the unit embeddings at the boxes' centres, float32 ``[n, D]`` for each frame.

    Args:
        output: Raw output of ``B`` frames.
        boxes: For each frame ``[n, 4]`` xyxy in pixels of the network's input.
        info: Picture size.
    """
    maps = output["embedding"].float()
    stride = stride_of(maps, info)
    size = torch.tensor([maps.shape[-1] * stride, maps.shape[-2] * stride], device=maps.device)
    found = []
    for frame, box in zip(maps, boxes, strict=True):
        centre = (box[:, :2] + box[:, 2:]) / size - 1
        grid = centre.to(maps.dtype).view(1, 1, -1, 2)
        sampled = functional.grid_sample(
            frame[None], grid, align_corners=False, padding_mode="border"
        )
        found.append(functional.normalize(sampled[0, :, 0].T, dim=1))
    return found


def embeddings_of_truth(
    outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
) -> list[np.ndarray]:
    """Return the embeddings of the labelled boxes of each frame."""
    found: list[np.ndarray] = []
    for output in outputs:
        first = len(found)
        n = len(output["embedding"])
        boxes = [torch.from_numpy(table.boxes[table.objects(first + i)]) for i in range(n)]
        found.extend(e.numpy() for e in sample_embeddings(output, boxes, info))
    return found
