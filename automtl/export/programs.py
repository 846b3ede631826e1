"""The network as a program beside the bundle, ONNX or ``torch.export``, proven on real frames.

A program is the network alone: pictures (or their views) as bytes in, the heads' raw maps out, for
any number of frames. Normalisation is inside; what turns maps into objects and tracks is
:func:`automtl.export.decoding.decode_clip`, the same for every program.
"""

import io
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from automtl.config.blueprint import View
from automtl.data.views import compute_views
from automtl.errors import BundleError, closest
from automtl.export.files import MAX_MODEL_BYTES, read_checksums, read_verified
from automtl.model.network import MultiTaskNetwork

Format = Literal["onnx", "torch_export"]
FORMATS: tuple[Format, ...] = get_args(Format)
FILES: Mapping[Format, str] = MappingProxyType({"onnx": "model.onnx", "torch_export": "model.pt2"})
PACKAGES: Mapping[Format, tuple[str, ...]] = MappingProxyType(
    {"onnx": ("onnx", "onnxscript", "onnxruntime"), "torch_export": ()}
)
"""What a format needs beside torch."""

INPUT = "images"
MAX_BATCH = 4096
PROOF_FRAMES = 20
PROOF_BATCHES = (1, 7, 12)
"""Frames in a call while a program is proven: it must take any number of them."""

TOLERANCE = 1e-3
"""Largest difference from the network's outputs, in units of the largest of them or of 1: a
program that is further off is another model. What is usual is a thousandth of it."""

Program = Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]
"""Views ``[B, C, H, W]`` to raw outputs ``[B, ...]`` by ``TASK/MAP``."""

_REPEATS = 15


class _Flat(nn.Module):
    """A network whose outputs are a plain tuple, as programs need it."""

    def __init__(self, network: MultiTaskNetwork) -> None:
        super().__init__()
        self.network = network

    @override
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(flat_outputs(self.network(images)).values())


