"""How large, how long, how many: a search that fits the frames and the machine."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.config.backbones import N_STAGES
from automtl.discovery.machine import BATCH, Machine, step_s
from automtl.discovery.splits import Splits

MULTIPLE = 16
AREA = {"cpu": 144 * 192, "gpu": 384 * 512}
"""Pixels of a network's input: what a trial of minutes can look at."""

EPOCHS = 4
FEWEST_STEPS, MOST_STEPS = 20, 400
FEWEST_TRIALS, MOST_TRIALS = 4, 100
EVALUATION_AND_START = 1.25

Timer = Callable[[TrialConfig, int], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the recipe says besides the data.

    Attributes:
        machine: Where trials run.
        config: The default trial.
        n_stages: Of its backbone.
        step_s: Measured seconds of a step.
        n_trials: Budget.
    """

    machine: Machine
    config: TrialConfig
    n_stages: int
    step_s: float
    n_trials: int

    @property
    def trial_s(self) -> float:
        """Estimated seconds of one trial."""
        optimizer = self.config.optimizer
        return optimizer.epochs * optimizer.steps_per_epoch * self.step_s * EVALUATION_AND_START

    @property
    def minutes(self) -> float:
        """Estimated minutes of the search."""
        return math.ceil(self.n_trials / self.machine.slots) * self.trial_s / 60


def plan(
    splits: Splits, n_classes: int, machine: Machine, *, minutes: float, timer: Timer | None = None
) -> Plan:
    """Choose picture size, epochs, steps and trials.

    Args:
        splits: Frames and tasks.
        n_classes: The most of a task.
        machine: Where trials run.
        minutes: How long the search may take.
        timer: Seconds of a step; None measures.
    """
    config = _default(splits, machine)
    measured = (
        step_s(config, n_classes, on_gpu=machine.n_gpus > 0)
        if timer is None
        else timer(config, n_classes)
    )
    whole = Plan(
        machine=machine,
        config=config,
        n_stages=N_STAGES[config.backbone.name],
        step_s=measured,
        n_trials=1,
    )
    rounds = max(1, int(60 * minutes / whole.trial_s))
    n_trials = min(MOST_TRIALS, max(FEWEST_TRIALS, rounds * machine.slots))
    return Plan(
        machine=machine,
        config=config,
        n_stages=whole.n_stages,
        step_s=measured,
        n_trials=n_trials,
    )


def _default(splits: Splits, machine: Machine) -> TrialConfig:
    sizes = [use.labelled.frames.size for use in splits.train]
    size = image_size(sizes, AREA["gpu" if machine.n_gpus else "cpu"])
    n_frames = sum(use.n_frames for use in splits.train)
    n_steps = min(MOST_STEPS, max(FEWEST_STEPS, math.ceil(n_frames / BATCH)))
    backbone = BackboneConfig(image_size=size)
    if machine.has_weights:
        backbone = BackboneConfig(name="mobilenet_v2", weights="imagenet", image_size=size)
    default = TrialConfig()
    optimizer = default.optimizer.model_copy(
        update={
            "lr": 1e-3 if machine.has_weights else 3e-3,
            "batch_size": BATCH,
            "epochs": EPOCHS,
            "steps_per_epoch": n_steps,
            "precision": "auto",
        }
    )
    n_splits = len(splits.tasks) - 1
    return TrialConfig(
        backbone=backbone,
        sharing=SharingConfig(
            order=splits.tasks, split_after=(N_STAGES[backbone.name],) * n_splits
        ),
        heads=HeadsConfig(channels=64 if machine.n_gpus else 32),
        optimizer=optimizer,
    )


def image_size(sizes: Sequence[tuple[int, int]], area: int) -> tuple[int, int]:
    """Return height and width of about an area with the shape of the middle one of some sizes.

    >>> image_size([(360, 480)], 144 * 192), image_size([(64, 64)], 384 * 512)
    ((144, 192), (64, 64))
    """
    height, width = sorted(sizes, key=lambda size: size[0] / size[1])[len(sizes) // 2]
    factor = min(1.0, math.sqrt(area / (height * width)))
    rows, columns = (
        max(MULTIPLE, round(side * factor / MULTIPLE) * MULTIPLE) for side in (height, width)
    )
    return rows, columns
