"""A bundle of no training that sees objects on any picture, on which prediction is tested."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from automtl.config import BackboneConfig, HeadsConfig, TrialConfig
from automtl.data.table import DataInfo
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.writing import export_bundle
from automtl.model.network import build_network

INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "square"),
    image_size=(64, 96),
)
CONFIG = TrialConfig(
    backbone=BackboneConfig(width=0.5, image_size=(64, 96)),
    heads=HeadsConfig(channels=16, embedding_dim=8),
)


def seeing_bundle(folder: Path, config: TrialConfig = CONFIG, info: DataInfo = INFO) -> Bundle:
    """Write an untrained model whose detector is made to see objects on any picture."""
    network = build_network(config, info, generator_seed=0)
    if "detection" in config.tasks:
        seeded = torch.Generator().manual_seed(0)
        noise = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8, generator=seeded)
        detector: Any = network.eval().heads["detection"]
        head = detector.heat
        with torch.no_grad():
            spread = network(noise)["detection"]["heat"].std(dim=(0, 2, 3))
            head.weight.mul_((1.5 / spread).view(-1, 1, 1, 1))
            head.bias.zero_()
            centre = network(noise)["detection"]["heat"].mean(dim=(0, 2, 3))
            head.bias.copy_(-2.0 - centre)
    path = export_bundle(
        folder,
        config=config,
        info=info,
        state=network.state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=0,
    )
    return load_bundle(path)


def write_frames(folder: Path, n: int, size: tuple[int, int] = (150, 100)) -> Path:
    """Write pictures of noise, ``001.png`` first.

    Args:
        folder: Made where it is missing.
        n: How many.
        size: Width and height in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(1, n + 1):
        noise = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:03d}.png")
    return folder


def files_in(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
