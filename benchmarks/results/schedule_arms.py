"""Question 3: joint against alternating, with few and many labels, on the same frames and apart.

Generated clips, everything shared, equal fixed weights, one learning rate for all arms (that of
the recipe). A joint step trains all tasks, an alternating one a single task, so that two
comparisons are fair, each in its way: the same number of optimizer steps, which is also the same
number of passes through the trunk, and the same number of updates of each task, for which
alternating takes as many steps more as there are tasks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from automtl.config import AlternatingSchedule, FixedWeighting, JointSchedule, TrialConfig
from automtl.sources import DataConfig, ShapesSource
from benchmarks.results.trainings import Training

N_CLIPS = 120
"""Training clips with the labels of each task, where all are used."""

N_JUDGING = (12, 60)
"""Clips of the validation and of the test split."""

FRACTIONS = (0.1, 0.3, 1.0)
LAYOUTS = ("together", "apart")
SEEDS = (0, 1, 2, 3, 4)
TRAIN_SEED = 71
"""Of the clips; no recipe and no other benchmark draws from it, nor from the two below."""

VALIDATION_SEED, TEST_SEED = 74, 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to train all tasks.

    Attributes:
        name: For people.
        schedule: Which tasks step when.
        factor: Steps of it for each step of joint training.
    """

    name: str
    schedule: JointSchedule | AlternatingSchedule
    factor: int


def ways(n_tasks: int) -> tuple[Way, ...]:
    """Return what is compared; the first is what the others are compared with."""
    return (
        Way(name="joint", schedule=JointSchedule(), factor=1),
        Way(name="alternating, as many steps", schedule=AlternatingSchedule(), factor=1),
        Way(name="alternating, as many updates", schedule=AlternatingSchedule(), factor=n_tasks),
    )


def schedule_trainings(
    default: TrialConfig,
    *,
    n_clips: int = N_CLIPS,
    n_judging: tuple[int, int] = N_JUDGING,
    seeds: Sequence[int] = SEEDS,
) -> Iterator[Training]:
    """Yield every training of the question.

    Args:
        default: What is trained, schedule, weights and number of steps apart.
        n_clips: Training clips with the labels of a task, at a fraction of 1.
        n_judging: Clips of the validation and of the test split.
        seeds: Of the trainings.
    """
    for layout in LAYOUTS:
        for fraction in FRACTIONS:
            data = clips(default.tasks, layout, max(1, round(fraction * n_clips)), n_judging)
            for way in ways(len(default.tasks)):
                config = trained(default, way)
                for seed in seeds:
                    yield Training(
                        arm=arm_of(layout, fraction, way.name),
                        config=config,
                        data=data,
                        root=None,
                        seed=seed,
                    )


def arm_of(layout: str, fraction: float, way: str) -> str:
    """Return the name of an arm.

    >>> arm_of("apart", 0.1, "joint")
    'labels apart, 10 %: joint'
    """
    return f"labels {layout}, {fraction:.0%}: {way}".replace("%", " %")


def clips(
    tasks: Sequence[str], layout: str, n_clips: int, n_judging: tuple[int, int] = N_JUDGING
) -> DataConfig:
    """Return data in which each task has labels on ``n_clips`` clips.

    Args:
        tasks: The tasks.
        layout: ``together``, all on the same clips; ``apart``, each task's on clips of its own.
        n_clips: How many for each task.
        n_judging: Clips of the validation and of the test split.
    """
    if layout == "together":
        train: tuple[ShapesSource, ...] = (ShapesSource(clips=n_clips, seed=TRAIN_SEED),)
    else:
        train = tuple(
            ShapesSource(
                clips=n_clips,
                seed=TRAIN_SEED + place,
                label_dropout={other: 1.0 for other in tasks if other != task},
            )
            for place, task in enumerate(tasks)
        )
    return DataConfig(
        train=train,
        validation=(ShapesSource(clips=n_judging[0], seed=VALIDATION_SEED),),
        test=(ShapesSource(clips=n_judging[1], seed=TEST_SEED),),
    )


def trained(default: TrialConfig, way: Way) -> TrialConfig:
    """Return the configuration of a way: equal weights, as many steps as it takes."""
    optimizer = default.optimizer
    n_steps = way.factor * optimizer.steps_per_epoch
    return default.model_copy(
        update={
            "schedule": way.schedule,
            "weighting": FixedWeighting(weights=dict.fromkeys(default.tasks, 1.0)),
            "optimizer": optimizer.model_copy(update={"steps_per_epoch": n_steps}),
        }
    )