def flat_outputs(outputs: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return raw outputs under the names that programs give them, ``TASK/MAP``."""
    return {
        f"{task}/{name}": tensor
        for task, output in outputs.items()
        for name, tensor in output.items()
    }


def parse_formats(text: str) -> tuple[Format, ...]:
    """Read ``onnx,torch_export``.

    Raises:
        BundleError: If a name is unknown, or a package that it needs is not installed.
    """
    found: list[Format] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        known = next((f for f in FORMATS if f == name), None)
        if known is None:
            near = closest(name, FORMATS)
            fix = f"Did you mean {near!r}?" if near else f"Known: {', '.join(FORMATS)}"
            msg = f"no format is called {name!r}"
            raise BundleError(msg, where="--formats", fix=fix)
        found.append(known)
    formats = tuple(dict.fromkeys(found))
    require_packages(formats)
    return formats


def require_packages(formats: Collection[Format]) -> None:
    """Raise :class:`BundleError` if a package that a format needs is not installed."""
    for name in formats:
        missing = [package for package in PACKAGES[name] if find_spec(package) is None]
        if missing:
            msg = f"the format {name!r} needs {', '.join(missing)}, which is not installed"
            raise BundleError(msg, fix=f"Run: pip install {' '.join(PACKAGES[name])}")


def proof_frames(images_nchw: NDArray[np.uint8], views: Sequence[View]) -> NDArray[np.uint8]:
    """Return the views of up to ``PROOF_FRAMES`` pictures, spread over all of them.

    Args:
        images_nchw: uint8 pictures ``[N, 3, H, W]``.
        views: What the network reads.
    """
    n = min(PROOF_FRAMES, len(images_nchw))
    rows = np.linspace(0, len(images_nchw) - 1, n).round().astype(np.int64)
    pictures = images_nchw[rows]
    return pictures if tuple(views) == ("rgb",) else compute_views(pictures, views)


def write_programs(
    network: MultiTaskNetwork,
    folder: Path,
    formats: Sequence[Format],
    frames_nchw: NDArray[np.uint8],
) -> dict[str, dict[str, object]]:
    """Write a network as programs, run them on frames, and compare.

    Args:
        network: In eval mode, on the CPU.
        folder: Where the files go.
        formats: Which programs.
        frames_nchw: Real frames: views ``[N, C, H, W]``, at least one.

    Returns:
        For each format what ``metrics.json`` says of it: file, outputs, frames, the largest
        difference from the network, and the median milliseconds of one frame on one thread.

    Raises:
        BundleError: If the network cannot be written in a format, a package is missing, or the
            program gives other outputs than the network.
    """
    if not formats:
        return {}
    require_packages(formats)
    with torch.inference_mode():
        names = list(flat_outputs(network(torch.from_numpy(frames_nchw[:1]))))
    expected = _of_network(network)
    exported = _traced(network, frames_nchw)
    found: dict[str, dict[str, object]] = {}
    for name in formats:
        path = folder / FILES[name]
        _write(name, exported, names, path)
        program = _program(name, path.read_bytes(), names)
        found[name] = _proof(name, program, expected, frames_nchw)
    return found


def open_program(folder: Path | str, name: Format, *, is_trusted: bool = False) -> Program:
    """Return a bundle's program, on the CPU, after its checksum was compared.

    Args:
        folder: A bundle.
        name: ``onnx``, which cannot run code, or ``torch_export``, of which torch may unpickle.
        is_trusted: Whether you trust who wrote it; a checksum says only that nothing was changed.

    Raises:
        BundleError: If the bundle has no such program, it was changed, a package is missing, or
            it could run code and is not trusted.
    """
    if name == "torch_export" and not is_trusted:
        msg = "reading a program of the format 'torch_export' can run code that is hidden in it"
        raise BundleError(msg, where=str(folder), fix="Trust it (is_trusted=True), or take 'onnx'")
    from automtl.export.bundle import load_manifest, read_metrics

    place = Path(folder)
    manifest, sums = load_manifest(place), read_checksums(place)[0]
    facts = read_metrics(place).get("programs", {})
    known = facts.get(name) if isinstance(facts, dict) else None
    if FILES[name] not in sums or not isinstance(known, dict):
        msg = f"the bundle of {', '.join(manifest.tasks)} has no program of the format {name!r}"
        raise BundleError(
            msg, where=str(place), fix=f"Export it: automtl export STUDY --formats {name}"
        )
    require_packages([name])
    content = read_verified(place, FILES[name], sums, MAX_MODEL_BYTES)
    return _program(name, content, [str(output) for output in known["outputs"]])


def _traced(network: MultiTaskNetwork, frames_nchw: NDArray[np.uint8]) -> Any:
    # Of one frame a program would be made that takes no other number.
    example = torch.from_numpy(np.concatenate([frames_nchw[:1]] * 2))
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    try:
        return torch.export.export(
            _Flat(network).eval(), (example,), dynamic_shapes=({0: batch},), strict=False
        )
    except Exception as error:  # any error of a tracer, over any module of a user's own
        raise _not_exportable(error, what="torch_export") from error


def _write(name: Format, exported: Any, names: Sequence[str], path: Path) -> None:
    try:
        match name:
            case "torch_export":
                torch.export.save(exported, path)
            case "onnx":
                torch.onnx.export(
                    exported,
                    f=path,
                    input_names=[INPUT],
                    output_names=list(names),
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                )
    except Exception as error:
        raise _not_exportable(error, what=name) from error


def _not_exportable(error: Exception, *, what: Format) -> BundleError:
    first = next(iter(str(error).strip().splitlines()), "")
    msg = f"the network cannot be written as {what} ({type(error).__name__}: {first[:200]})"
    return BundleError(msg, fix="Leave the format out; the bundle does not need it")


def _program(name: Format, content: bytes, names: Sequence[str]) -> Program:
    match name:
        case "torch_export":
            module = torch.export.load(io.BytesIO(content)).module()

            def run_torch(images_bchw: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
                with torch.inference_mode():
                    outputs = module(torch.from_numpy(images_bchw))
                return {key: t.numpy() for key, t in zip(names, outputs, strict=True)}

            return run_torch
        case "onnx":
            import onnxruntime  # type: ignore[import-untyped]

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            return lambda images: dict(
                zip(names, session.run(list(names), {INPUT: images}), strict=True)
            )


def _of_network(network: MultiTaskNetwork) -> Program:
    def run(images_bchw: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        with torch.inference_mode():
            outputs = flat_outputs(network(torch.from_numpy(images_bchw)))
        return {key: tensor.numpy() for key, tensor in outputs.items()}

    return run


def _proof(
    name: Format, program: Program, expected: Program, frames_nchw: NDArray[np.uint8]
) -> dict[str, object]:
    gap, largest, n_frames, start = 0.0, 0.0, 0, 0
    outputs: list[str] = []
    for size in _batches(len(frames_nchw)):
        chunk = frames_nchw[start : start + size]
        start += size
        wanted, given = expected(chunk), program(chunk)
        outputs = list(wanted)
        for key, values in wanted.items():
            difference = np.abs(values - given[key])
            gap = max(gap, float(np.nan_to_num(difference, nan=np.inf).max()))
            largest = max(largest, float(np.abs(values).max()))
        n_frames += len(chunk)
    if not gap <= TOLERANCE * max(1.0, largest):
        msg = f"the outputs of the {name} program differ by up to {gap:g} from the network's"
        raise BundleError(msg, fix="Leave the format out; the bundle does not need it")
    frame = frames_nchw[:1]
    return {
        "file": FILES[name],
        "input": INPUT,
        "outputs": outputs,
        "frames": n_frames,
        "max_abs_difference": gap,
        "largest_output": largest,
        "latency_ms": round(_median_ms(program, frame), 4),
        "network_latency_ms": round(_median_ms(expected, frame), 4),
    }


def _batches(n: int) -> list[int]:
    sizes, left = [], n
    for size in PROOF_BATCHES:
        sizes.append(min(size, left))
        left -= sizes[-1]
    return [size for size in (*sizes, left) if size]


def _median_ms(program: Program, frame: NDArray[np.uint8]) -> float:
    times = []
    for _ in range(_REPEATS + 3):
        start = time.perf_counter()
        program(frame)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[3:])
