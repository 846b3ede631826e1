"""Question 6: a further task on a frozen trunk, and more data, against training anew.

A bundle of boxes and masks gets the task of tracking, whose labels are few or many; a bundle that
was trained on few clips is trained on with all of them. Beside each stands what training anew
reaches in as many steps, and in four times as many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl.config import FixedWeighting, SharingConfig, TrialConfig, single_task
from automtl.sources import DataConfig
from benchmarks.results.continuing import Begun
from benchmarks.results.datasets import default_of
from benchmarks.results.schedule_arms import EPOCHS, STEPS_PER_EPOCH
from benchmarks.results.schedule_data import (
    ALL,
    ALL_CLIPS,
    FRACTIONS,
    LAYOUTS,
    ClipCounts,
    data_of,
)
from benchmarks.results.trainings import Training

QUESTION = "further"
ADDED = "tracking"
FEW = FRACTIONS[0]
PART = 4
"""A short training takes one step for so many of a long one."""

SEEDS = (200, 201, 202, 203, 204)
ANEW = "anew, all steps"
ANEW_SHORT = "anew, a quarter of the steps"
"""What the other arms of a cell are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is trained and judged.

    Attributes:
        epochs: Of a training.
        steps: Of an epoch of a long one.
        clips: How many clips are generated.
        seeds: Of the trainings.
    """

    epochs: int = EPOCHS
    steps: int = STEPS_PER_EPOCH
    clips: ClipCounts = ALL_CLIPS
    seeds: Sequence[int] = SEEDS


FULL = Size()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is compared with one another.

    Attributes:
        name: For people.
        metrics: What it is judged by on the test split.
        arms: By name, the configuration and what it begins with.
        data: What all arms are trained on.
    """

    name: str
    metrics: tuple[str, ...]
    arms: dict[str, tuple[TrialConfig, Begun | None]]
    data: DataConfig


def cells(dataset: str, size: Size = FULL) -> tuple[Cell, ...]:
    """Return the comparisons: the new task with all labels, with few, and more data."""
    default = default_of(dataset)
    every = default.model_copy(
        update={"weighting": FixedWeighting(weights=dict.fromkeys(default.tasks, 1.0))}
    )
    old = _without(every, ADDED)
    few, whole = (data_of(dataset, LAYOUTS[0], share, size.clips) for share in (FEW, ALL))
    before = Begun(config=_long(old, size), data=whole)
    alone = single_task(every, ADDED)
    return (
        *(
            Cell(
                name=f"a new task, {share:.0%} of its labels".replace("%", " %"),
                metrics=(f"{ADDED}/IDF1",),
                arms={
                    ANEW: (_long(alone, size), None),
                    ANEW_SHORT: (_short(alone, size), None),
                    "on the frozen trunk, a quarter of the steps": (_short(every, size), before),
                },
                data=data,
            )
            for share, data in ((ALL, whole), (FEW, few))
        ),
        Cell(
            name="more data",
            metrics=("detection/mAP", "segmentation/mIoU", "tracking/IDF1"),
            arms={
                ANEW: (_long(every, size), None),
                ANEW_SHORT: (_short(every, size), None),
                "from the bundle, a quarter of the steps": (
                    _short(every, size),
                    Begun(config=_long(every, size), data=few),
                ),
            },
            data=whole,
        ),
    )


def further_trainings(dataset: str, root: Path | None, size: Size = FULL) -> Iterator[Training]:
    """Yield every training of the question, seed by seed.

    Args:
        dataset: Its name.
        root: Folder below which its paths lie.
        size: How much is trained.
    """
    compared = cells(dataset, size)
    for seed in size.seeds:
        for cell in compared:
            for arm, (config, begun) in cell.arms.items():
                yield Training(
                    question=QUESTION,
                    dataset=dataset,
                    cell=cell.name,
                    arm=arm_of(cell, arm),
                    config=config,
                    data=cell.data,
                    root=root,
                    seed=seed,
                    begun=begun,
                )


def arm_of(cell: Cell, arm: str) -> str:
    """Return the name of an arm, unique within the question."""
    return f"{cell.name}: {arm}"


def _without(config: TrialConfig, task: str) -> TrialConfig:
    kept = tuple(one for one in config.tasks if one != task)
    return config.model_copy(
        update={
            "sharing": SharingConfig(order=kept),
            "weighting": FixedWeighting(weights=dict.fromkeys(kept, 1.0)),
        }
    )


def _long(config: TrialConfig, size: Size) -> TrialConfig:
    return _with_steps(config, size.epochs, size.steps)


def _short(config: TrialConfig, size: Size) -> TrialConfig:
    return _with_steps(config, size.epochs, max(1, size.steps // PART))


def _with_steps(config: TrialConfig, epochs: int, steps: int) -> TrialConfig:
    changed = config.optimizer.model_copy(update={"epochs": epochs, "steps_per_epoch": steps})
    return config.model_copy(update={"optimizer": changed})
