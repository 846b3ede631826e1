"""How a bundle's model is trained further: what fine-tuning and extending have in common."""

import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from automtl.config import TRUNK, OptimizerConfig, TrialConfig
from automtl.config.schedule import ScheduleConfig, narrowed
from automtl.config.stages import check_part
from automtl.config.weighting import WeightingConfig
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.errors import AutomtlError, DataError, closest
from automtl.export.bundle import Bundle
from automtl.export.files import digest_bytes, parse_json, write_json
from automtl.export.manifest import Parent
from automtl.export.narrow import merge_heads, narrow_config, narrow_state
from automtl.export.programs import Format
from automtl.export.weights import state_on_cpu, without_pretraining
from automtl.results import Decision
from automtl.training.loop import train

EPOCHS = "epochs.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a model is trained further.

    Attributes:
        frozen: Parts that stay as they are, statistics of batch norms included: ``trunk``,
            ``stage:N`` (from 1), ``head:TASK``, ``branch:TASK``.
        optimizer: How long and how fast.
        lr_factors: What multiplies the learning rate of a part, by the same names; where parts
            overlap, the last one counts.
        weighting: How losses are combined; None as before.
        schedule: Which tasks step when; None as before.
        seed: Of this training.
        formats: Programs to write beside the new weights.
    """

    optimizer: OptimizerConfig
    frozen: tuple[str, ...] = (TRUNK,)
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    weighting: WeightingConfig | None = None
    schedule: ScheduleConfig | None = None
    seed: int = 0
    formats: tuple[Format, ...] = field(default=())

    @property
    def keeps_trunk(self) -> bool:
        """Whether no stage learns: what the tasks share then is as it was."""
        return TRUNK in self.frozen

    def check(self, tasks: Sequence[str], n_stages: int) -> None:
        """Raise :class:`AutomtlError` if a part is named that the network does not have."""
        for part in (*self.frozen, *self.lr_factors):
            try:
                check_part(part)
            except ValueError as error:
                raise AutomtlError(str(error), where="part") from error
            kind, _, name = part.partition(":")
            if kind == "stage" and int(name) > n_stages:
                msg = f"there is no stage {name}"
                raise AutomtlError(msg, where=part, fix=f"The backbone has {n_stages}")
            if kind in {"head", "branch"} and name not in tasks:
                near = closest(name, tasks)
                fix = f"Did you mean {near!r}?" if near else f"Known: {', '.join(tasks)}"
                msg = f"the network has no task {name!r}"
                raise AutomtlError(msg, where=part, fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a training begins.

    Attributes:
        config: Of the whole network, with what this training does.
        info: Classes and picture size.
        state: Tensors by name.
    """

    config: TrialConfig
    info: DataInfo
    state: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a training gave.

    Attributes:
        state: Tensors of the whole network.
        trained: The tasks that learned.
        values: Of the best epoch.
        epochs: What each epoch reported, with its Unix time, those before a break included.
    """

    state: Mapping[str, Tensor]
    trained: tuple[str, ...]
    values: Mapping[str, float]
    epochs: tuple[Mapping[str, object], ...]


def train_further(
    start: Start,
    data: SplitData,
    tasks: Sequence[str],
    tuning: Tuning,
    *,
    device: torch.device,
    report: Report,
    folder: Path,
) -> Tuned:
    """Train some tasks of a network; goes on where an earlier, broken off training was.

    Args:
        start: Where it begins.
        data: Splits with labels of ``tasks``.
        tasks: All of the network's, or with a frozen trunk those whose heads train.
        tuning: How.
        device: Where.
        report: Called after each epoch with the values.
        folder: For checkpoints.
    """
    # The weights come from the bundle: none are downloaded only to be replaced.
    narrow = without_pretraining(narrow_config(start.config, tasks))
    trained = train(
        narrow,
        replace(data, info=start.info),
        _kept(report, folder / EPOCHS),
        seed=tuning.seed,
        folder=folder,
        resume=True,
        device=device,
        initial=narrow_state(start.config, start.info, start.state, tasks),
        frozen=[part for part in tuning.frozen if _is_among(part, tasks)],
        lr_factors={p: f for p, f in tuning.lr_factors.items() if _is_among(p, tasks)},
    )
    state = state_on_cpu(trained.network)
    if tuning.keeps_trunk:
        state = merge_heads(start.state, state, tasks)
    return Tuned(
        state=state,
        trained=narrow.trained,
        values=trained.values,
        epochs=_epochs(folder / EPOCHS),
    )


def _kept(report: Report, path: Path) -> Report:
    """Return a report that also writes each epoch as a line: a training may be broken off."""

    def keep(epoch: int, values: Mapping[str, float]) -> Decision:
        finite = {key: value for key, value in values.items() if math.isfinite(value)}
        line = json.dumps({"epoch": epoch, "time_s": time.time(), "values": finite})
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return report(epoch, values)

    return keep


def _epochs(path: Path) -> tuple[Mapping[str, object], ...]:
    """Return the last line of each epoch; one that was broken off in the middle is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = [json.loads(line) for line in lines if line.endswith("}}")]
    by_epoch = {each["epoch"]: each for each in found}
    return tuple(by_epoch[epoch] for epoch in sorted(by_epoch))


