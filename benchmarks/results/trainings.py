"""One training of one configuration with one seed, scored on the test split when it ends.

A training's name is a digest of all that decides it, so that a run that was ended goes on with
the same command, several processes divide the work, and one that two questions ask for is done
once. Nothing reads a test value before every training of its question is there.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from automtl.config import TrialConfig, digest_of
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import AutomtlError
from automtl.export.weights import build_from
from automtl.results import Decision, TrialOrder
from automtl.sources import DataConfig
from automtl.training.artifacts import load_model
from automtl.training.evaluation import evaluate
from automtl.training.trainable import make_trainable

DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """All that decides what a training gives.

    Attributes:
        arm: What is compared, for people.
        config: Configuration of the trial.
        data: The splits.
        root: Folder below which the data's paths lie; None for generated clips.
        seed: Of the training. The data stay as they are.
    """

    arm: str
    config: TrialConfig
    data: DataConfig
    root: Path | None
    seed: int

    @property
    def key(self) -> str:
        """A digest of configuration, data and seed; where the data lie is not part of it."""
        data = self.data.model_dump(mode="json")
        return digest_of({"config": self.config.to_plain(), "data": data, "seed": self.seed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a training gave.

    Attributes:
        key: Of the training.
        arm: What was compared.
        seed: Of the training.
        validation: Values of the best epoch on the validation split, with what it cost.
        test: Values of the same weights on the test split.
        epochs: By epoch, the values of the tasks' metrics on the validation split.
        seconds: Wall time.
    """

    key: str
    arm: str
    seed: int
    validation: Mapping[str, float]
    test: Mapping[str, float]
    epochs: tuple[Mapping[str, float], ...]
    seconds: float


def run_missing(
    trainings: Iterable[Training], work: Path, *, part: int = 0, n_parts: int = 1
) -> int:
    """Train what has no file yet, and return how many of all lack one afterwards.

    Args:
        trainings: What is wanted; each key once is enough.
        work: Folder of the files.
        part: Which share of them is trained here, from 0.
        n_parts: How many processes divide them.
    """
    work.mkdir(parents=True, exist_ok=True)
    wanted = {training.key: training for training in trainings}
    mine = [training for place, training in enumerate(wanted.values()) if place % n_parts == part]
    missing = [training for training in mine if not _file(work, training).exists()]
    # Those that read the same data follow one another: reading takes longer than a step.
    for _, group in groupby(sorted(missing, key=_data_key), key=_data_key):
        some = list(group)
        splits = _splits(some[0])
        for training in some:
            outcome = train_once(training, splits)
            file = _file(work, training)
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(plain(outcome)), encoding="utf-8")
            partial.replace(file)
            print(f"{training.arm}, seed {training.seed}: {outcome.seconds:.0f} s", flush=True)
    return sum(not _file(work, training).exists() for training in wanted.values())


def read_outcomes(trainings: Iterable[Training], work: Path) -> tuple[Outcome, ...]:
    """Return the outcomes in order; each is named by the arm that asks for it.

    Raises:
        AutomtlError: If one is not there yet.
    """
    found = []
    for training in trainings:
        file = _file(work, training)
        if not file.exists():
            msg = f"{training.arm}, seed {training.seed} is not trained yet"
            raise AutomtlError(msg, fix="Run the same command without --draw")
        kept = json.loads(file.read_text(encoding="utf-8"))
        found.append(replace(outcome_of(kept), arm=training.arm))
    return tuple(found)


def plain(outcome: Outcome) -> dict[str, object]:
    """Return JSON types; :func:`outcome_of` gives the outcome back."""
    return {
        "key": outcome.key,
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


def train_once(training: Training, splits: SplitData) -> Outcome:
    """Train to the end and score the best epoch's weights on the test split.

    Raises:
        AutomtlError: If the data have no test split, or the training fails.
    """
    if splits.test is None:
        msg = "the data have no test split"
        raise AutomtlError(msg, where=training.arm, fix="Name sources in `data.test`")
    epochs: list[dict[str, float]] = []

    def report(epoch: int, values: Mapping[str, float]) -> Decision:
        del epoch
        epochs.append(
            {k: round(v, DIGITS) for k, v in values.items() if not k.startswith("cost/")}
        )
        return Decision.CONTINUE

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "trial"
        order = TrialOrder(
            number=0,
            attempt=1,
            point={},
            config=training.config.to_plain(),
            seed=training.seed,
            folder=str(folder),
            resources={"cpu": 1.0},
        )
        make_trainable(splits)(order, report)
        saved = load_model(folder)
    network = build_from(saved.config, splits.info, saved.state, where=training.arm)
    scores = evaluate(network, splits.test, splits.info, network.tasks)
    return Outcome(
        key=training.key,
        arm=training.arm,
        seed=training.seed,
        validation={name: round(value, DIGITS) for name, value in saved.values.items()},
        test={name: round(value, DIGITS) for name, value in scores.items()},
        epochs=tuple(epochs),
        seconds=round(time.monotonic() - began, 2),
    )


def _file(work: Path, training: Training) -> Path:
    return work / f"{training.key}.json"


def _data_key(training: Training) -> str:
    size = list(training.config.backbone.image_size)
    return digest_of({"data": training.data.model_dump(mode="json"), "size": size})


def _splits(training: Training) -> SplitData:
    size = training.config.backbone.image_size
    return load_data(training.data, image_size=size, root=training.root, load_test=True).splits
