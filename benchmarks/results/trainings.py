"""One training of one configuration with one seed, scored on the test split when it ends."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from automtl.config import TrialConfig, digest_of
from automtl.data.load import load_data
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.export.weights import build_from
from automtl.model.network import MultiTaskNetwork
from automtl.results import Decision, TrialOrder
from automtl.sources import DataConfig
from automtl.training.artifacts import load_model
from automtl.training.evaluation import evaluate
from automtl.training.trainable import make_trainable
from benchmarks.results.continuing import Begun, bundle_of, continued
from benchmarks.results.versions import code_version, stated

DIGITS = 5
Trained = tuple[MultiTaskNetwork, DataInfo, Mapping[str, float]]
"""A network, what it knows of the data, and its values on the validation split."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that decides what a training gives, the code apart.

    Attributes:
        question: What asks for it.
        dataset: Name of the data set.
        cell: What is compared with one another within a question and a data set.
        arm: What is compared, for people; unique within the cell.
        config: Configuration of the trial.
        data: The splits. Without a test split only the validation split is scored.
        root: Folder below which the data's paths lie; None for generated clips.
        seed: Of the training. The data stay as they are.
        begun: The training whose bundle this one begins with; None for one from random weights.
    """

    question: str
    dataset: str
    cell: str
    arm: str
    config: TrialConfig
    data: DataConfig
    root: Path | None
    seed: int
    begun: Begun | None = None

    @cached_property
    def key(self) -> str:
        """A digest of configurations, data and seed; where the data lie is not part of it."""
        found = {"config": stated(self.config), "data": stated(self.data), "seed": self.seed}
        if self.begun is not None:
            found["begun"] = [stated(self.begun.config), stated(self.begun.data)]
        return digest_of(found)

    @cached_property
    def data_key(self) -> str:
        """A digest of the frames that are read."""
        size = list(self.config.backbone.image_size)
        return digest_of({"data": stated(self.data), "size": size})

    @property
    def n_steps(self) -> int:
        """Optimizer steps, those of the bundle that it begins with included."""
        configs = [self.config] if self.begun is None else [self.begun.config, self.config]
        return sum(one.optimizer.epochs * one.optimizer.steps_per_epoch for one in configs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a training gave.

    Attributes:
        key: Of the training.
        code: Version of the program that trained it.
        question: What asked for it.
        dataset: Name of the data set.
        arm: What was compared.
        seed: Of the training.
        validation: Values of the best epoch on the validation split, with what it cost.
        test: Values of the same weights on the test split; empty where there is none.
        epochs: By epoch, the values of the tasks' metrics on the validation split.
        seconds: Wall time.
    """

    key: str
    code: str
    question: str
    dataset: str
    arm: str
    seed: int
    validation: Mapping[str, float]
    test: Mapping[str, float]
    epochs: tuple[Mapping[str, float], ...] = field(default=())
    seconds: float


def plain(outcome: Outcome) -> dict[str, object]:
    """Return JSON types; :func:`outcome_of` gives the outcome back."""
    return {
        "key": outcome.key,
        "code": outcome.code,
        "question": outcome.question,
        "dataset": outcome.dataset,
        "arm": outcome.arm,
        "seed": outcome.seed,
        "validation": dict(outcome.validation),
        "test": dict(outcome.test),
        "epochs": [dict(epoch) for epoch in outcome.epochs],
        "seconds": outcome.seconds,
    }


def outcome_of(kept: Mapping[str, object]) -> Outcome:
    """Rebuild from :func:`plain`."""
    found = dict(kept)
    found["epochs"] = tuple(found["epochs"])  # type: ignore[arg-type]  # a list of its own making
    return Outcome(**found)  # type: ignore[arg-type]


def splits_of(training: Training) -> SplitData:
    """Read the frames of a training, the test split's too where there is one."""
    size = training.config.backbone.image_size
    return load_data(training.data, image_size=size, root=training.root, load_test=True).splits


def train_once(training: Training, splits: SplitData) -> Outcome:
    """Train to the end and score the best epoch's weights on the test split.

    Raises:
        AutomtlError: If the training fails.
    """
    epochs: list[dict[str, float]] = []

    def report(epoch: int, values: Mapping[str, float]) -> Decision:
        del epoch
        epochs.append(_rounded({k: v for k, v in values.items() if not k.startswith("cost/")}))
        return Decision.CONTINUE

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if training.begun is None:
            network, info, values = _anew(training, splits, folder, report)
        else:
            network, info, values = _further(training, training.begun, splits, folder, report)
    scores: Mapping[str, float] = {}
    if splits.test is not None:
        scores = evaluate(network, splits.test, info, network.tasks)
    return Outcome(
        key=training.key,
        code=code_version(),
        question=training.question,
        dataset=training.dataset,
        arm=training.arm,
        seed=training.seed,
        validation=_rounded(values),
        test=_rounded(scores),
        epochs=tuple(epochs),
        seconds=round(time.monotonic() - began, 2),
    )


def _anew(training: Training, splits: SplitData, folder: Path, report: Report) -> Trained:
    place = folder / "trial"
    _run(training.config, splits, training.seed, place, report)
    saved = load_model(place)
    network = build_from(saved.config, splits.info, saved.state, where=training.arm)
    return network, splits.info, saved.values


def _further(
    training: Training, begun: Begun, splits: SplitData, folder: Path, report: Report
) -> Trained:
    size = begun.config.backbone.image_size
    before = load_data(begun.data, image_size=size, root=training.root).splits
    _run(begun.config, before, training.seed, folder / "begun", _go_on)
    bundle = bundle_of(folder / "begun", folder / "bundle", seed=training.seed)
    found, values = continued(
        bundle,
        training.config,
        splits,
        seed=training.seed,
        folder=folder / "further",
        report=report,
    )
    return found.network, found.info, values


def _run(config: TrialConfig, splits: SplitData, seed: int, folder: Path, report: Report) -> None:
    order = TrialOrder(
        number=0,
        attempt=1,
        point={},
        config=config.to_plain(),
        seed=seed,
        folder=str(folder),
        resources={"cpu": 1.0},
    )
    make_trainable(splits)(order, report)


def _go_on(epoch: int, values: Mapping[str, float]) -> Decision:
    del epoch, values
    return Decision.CONTINUE


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in values.items()}