def with_training(config: TrialConfig, tuning: Tuning) -> TrialConfig:
    """Return the configuration with the optimizer, weighting and schedule of a tuning.

    A schedule of stages that is not stated anew is over: it led up to this network.

    Raises:
        AutomtlError: If they do not fit the tasks.
    """
    changes = {
        "optimizer": tuning.optimizer,
        "weighting": tuning.weighting or config.weighting,
        "schedule": tuning.schedule or narrowed(config.schedule, config.tasks),
    }
    try:
        return TrialConfig.model_validate({**dict(config), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise AutomtlError(first, fix="Change `base` of the recipe") from error


def parent_of(bundle: Bundle, tuning: Tuning, *, added: tuple[str, ...] = ()) -> Parent:
    """Return what a new bundle says of the one that its training began with.

    Args:
        bundle: Where it began.
        tuning: How it went on.
        added: Tasks that the new one has beyond the old.
    """
    return Parent(
        digest=bundle.digest,
        config_digest=bundle.manifest.config_digest,
        data_digest=bundle.manifest.data.digest,
        freeze_trunk=tuning.keeps_trunk,
        frozen=tuning.frozen,
        added=added,
    )


@contextmanager
def training_folder(target: Path, bundle: Bundle, tuning: Tuning) -> Iterator[Path]:
    """Give the folder of a training's checkpoints, ``TARGET.training``, removed if all goes well.

    Raises:
        AutomtlError: If one lies there that another bundle or another tuning began.
    """
    folder = target.with_name(f"{target.name}.training")
    # Without the programs, which no training depends on.
    facts = repr((bundle.digest, replace(tuning, formats=())))
    identity: dict[str, object] = {"begun_by": digest_bytes(facts.encode())}
    said = folder / "begun_by.json"
    if said.is_file() and parse_json(said.read_bytes(), said) != identity:
        msg = "an unfinished training of another bundle or with other settings lies there"
        fix = "Repeat its command to finish it, or remove the folder to begin anew"
        raise AutomtlError(msg, where=str(folder), fix=fix)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(said, identity)
    yield folder
    shutil.rmtree(folder)


def labelled_tasks(tasks: Sequence[str], data: SplitData) -> tuple[str, ...]:
    """Return those of ``tasks`` that both the train and the validation split have labels of."""
    tables = data.train, data.validation
    return tuple(task for task in tasks if all(table.labelled(task).any() for table in tables))


def require_labels(tasks: Sequence[str], data: SplitData, *, fix: str) -> None:
    """Raise :class:`DataError` unless both splits have labels of all ``tasks``."""
    missing = [task for task in tasks if task not in labelled_tasks(tasks, data)]
    if missing:
        msg = f"the train and validation splits do not both have labels of {', '.join(missing)}"
        raise DataError(msg, fix=fix)


def require_size(old: DataInfo, data: SplitData) -> None:
    """Raise :class:`DataError` unless the frames have the size that the network takes."""
    if data.info.image_size != old.image_size:
        msg = (
            f"the frames are {data.info.image_size}, the model takes {old.image_size} "
            "(height, width)"
        )
        raise DataError(msg, fix="Load the data in the model's size: bundle.info.image_size")


def _is_among(part: str, tasks: Sequence[str]) -> bool:
    kind, _, name = part.partition(":")
    return kind not in {"head", "branch"} or name in tasks
