"""The trained model on disk: ``best.safetensors`` and ``model.json``, without pickle."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from automtl.config import TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import BundleError, RecipeError
from automtl.space.stored import stored_config
from automtl.storage.names import MODEL, WEIGHTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """What a training left in its folder.

    Attributes:
        config: The configuration that trained it.
        info: Classes and picture size.
        state: Tensors of the network by name, on the CPU.
        epoch: The epoch that the tensors are from.
        values: What that epoch reported.
    """

    config: TrialConfig
    info: DataInfo
    state: Mapping[str, Tensor]
    epoch: int
    values: Mapping[str, float]


def save_model(folder: Path, model: SavedModel) -> None:
    """Write the model; a reader finds the old one or the new one, never a half.

    The values travel inside the weights' file, so that they cannot belong to other weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {"config": model.config.to_plain(), "info": asdict(model.info)}
    text = json.dumps(described, indent=1, sort_keys=True, allow_nan=False)
    write_atomically(folder / MODEL, lambda path: path.write_text(text, encoding="utf-8"))
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state.items()}
    metadata = {"epoch": str(model.epoch), "values": json.dumps(dict(model.values))}
    content = safetensors.torch.save(state, metadata=metadata)
    write_atomically(folder / WEIGHTS, lambda path: path.write_bytes(content))


def load_model(folder: Path) -> SavedModel:
    """Read what ``save_model`` wrote.

    Raises:
        BundleError: If a file is missing, cut off, or not of this format, or of a version that
            knew other keys.
    """
    try:
        described = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        with safetensors.safe_open(folder / WEIGHTS, framework="pt") as opened:
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            metadata = opened.metadata()
        return SavedModel(
            config=stored_config(described["config"], what="the model"),
            info=_info(described["info"]),
            state=state,
            epoch=int(metadata["epoch"]),
            values=json.loads(metadata["values"]),
        )
    except RecipeError as error:
        fix = "Train the trial again, pick another one, or use the version that wrote it"
        raise BundleError(error.what, where=str(folder), fix=fix) from error
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        msg = f"no whole trained model ({type(error).__name__}: {error})"
        raise BundleError(
            msg,
            where=str(folder),
            fix="Train the trial again, or pick another one",
        ) from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside ``path``, put it on the disk, and only then rename it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _info(plain: Mapping[str, object]) -> DataInfo:
    tuples = {key: tuple(v) if isinstance(v, list) else v for key, v in plain.items()}
    return DataInfo(**tuples)  # type: ignore[arg-type]  # asdict's own keys and types
