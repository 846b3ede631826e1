"""Reading a bundle: a trained model as safetensors and JSON, with its proof, in one folder.

Needs torch, torchvision and safetensors alone; :mod:`automtl.export.writing` makes bundles.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.errors import DeviceError
from automtl.export.decoding import association_of
from automtl.export.files import (
    CONFIG,
    MAX_JSON_BYTES,
    MAX_MODEL_BYTES,
    METRICS,
    MODEL,
    parse_json,
    read_checksums,
    read_verified,
)
from automtl.export.manifest import FusionKind, Manifest, read_manifest
from automtl.export.own import refuse_imports
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.export.weights import filled, read_weights
from automtl.fusion.tuning import SHOWN_SCORE
from automtl.model.network import MultiTaskNetwork, build_network

if TYPE_CHECKING:
    from automtl.config import TrialConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model that was read from a bundle.

    Attributes:
        path: The folder.
        network: In eval mode, on ``device``.
        info: Classes and picture size.
        metrics: The content of ``metrics.json``.
        manifest: The content of ``config.json``.
        digest: Digest of the whole bundle, 16 hexadecimal digits.
        device: Where the network is.
        allowed: Import paths whose code may run.
    """

    path: Path
    network: MultiTaskNetwork
    info: DataInfo
    metrics: Mapping[str, object]
    manifest: Manifest
    digest: str
    device: torch.device
    allowed: frozenset[str] = frozenset()

    @property
    def config(self) -> "TrialConfig":
        """The configuration that trained it; reading it whole needs pydantic.

        Raises:
            BundleError: If what trained the network is not as this version knows it.
        """
        return self.manifest.config.whole(str(self.path / CONFIG))

    def clip(
        self,
        *,
        score_threshold: float = SHOWN_SCORE,
        fusion: FusionKind | None = None,
        link: bool = True,
    ) -> ClipPredictor:
        """Begin a clip whose frames come in chunks; its tracks go on from chunk to chunk.

        Args:
            score_threshold: Objects below it are left out.
            fusion: Which cues link the objects; by default what the bundle was tuned to.
            link: Whether objects get tracks, for which SciPy is needed.

        Raises:
            BundleError: If the model tracks, ``link`` is set, and SciPy is not installed.
        """
        return ClipPredictor(
            self.network,
            self.info,
            device=self.device,
            score_threshold=score_threshold,
            association=association_of(self.manifest.fusion, fusion),
            link=link,
        )

    def predict(
        self,
        images_bchw: Tensor,
        *,
        score_threshold: float = SHOWN_SCORE,
        fusion: FusionKind | None = None,
        link: bool = True,
    ) -> list[FrameResult]:
        """Return boxes, tracks and masks of the frames of one clip, in order.

        Args:
            images_bchw: uint8 ``[B, 3, H, W]`` RGB with ``H, W = info.image_size``.
            score_threshold: Objects below it are left out.
            fusion: Which cues link the objects; by default what the bundle was tuned to.
            link: Whether objects get tracks, for which SciPy is needed.

        Raises:
            BundleError: As :meth:`clip` does.
            DataError: If type or size of the pictures differ.
        """
        stream = self.clip(score_threshold=score_threshold, fusion=fusion, link=link)
        return stream.read(images_bchw)


def load_bundle(
    path: Path | str,
    *,
    device: torch.device | str = "cpu",
    allow_imports: Collection[str] = (),
) -> Bundle:
    """Read a bundle. Nothing in it can run code: safetensors and JSON are all that is read.

    Args:
        path: A folder made by ``automtl export``.
        device: Where the network goes.
        allow_imports: Import paths (``package.module:name``) of a backbone or task of your own
            that the bundle may name, and for fine-tuning of a weighting. Importing runs code of
            that package, so each path has to be allowed by name.

    Raises:
        BundleError: If a file is missing, changed or cut off, the schema is newer, a tensor is
            missing, unknown or of another shape, or an import path is not allowed.
        DeviceError: If the device is not there.
    """
    folder = Path(path)
    place = usable_device(device)
    sums, digest = read_checksums(folder)
    manifest = load_manifest(folder)
    refuse_imports(manifest.config.own_code, allow_imports, str(folder / CONFIG))
    weights = read_weights(read_verified(folder, MODEL, sums, MAX_MODEL_BYTES), folder / MODEL)
    empty = build_network(manifest.config.untrained, manifest.info, generator_seed=0)
    network = filled(empty, weights, where=str(folder / MODEL))
    return Bundle(
        path=folder,
        network=network.to(place),
        info=manifest.info,
        metrics=read_metrics(folder),
        manifest=manifest,
        digest=digest,
        device=place,
        allowed=frozenset(allow_imports),
    )


def load_manifest(path: Path | str) -> Manifest:
    """Read what ``config.json`` of a bundle says, without its weights.

    Args:
        path: A bundle.

    Raises:
        BundleError: As :func:`load_bundle` does, if the file is missing, changed or newer.
    """
    return read_manifest(_read_json(Path(path), CONFIG), str(Path(path) / CONFIG))


def read_metrics(folder: Path) -> dict[str, object]:
    """Read ``metrics.json`` of a bundle. Raises as :func:`load_bundle` does."""
    return _read_json(folder, METRICS)


def _read_json(folder: Path, name: str) -> dict[str, object]:
    sums, _ = read_checksums(folder)
    return parse_json(read_verified(folder, name, sums, MAX_JSON_BYTES), folder / name)


def usable_device(device: torch.device | str) -> torch.device:
    """Return the device, or raise :class:`DeviceError` if it is not there."""
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        msg = f"device {str(device)!r} cannot be used ({first})"
        raise DeviceError(msg, fix="Use --device cpu") from error
    return place
