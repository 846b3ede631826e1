"""The bundle: a trained model as safetensors and JSON, with its proof, in one folder."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.config import TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import DeviceError
from automtl.export.card import Floors
from automtl.export.decoding import association_of
from automtl.export.files import (
    MAX_JSON_BYTES,
    MAX_MODEL_BYTES,
    parse_json,
    read_checksums,
    read_verified,
)
from automtl.export.manifest import Fusion, FusionKind, Manifest, read_manifest
from automtl.export.own import refuse_imports
from automtl.export.programs import Format
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.export.weights import build_from, read_weights
from automtl.export.writing import CONFIG, METRICS, MODEL, Contents, write_bundle
from automtl.fusion.tuning import SHOWN_SCORE
from automtl.model.network import MultiTaskNetwork
from automtl.results import Pick, StudyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model that was read from a bundle.

    Attributes:
        path: The folder.
        network: In eval mode, on ``device``.
        config: The configuration that trained it.
        info: Classes and picture size.
        metrics: The content of ``metrics.json``.
        manifest: The content of ``config.json``.
        digest: Digest of the whole bundle, 16 hexadecimal digits.
        device: Where the network is.
        allowed: Import paths whose code may run.
    """

    path: Path
    network: MultiTaskNetwork
    config: TrialConfig
    info: DataInfo
    metrics: Mapping[str, object]
    manifest: Manifest
    digest: str
    device: torch.device
    allowed: frozenset[str] = frozenset()

    def clip(
        self, *, score_threshold: float = SHOWN_SCORE, fusion: FusionKind | None = None
    ) -> ClipPredictor:
        """Begin a clip whose frames come in chunks; its tracks go on from chunk to chunk.

        Args:
            score_threshold: Objects below it are left out.
            fusion: Which cues link the objects; by default what the bundle was tuned to.
        """
        return ClipPredictor(
            self.network,
            self.info,
            device=self.device,
            score_threshold=score_threshold,
            association=association_of(self.manifest.fusion, fusion),
        )

    def predict(
        self,
        images_bchw: Tensor,
        *,
        score_threshold: float = SHOWN_SCORE,
        fusion: FusionKind | None = None,
    ) -> list[FrameResult]:
        """Return boxes, tracks and masks of the frames of one clip, in order.

        Args:
            images_bchw: uint8 ``[B, 3, H, W]`` RGB with ``H, W = info.image_size``.
            score_threshold: Objects below it are left out.
            fusion: Which cues link the objects; by default what the bundle was tuned to.

        Raises:
            DataError: If type or size of the pictures differ.
        """
        return self.clip(score_threshold=score_threshold, fusion=fusion).read(images_bchw)


def export_bundle(  # noqa: PLR0913 - one argument for each thing that a bundle records
    folder: Path,
    *,
    config: TrialConfig,
    info: DataInfo,
    state: Mapping[str, Tensor],
    metrics: Mapping[str, float],
    pick: Pick | None,
    study: StudyInfo | None,
    seed: int,
    test_metrics: Mapping[str, float] | None = None,
    floors: Floors | None = None,
    fusion: Fusion | None = None,
    formats: Sequence[Format] = (),
    frames: NDArray[np.uint8] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a bundle: whole, or not at all.

    The written model is read again and must give the same raw outputs to the bit.

    Args:
        folder: The new folder.
        config: The configuration that trained the model.
        info: Classes and picture size.
        state: Tensors by name.
        metrics: Values on the validation split.
        pick: Why this model, if a rule chose it.
        study: The search that made it, if one did.
        seed: Seed of the training.
        test_metrics: Values on the test split, if it was touched.
        floors: What trivial predictors reach on the validation split, by name.
        fusion: How objects are linked over a clip, if it was tuned.
        formats: Programs to write beside the weights, each proven on ``frames``.
        frames: Real frames for that, uint8 views ``[N, C, H, W]``.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``folder``.

    Raises:
        BundleError: If the folder exists, the state does not fit the configuration, or the
            written model does not give the same outputs.
    """
    contents = Contents(
        config=config,
        info=info,
        state=state,
        seed=seed,
        validation=metrics,
        test=test_metrics,
        floors=floors or {},
        pick=pick,
        study=study,
        fusion=fusion,
        formats=tuple(formats),
        frames=frames,
        notes={},
    )
    return write_bundle(folder, contents, overwrite=overwrite)


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
    network = build_from(manifest.config, manifest.info, weights, where=str(folder / MODEL))
    return Bundle(
        path=folder,
        network=network.to(place),
        config=manifest.config,
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
