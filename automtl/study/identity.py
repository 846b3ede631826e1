"""What a training depends on besides its configuration and its seed, as one digest."""

import hashlib
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from automtl.config import digest_of
from automtl.data.table import DataInfo

SOURCES = ("config", "data", "fusion", "model", "tasks", "training", "results.py", "sources.py")
"""The parts of this package that decide what a training gives."""

LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "torchjd",
    "torchmetrics",
    "faster-coco-eval",
    "motrics",
    "numpy",
    "scipy",
)
"""The packages that do. Another version of one may train or measure otherwise."""


def training_identity(info: DataInfo, *, gpu: float) -> str:
    """Return a digest that two trainings share if configuration and seed alone tell them apart.

    The number of threads is left out: sums in another order differ in the last bits, and no
    comparison rests on those.

    Args:
        info: Of the data: frames, labels and classes.
        gpu: Share of a GPU that a trial has; on a CPU it is 0.
    """
    parts = {
        "data": asdict(info),
        "source": source_digest(Path(__file__).resolve().parents[1]),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "device": "gpu" if gpu else "cpu",
    }
    return digest_of(parts)


@cache
def source_digest(package: Path) -> str:
    """Return a digest of the files of the package that decide what a training gives."""
    sha = hashlib.sha256()
    for part in SOURCES:
        place = package / part
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for path in files:
            sha.update(f"{path.relative_to(package).as_posix()}\0".encode())
            sha.update(path.read_bytes())
            sha.update(b"\0")
    return sha.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # an extra that is not installed
        return ""
