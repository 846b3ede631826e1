"""What each question has trained: the order of the work, and how much of it there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from automtl.space.recipe import load_recipe
from benchmarks.results import front_arms, further_arms, schedule_arms, stopping_runs
from benchmarks.results.datasets import DATA_SETS, root_of
from benchmarks.results.front_arms import front_trainings
from benchmarks.results.further_arms import further_trainings
from benchmarks.results.keeping import keep, kept
from benchmarks.results.running import Share, announced, run_missing
from benchmarks.results.schedule_arms import rate_trainings, schedule_trainings
from benchmarks.results.schedule_data import ClipCounts
from benchmarks.results.schedule_section import rates_of
from benchmarks.results.study import searched, shortened
from benchmarks.results.trainings import Training
from benchmarks.search_runs import code_digest

QUICK_SEEDS = (0, 1)
AGAIN = "run the same command again"
"""What a process does that shares the work with others, and has to wait for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is asked.

    Attributes:
        schedule: Of question 3.
        stopping: Of question 4.
        further: Of question 6.
        front_seeds: Of questions 1, 2 and 5.
        front_recipes: Their searches, by data set.
        dispatcher: Of these searches.
    """

    schedule: schedule_arms.Size
    stopping: stopping_runs.Size
    further: further_arms.Size
    front_seeds: tuple[int, ...]
    front_recipes: Mapping[str, Path]
    dispatcher: str


FULL = Plan(
    schedule=schedule_arms.FULL,
    stopping=stopping_runs.FULL,
    further=further_arms.FULL,
    front_seeds=front_arms.SEEDS,
    front_recipes={name: one.recipe for name, one in DATA_SETS.items()},
    dispatcher="ray",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Where a process works, and at what.

    Attributes:
        plan: How much is asked.
        file: Where results are kept.
        folder: Of studies and pasted clips.
        datasets: Names of the data sets that are asked.
        share: What this process does of the trainings.
    """

    plan: Plan
    file: Path
    folder: Path
    datasets: tuple[str, ...]
    share: Share


def quick_plan(folder: Path) -> Plan:
    """Return a plan of minutes, which shows that all works and nothing else."""
    clips = ClipCounts(train=10, validation=1, test=1)
    return Plan(
        schedule=schedule_arms.Size(
            epochs=1, steps=3, clips=clips, seeds=QUICK_SEEDS, rates=(1.0,)
        ),
        further=further_arms.Size(epochs=1, steps=3, clips=clips, seeds=QUICK_SEEDS),
        stopping=stopping_runs.Size(n_trials=9, n_seeds=2, n_draws=20),
        front_seeds=QUICK_SEEDS,
        front_recipes={"shapes": shortened(DATA_SETS["shapes"].recipe, folder)},
        dispatcher="local",
    )


def ask_stopping(work: Work) -> None:
    """Search in virtual time, unless that was done with the present code."""
    size = work.plan.stopping
    known = kept(work.file).virtual.get(stopping_runs.QUESTION)
    if known is not None and known["code"] == code_digest():
        print("stopping: nothing to do", flush=True)
        return
    print("stopping: searches in virtual time, some minutes of one core", flush=True)
    found = stopping_runs.measured(size)
    keep(work.file, virtual={stopping_runs.QUESTION: found.to_plain()})


def ask_schedule(work: Work) -> None:
    """Choose rates, then train the ways: all labels first."""
    size = work.plan.schedule
    for name in work.datasets:
        root = root_of(name, work.folder)
        _train(work, name, list(rate_trainings(name, root, size)), "rates")
        rates = rates_of(name, kept(work.file), size)
        if rates is None:
            print(f"schedule, {name}: other parts try rates still; then {AGAIN}", flush=True)
            continue
        _train(work, name, list(schedule_trainings(name, root, rates, size)), "schedule")


def ask_front(work: Work) -> None:
    """Search, then train the front and what it is compared with by new seeds."""
    for name in work.datasets:
        path = work.plan.front_recipes[name]
        recipe = load_recipe(path)
        root = root_of(name, work.folder)
        found = kept(work.file).studies.get(recipe.name)
        if found is None and work.share.part:
            print(f"front, {name}: the first part searches; then {AGAIN}", flush=True)
            continue
        if found is None:
            folder = work.folder / recipe.name
            found = searched(path, folder, root=root, dispatcher=work.plan.dispatcher)
            keep(work.file, studies={recipe.name: found})
        seeds = work.plan.front_seeds
        _train(
            work,
            name,
            list(front_trainings(name, found, root, recipe=recipe, seeds=seeds)),
            "front",
        )


def ask_further(work: Work) -> None:
    """Train bundles further, and anew."""
    for name in work.datasets:
        root = root_of(name, work.folder)
        _train(work, name, list(further_trainings(name, root, work.plan.further)), "further")


QUESTIONS: Mapping[str, Callable[[Work], None]] = {
    "stopping": ask_stopping,
    "schedule": ask_schedule,
    "further": ask_further,
    "front": ask_front,
}
"""By name, in the order in which they are asked: what takes minutes comes first."""


def _train(work: Work, dataset: str, trainings: list[Training], what: str) -> None:
    known = kept(work.file).trainings
    said = announced(trainings, known, DATA_SETS[dataset].step_s)
    print(f"{what}, {dataset}: {said}", flush=True)
    run_missing(trainings, work.file, work.share)
