"""A small bundle with weights of no training, on which export and prediction are tested."""

from pathlib import Path
from typing import Any

import torch

from automtl.config import (
    BackboneConfig,
    HeadsConfig,
    SharingConfig,
    TrialConfig,
    UncertaintyWeighting,
)
from automtl.data.table import DataInfo
from automtl.export.writing import export_bundle
from automtl.model.network import build_network
from automtl.results import Pick

INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "square"),
    image_size=(64, 96),
    segmentation_frequency=(0.8, 0.1, 0.1),
    digest="0123456789abcdef",
)
CONFIG_TREE = TrialConfig(
    backbone=BackboneConfig(width=0.5, image_size=(64, 96), weights="imagenet"),
    sharing=SharingConfig(split_after=(2, 1)),
    heads=HeadsConfig(channels=16, embedding_dim=8),
)
CONFIG_LEARNED = CONFIG_TREE.model_copy(
    update={"sharing": SharingConfig(split_after=(3, 2)), "weighting": UncertaintyWeighting()}
)
"""Its weights of the losses are learned, so that a state has them too."""

PICK = Pick(number=4, rule="knee", reason="It is the knee.")


def fresh_state(config: TrialConfig, info: DataInfo = INFO) -> dict[str, torch.Tensor]:
    """Return the initial weights of a network that need no file, always the same."""
    plain = config.model_copy(
        update={"backbone": config.backbone.model_copy(update={"weights": "none"})}
    )
    return build_network(plain, info, generator_seed=1).state_dict()


def trained_state(config: TrialConfig = CONFIG_TREE) -> dict[str, torch.Tensor]:
    """Return weights and statistics as after a training: none at its initial value."""
    generator = torch.Generator().manual_seed(3)
    return {
        name: tensor
        + (
            0.05 * torch.rand(tensor.shape, generator=generator)
            if tensor.is_floating_point()
            else 7
        )
        for name, tensor in fresh_state(config).items()
    }


def write(folder: Path, **changes: Any) -> Path:
    """Write a bundle of :func:`trained_state`.

    Args:
        folder: The new bundle.
        changes: Arguments of ``export_bundle`` to give instead.
    """
    arguments: dict[str, Any] = {
        "config": CONFIG_TREE,
        "info": INFO,
        "state": trained_state(),
        "metrics": {"detection/mAP": 0.5, "loss/tracking": float("nan")},
        "pick": PICK,
        "study": None,
        "seed": 9,
    }
    return export_bundle(folder, **{**arguments, **changes})
