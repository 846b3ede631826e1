"""Splits of question 3: few and many training labels, on the same frames or on each task's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from automtl.sources import DataConfig, MotSource, ShapesSource
from benchmarks.results.datasets import default_of, recipe_of

ALL = 1.0
FRACTIONS = (0.1, 0.3, ALL)
LAYOUTS = ("together", "apart")

TRAIN_SEED = 71
"""Of the generated clips; no recipe and no other benchmark draws from it, nor from the two below.
The tasks whose labels lie apart have the seeds from it on."""

VALIDATION_SEED, TEST_SEED = 74, 75


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCounts:
    """How many clips are generated.

    Attributes:
        train: With the labels of each task, where all are used.
        validation: That select.
        test: That are looked at once.
    """

    train: int = 120
    validation: int = 12
    test: int = 60


ALL_CLIPS = ClipCounts()


def layouts_of(dataset: str) -> tuple[str, ...]:
    """Return where the tasks' labels lie: generated clips alone can be had for each task apart."""
    return LAYOUTS if dataset == "shapes" else LAYOUTS[:1]


def data_of(
    dataset: str, layout: str, fraction: float, counts: ClipCounts = ALL_CLIPS
) -> DataConfig:
    """Return the splits of a data set with a share of the training labels.

    Args:
        dataset: Its name.
        layout: ``together``, all tasks' labels on the same frames; ``apart``, each task's on
            clips of its own, which generated clips alone have.
        fraction: Of the training clips, the pasted ones being whole folders; of the one street
            clip the first frames.
        counts: How many clips are generated.
    """
    if dataset == "shapes":
        tasks = default_of(dataset).tasks
        return clips(tasks, layout, max(1, round(fraction * counts.train)), counts)
    data = recipe_of(dataset).data.model_copy(update={"label_fraction": {}})
    if dataset == "paste":
        n_folders = 1 + FRACTIONS.index(fraction)
        return data.model_copy(update={"train": data.train[:n_folders]})
    (clip,) = data.train
    assert isinstance(clip, MotSource)
    assert clip.frame_range is not None
    first, last = clip.frame_range
    n_frames = round(fraction * (last - first + 1))
    shorter = clip.model_copy(update={"frame_range": (first, first + n_frames - 1)})
    return data.model_copy(update={"train": (shorter,)})


def clips(
    tasks: Sequence[str], layout: str, n_clips: int, counts: ClipCounts = ALL_CLIPS
) -> DataConfig:
    """Return generated data in which each task has labels on ``n_clips`` clips.

    Args:
        tasks: The tasks.
        layout: ``together``, all on the same clips; ``apart``, each task's on clips of its own.
        n_clips: How many for each task.
        counts: Clips of the validation and of the test split.
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
        validation=(ShapesSource(clips=counts.validation, seed=VALIDATION_SEED),),
        test=(ShapesSource(clips=counts.test, seed=TEST_SEED),),
    )
