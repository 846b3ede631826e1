"""Question 3: joint against alternating, with few and many labels, on the same frames and apart.

Everything shared, equal fixed weights. A joint step trains all tasks, an alternating one a single
task, so that two comparisons are fair, each in its way: the same number of optimizer steps, which
is also the same number of passes through the trunk, and the same number of updates of each task,
for which alternating takes as many steps more as there are tasks. Each way has the learning rate
that is best for it on the validation split, tried with a seed that is not used afterwards.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl.config import AlternatingSchedule, FixedWeighting, JointSchedule, TrialConfig
from benchmarks.results.datasets import default_of
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.schedule_data import (
    ALL,
    ALL_CLIPS,
    FRACTIONS,
    LAYOUTS,
    ClipCounts,
    data_of,
    layouts_of,
)
from benchmarks.results.trainings import Outcome, Training

QUESTION = "schedule"
EPOCHS, STEPS_PER_EPOCH = 4, 100
"""Of joint training: two thirds of what `quickstart` takes, some 20 s of one core."""

SEEDS = (0, 1, 2, 3, 4)
RATES = (0.5, 1.0, 2.0)
"""What multiplies the recipe's learning rate."""

RATE_SEED = 1_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is trained and judged.

    Attributes:
        epochs: Of a training.
        steps: Of an epoch of joint training.
        clips: How many clips are generated.
        seeds: Of the trainings that are compared.
        rates: What multiplies the learning rate where that is chosen.
    """

    epochs: int = EPOCHS
    steps: int = STEPS_PER_EPOCH
    clips: ClipCounts = ALL_CLIPS
    seeds: Sequence[int] = SEEDS
    rates: Sequence[float] = RATES

    def n_steps(self, way: Way) -> int:
        """Return the optimizer steps of a way, which are its passes through the trunk, too."""
        return self.epochs * self.steps * way.factor

    def n_updates(self, way: Way) -> int:
        """Return how often each task is trained, up to one."""
        n_turns = 1 if isinstance(way.schedule, JointSchedule) else len(PRIMARIES)
        return self.n_steps(way) // n_turns


FULL = Size()


def ways(n_tasks: int = len(PRIMARIES)) -> tuple[Way, ...]:
    """Return what is compared; the first is what the others are compared with."""
    return (
        Way(name="joint", schedule=JointSchedule(), factor=1),
        Way(name="alternating, as many steps", schedule=AlternatingSchedule(), factor=1),
        Way(name="alternating, as many updates", schedule=AlternatingSchedule(), factor=n_tasks),
    )


def rate_trainings(dataset: str, root: Path | None, size: Size = FULL) -> Iterator[Training]:
    """Yield what chooses each way's learning rate; the test split is not loaded."""
    data = data_of(dataset, LAYOUTS[0], ALL, size.clips).model_copy(update={"test": ()})
    for way in ways():
        for factor in size.rates:
            yield Training(
                question=QUESTION,
                dataset=dataset,
                cell=f"rates of {way.name}",
                arm=rate_arm(way.name, factor),
                config=trained(default_of(dataset), way, size, factor),
                data=data,
                root=root,
                seed=RATE_SEED,
            )


def rate_arm(way: str, factor: float) -> str:
    """Return the name of a training that is one of a way's rates.

    >>> rate_arm("joint", 0.5)
    'rate x 0.5: joint'
    """
    return f"rate x {factor:g}: {way}"


def chosen_rates(
    dataset: str, outcomes: Iterable[Outcome], size: Size = FULL
) -> dict[str, float] | None:
    """Return by way which factor on the learning rate the validation split prefers.

    Args:
        dataset: Of which the outcomes are.
        outcomes: Those of :func:`rate_trainings`.
        size: Which factors were tried.

    Returns:
        None where a training is missing.
    """
    scores = {
        one.arm: statistics.mean(one.validation[metric] for metric in PRIMARIES)
        for one in outcomes
        if one.dataset == dataset
    }
    names = [way.name for way in ways()]
    if any(rate_arm(name, factor) not in scores for name in names for factor in size.rates):
        return None
    return {
        name: max(size.rates, key=lambda factor: scores[rate_arm(name, factor)]) for name in names
    }


def schedule_trainings(
    dataset: str, root: Path | None, rates: Mapping[str, float], size: Size = FULL
) -> Iterator[Training]:
    """Yield every training of the question, what matters most first: all labels, then few.

    Args:
        dataset: Its name.
        root: Folder below which its paths lie.
        rates: By way, the factor on the learning rate.
        size: How much is trained.
    """
    for cells in order_of(dataset):
        for seed in size.seeds:
            for layout, fraction in cells:
                data = data_of(dataset, layout, fraction, size.clips)
                for way in ways():
                    yield Training(
                        question=QUESTION,
                        dataset=dataset,
                        cell=cell_of(layout, fraction),
                        arm=arm_of(layout, fraction, way.name),
                        config=trained(default_of(dataset), way, size, rates[way.name]),
                        data=data,
                        root=root,
                        seed=seed,
                    )


def order_of(dataset: str) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Return layouts and fractions in groups; a group's seeds are done before the next group's."""
    few = [fraction for fraction in FRACTIONS if fraction != ALL]
    first, *others = layouts_of(dataset)
    alone = [((first, fraction),) for fraction in (ALL, *few)]
    return (*alone, *(tuple((one, f) for f in (ALL, *few)) for one in others))


def cell_of(layout: str, fraction: float) -> str:
    """Return the name of what is compared with one another.

    >>> cell_of("apart", 0.1)
    'labels apart, 10 %'
    """
    return f"labels {layout}, {fraction:.0%}".replace("%", " %")


def arm_of(layout: str, fraction: float, way: str) -> str:
    """Return the name of an arm.

    >>> arm_of("apart", 0.1, "joint")
    'labels apart, 10 %: joint'
    """
    return f"{cell_of(layout, fraction)}: {way}"


def trained(default: TrialConfig, way: Way, size: Size, rate: float) -> TrialConfig:
    """Return the configuration of a way: equal weights, its number of steps, its own rate."""
    optimizer = default.optimizer.model_copy(
        update={
            "epochs": size.epochs,
            "steps_per_epoch": way.factor * size.steps,
            "lr": rate * default.optimizer.lr,
        }
    )
    return default.model_copy(
        update={
            "schedule": way.schedule,
            "weighting": FixedWeighting(weights=dict.fromkeys(default.tasks, 1.0)),
            "optimizer": optimizer,
        }
    )
