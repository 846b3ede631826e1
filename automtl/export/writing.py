"""Writing a bundle: whole or not at all, and read again before it counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from automtl.config import TrialConfig
from automtl.config.sharing import describe_tree
from automtl.data.table import DataInfo
from automtl.errors import BundleError
from automtl.export.card import Floors, Programs, model_card
from automtl.export.files import (
    CARD,
    CONFIG,
    METRICS,
    MODEL,
    new_folder,
    refuse_existing,
    write_bytes,
    write_checksums,
    write_json,
)
from automtl.export.manifest import Fusion, Manifest, Parent, make_manifest
from automtl.export.programs import Format, write_programs
from automtl.export.weights import Parity, build_from, difference, read_weights, weights_bytes
from automtl.model.cost import latency_ms, views_ms
from automtl.model.network import MultiTaskNetwork
from automtl.plain import to_plain
from automtl.results import Pick, StudyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that goes into a bundle.

    Attributes:
        config: The configuration that trained the model.
        info: Classes and picture size.
        state: Tensors by name.
        seed: Seed of the training.
        validation: Values on the validation split.
        test: Values on the test split, if it was touched.
        floors: What trivial predictors reach on the validation split.
        pick: Why this model, if a rule chose it.
        study: The search that made it, if one did.
        parent: The bundle that fine-tuning began from, if any.
        fusion: How objects are linked over a clip, if it was tuned.
        formats: Programs to write beside the weights.
        frames: Real frames that they are proven on, uint8 views ``[N, C, H, W]``; needed where
            there are formats.
        notes: Further facts for ``metrics.json``.
    """

    config: TrialConfig
    info: DataInfo
    state: Mapping[str, Tensor]
    seed: int
    validation: Mapping[str, float]
    test: Mapping[str, float] | None = None
    floors: Floors
    pick: Pick | None = None
    study: StudyInfo | None = None
    parent: Parent | None = None
    fusion: Fusion | None = None
    formats: tuple[Format, ...] = ()
    frames: NDArray[np.uint8] | None = None
    notes: Mapping[str, object]


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


def write_bundle(folder: Path, contents: Contents, *, overwrite: bool) -> Path:
    """Write ``contents`` as a bundle and return its folder.

    Raises:
        BundleError: If the folder exists, the state does not fit the configuration, or the
            written model does not give the same outputs.
    """
    refuse_existing(folder, overwrite=overwrite)
    manifest = make_manifest(
        contents.config,
        contents.info,
        seed=contents.seed,
        pick=contents.pick,
        study=contents.study,
        parent=contents.parent,
        fusion=contents.fusion,
    )
    network = build_from(contents.config, contents.info, contents.state, where="the trained model")
    with new_folder(folder, overwrite=overwrite) as part:
        write_bytes(part / MODEL, weights_bytes(contents.state))
        write_json(part / CONFIG, to_plain(manifest))
        parity = _prove_parity(network, part / MODEL, contents)
        programs = _programs(network, part, contents)
        write_json(part / METRICS, _measured(contents, parity, network, programs))
        write_bytes(part / CARD, _card(manifest, contents, network, programs).encode())
        write_checksums(part)
    return folder


def _programs(network: MultiTaskNetwork, part: Path, contents: Contents) -> Programs:
    if not contents.formats:
        return {}
    assert contents.frames is not None, "programs are proven on frames"
    return write_programs(network, part, contents.formats, contents.frames)


def _card(
    manifest: Manifest, contents: Contents, network: MultiTaskNetwork, programs: Programs
) -> str:
    return model_card(
        manifest,
        tree=describe_tree(contents.config.sharing, len(network.groups)),
        pick=contents.pick,
        validation=contents.validation,
        test=contents.test,
        floors=contents.floors,
        programs=programs,
    )


def _prove_parity(network: MultiTaskNetwork, written: Path, contents: Contents) -> Parity:
    state = read_weights(written.read_bytes(), written)
    again = build_from(contents.config, contents.info, state, where=MODEL)
    parity = difference(network, again, contents.info)
    if parity.max_abs != 0.0:
        msg = (
            f"the written model's outputs differ by up to {parity.max_abs:g} from the trained "
            "model's"
        )
        raise BundleError(msg, where=MODEL, fix="Check the disk, then export again")
    return parity


def _measured(
    contents: Contents, parity: Parity, network: MultiTaskNetwork, programs: Programs
) -> dict[str, object]:
    size = contents.info.image_size
    latency = latency_ms(network, size, n_channels=network.n_channels)
    latency += views_ms(network.views, size)
    objectives = contents.study.objectives if contents.study else ()
    return {
        "validation": _finite(contents.validation),
        "test": None if contents.test is None else _finite(contents.test),
        "floors": {name: _finite(values) for name, values in contents.floors.items()},
        "objectives": [objective.model_dump(mode="json") for objective in objectives],
        "pick": contents.pick.model_dump(mode="json") if contents.pick else None,
        "parent": to_plain(contents.parent),
        "fusion": to_plain(contents.fusion),
        "parity": {"max_abs_difference": parity.max_abs, "tensors": parity.n_outputs},
        "latency": {"median_ms": round(latency, 4), "batch": 1, "threads": 1, "device": "cpu"},
        "programs": programs,
        **contents.notes,
    }


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: a value that is not a number becomes null."""
    return {key: value if math.isfinite(value) else None for key, value in values.items()}
