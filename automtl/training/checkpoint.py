"""The state of a training between two epochs: written whole, read without running code."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from automtl.errors import AutomtlError
from automtl.training.checkpoint_files import (
    epoch_of,
    is_whole,
    kept_checkpoints,
    write_checkpoint,
)
from automtl.training.costs import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best epoch so far.

    Attributes:
        epoch: From 1.
        score: The largest mean of the primary metrics; the first epoch to reach it wins.
        values: What that epoch reported.
        state: The network's tensors after it, on the CPU.
    """

    epoch: int
    score: float
    values: Mapping[str, float]
    state: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a training is; all else of it follows from these numbers and the seed.

    Attributes:
        epoch: Finished epochs.
        spent: What training took, as a ledger of costs.
        history: By finished epoch, each task's primary metric, on which a schedule may depend.
        strikes: Steps in a row that could not be taken because a number was not finite.
        costs: Costs measured once.
        best: The best epoch so far.
    """

    epoch: int = 0
    spent: Ledger = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    strikes: int = 0
    costs: Mapping[str, float] | None = None
    best: Best | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a checkpoint must agree on with the training that continues it."""

    config: str
    data: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A training between two epochs.

    There is no random state in it but the weighting's: every other draw is a function of the
    seed and the step's number.

    Attributes:
        progress: How far it is.
        network: Tensors by name.
        optimizers: State of each optimizer, in the order of the schedule's groups.
        weighting: State of the weighting.
    """

    progress: Progress
    network: Mapping[str, Tensor]
    optimizers: tuple[Mapping[str, object], ...]
    weighting: Mapping[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, identity: Identity) -> None:
    """Write the checkpoint, and keep the one before it; a reader never finds a half."""
    progress = checkpoint.progress
    best = progress.best
    content = {
        "identity": [identity.config, identity.data, identity.seed],
        "progress": {
            "epoch": progress.epoch,
            "spent": dict(progress.spent),
            "history": [dict(values) for values in progress.history],
            "strikes": progress.strikes,
            "costs": None if progress.costs is None else dict(progress.costs),
        },
        "best": None
        if best is None
        else [best.epoch, best.score, dict(best.values), dict(best.state)],
        "network": dict(checkpoint.network),
        "optimizers": list(checkpoint.optimizers),
        "weighting": dict(checkpoint.weighting),
    }
    write_checkpoint(folder, progress.epoch, lambda path: _fill(path, content))


def _fill(path: Path, content: Mapping[str, object]) -> None:
    """Write through Python's file: torch's own hides that the disk is full."""
    with path.open("wb") as file:
        torch.save(content, file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder had to continue from.

    Attributes:
        checkpoint: The latest whole one; None where there is none.
        note: What could not be read and what was taken instead; empty if all is well.
    """

    checkpoint: Checkpoint | None = None
    note: str = ""


def load_checkpoint(folder: Path, identity: Identity) -> Found:
    """Read the latest whole checkpoint; one that is damaged is passed over and removed.

    Raises:
        AutomtlError: If it belongs to another training.
    """
    damaged = []
    for path in kept_checkpoints(folder):
        content = _read(path)
        if isinstance(content, str):
            damaged.append(f"the checkpoint of epoch {epoch_of(path)} {content}")
            continue
        found = _understood(content, path, identity)
        if isinstance(found, str):
            damaged.append(f"the checkpoint of epoch {epoch_of(path)} {found}")
            continue
        way = f"the trial goes on from that of epoch {found.progress.epoch}"
        return Found(checkpoint=found, note=f"{'; '.join(damaged)}; {way}" if damaged else "")
    return Found(note=f"{'; '.join(damaged)}; the trial starts over" if damaged else "")


def _read(path: Path) -> dict[str, Any] | str:
    """Return the content, or what is wrong with the file, which is then gone."""
    try:
        if is_whole(path):
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return content
        wrong = "is damaged (its content has another checksum than its name)"
    except OSError as error:
        # Perhaps the disk is away for a moment: the file stays.
        return f"cannot be read ({type(error).__name__}: {error.strerror})"
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        wrong = f"is no checkpoint ({type(error).__name__})"
    path.unlink(missing_ok=True)
    return wrong


def _understood(content: dict[str, Any], path: Path, identity: Identity) -> Checkpoint | str:
    """Return the checkpoint, or what is wrong with a file that is none, which is then gone."""
    try:
        return _checked(content, path, identity)
    except (KeyError, TypeError, ValueError) as error:
        path.unlink(missing_ok=True)
        return f"is no checkpoint of this version ({type(error).__name__})"


def _checked(content: dict[str, Any], path: Path, identity: Identity) -> Checkpoint:
    found = Identity(**dict(zip(("config", "data", "seed"), content["identity"], strict=True)))
    if found != identity:
        msg = f"the checkpoint belongs to another training ({found}, expected {identity})"
        raise AutomtlError(
            msg,
            where=str(path),
            fix="Use another folder, or delete the checkpoint to start over",
        )
    best = content["best"]
    kept = None if best is None else Best(**dict(zip(_BEST, best, strict=True)))
    made = content["progress"]
    return Checkpoint(
        progress=Progress(**{**made, "history": tuple(made["history"])}, best=kept),
        network=content["network"],
        optimizers=tuple(content["optimizers"]),
        weighting=content["weighting"],
    )


_BEST = ("epoch", "score", "values", "state")
