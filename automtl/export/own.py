"""Results of tasks of the user's own: what their ``decode`` says, as JSON lines and arrays."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.errors import AutomtlError, BundleError
from automtl.own_code import blamed
from automtl.tasks.base import Decodes, RawOutput
from automtl.tasks.choose import task_named

OwnResult = Mapping[str, Mapping[str, NDArray[Any]]]
"""By task, what it says of one frame by name."""

FOLDER = "own"
_FIX = "Return tensors [B, ...] by plain names, as automtl.tasks.base.Decodes says"


def refuse_imports(named: Collection[str], allowed: Collection[str], where: str) -> None:
    """Raise :class:`BundleError` if a bundle names code that is not allowed by name."""
    for name in named:
        if name not in allowed:
            msg = f"the bundle needs code of yours: {name}"
            raise BundleError(
                msg,
                where=where,
                fix=f"If you trust it, allow it by name: allow_imports=[{name!r}], "
                f"on the command line --allow-imports {name}",
            )


def undecoded(tasks: Sequence[str], imports: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tasks of the user's own that have no ``decode``."""
    own = [task for task in tasks if task in imports]
    return tuple(task for task in own if not isinstance(task_named(task, imports), Decodes))


def own_results(
    outputs: Mapping[str, RawOutput], imports: Mapping[str, str], info: DataInfo, n_frames: int
) -> list[OwnResult]:
    """Return what each frame's own tasks say.

    Args:
        outputs: Raw outputs by task, on the CPU.
        imports: Where tasks that are not built in come from.
        info: Classes and picture size.
        n_frames: How many frames the outputs are of.

    Raises:
        AutomtlError: If a ``decode`` fails, or gives something else than rows for the frames.
    """
    found: list[dict[str, Mapping[str, NDArray[Any]]]] = [{} for _ in range(n_frames)]
    for name, output in outputs.items():
        task: object = task_named(name, imports) if name in imports else None
        if not isinstance(task, Decodes):
            continue
        where = f"imports.{name}"
        with blamed(f"`decode` of {imports[name]!r} fails", where=where, fix=_FIX):
            decoded = {key: _array(value) for key, value in task.decode(output, info).items()}
        for key, values in decoded.items():
            is_name = key.isidentifier() and key != "file_name"
            if values.ndim == 0 or len(values) != n_frames or not is_name:
                shape = list(values.shape)
                msg = f"`decode` of {imports[name]!r} gave {key!r} {shape} for {n_frames} frames"
                raise AutomtlError(msg, where=where, fix=_FIX)
        for i, result in enumerate(found):
            result[name] = {key: values[i] for key, values in decoded.items()}
    return list(found)


def write_frame(out: Path, result: OwnResult, file_name: str, stem: Path) -> dict[str, str]:
    """Write the arrays of one frame; return a line of JSON for each task.

    Numbers and vectors stand in the line. An array of more axes is a ``.npy`` beside it, and the
    line has its path. What is not finite is null.

    Args:
        out: Folder of the predictions.
        result: What the frame's own tasks say.
        file_name: Of the frame, as in the other results.
        stem: The frame's name within ``out``, without ending.
    """
    lines = {}
    for task, values in result.items():
        record: dict[str, object] = {"file_name": file_name}
        for key, value in values.items():
            record[key] = _plain(value) if value.ndim <= 1 else _saved(out, task, stem, key, value)
        lines[task] = json.dumps(record, allow_nan=False, ensure_ascii=False)
    return lines


def write_lines(out: Path, clip: str, frames: Sequence[Mapping[str, str]]) -> None:
    """Write ``own/TASK/CLIP.jsonl``, a line for each frame of a clip."""
    for task in frames[0] if frames else ():
        path = out / FOLDER / task / f"{clip}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{lines[task]}\n" for lines in frames), encoding="utf-8")


def _array(value: object) -> NDArray[Any]:
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    return np.asarray(value)


def _plain(value: NDArray[Any]) -> object:
    if value.dtype.kind == "f":
        finite = [float(v) if np.isfinite(v) else None for v in value.ravel()]
        return finite if value.ndim else finite[0]
    return value.tolist()


def _saved(out: Path, task: str, stem: Path, key: str, value: NDArray[Any]) -> str:
    path = out / FOLDER / task / stem.parent / f"{stem.name}.{key}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, value, allow_pickle=False)
    return path.relative_to(out).as_posix()
