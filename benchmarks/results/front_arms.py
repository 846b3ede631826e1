"""Questions 1, 2 and 5: the searched front against what people do without a search.

Every arm is trained anew with seeds that the search did not see, and scored on the test split:
the members of the front; the best single-task networks that the same sampler found, at their
own width and length, at a third of the steps each (as many passes as one shared network takes) and
so narrow that all together have as many parameters as the pick; equal weights, everything shared,
joint; and hand-set stages.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from automtl.config import TrialConfig
from automtl.data.table import DataInfo
from automtl.model.cost import parameters_of_tree
from automtl.pareto import front
from automtl.picks import pick
from automtl.results import TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.deltas import deltas_of
from benchmarks.results.datasets import recipe_of
from benchmarks.results.keeping import Searched
from benchmarks.results.trainings import Training

QUESTION = "front"
SEEDS = (100, 101, 102, 103, 104)
NARROWEST = 0.05
"""Smallest width that is tried for networks of fewer parameters."""

DEFAULT_WAYS = {"equal_weights": "equal weights, joint, all shared", "staged": "hand-set stages"}
ALONE = {
    "at their own width and length": "{} alone",
    "a third of the steps each": "{} alone, a share of the passes",
    "with the searched knee's parameters": "{} alone, narrow",
}
"""What single-task networks are compared at, and the names of these arms."""


def front_trainings(
    dataset: str,
    searched: Searched,
    root: Path | None,
    *,
    recipe: Recipe | None = None,
    seeds: Sequence[int] = SEEDS,
) -> Iterator[Training]:
    """Yield every training of the questions, seed by seed.

    Args:
        dataset: Its name.
        searched: The search whose front is asked about.
        root: Folder below which the data's paths lie.
        recipe: Of the search, where it is not the data set's own.
        seeds: Of the trainings, none of them the search's.
    """
    recipe = recipe or recipe_of(dataset)
    compared = arms(recipe, searched.history, searched.info)
    for seed in seeds:
        for arm, config in compared.items():
            yield Training(
                question=QUESTION,
                dataset=dataset,
                cell=QUESTION,
                arm=arm,
                config=config,
                data=recipe.data,
                root=root,
                seed=seed,
            )


def arms(recipe: Recipe, history: Sequence[TrialRecord], info: DataInfo) -> dict[str, TrialConfig]:
    """Return what is compared, by name; the members of the front come first."""
    found = {
        front_arm(record.number): TrialConfig.from_plain(record.config)
        for record in front(history, recipe.objectives)
    }
    singles = single_configs(history)
    for task, config in singles.items():
        found[f"{task} alone"] = config
        found[f"{task} alone, a share of the passes"] = _shorter(config, len(singles))
    width = equal_width(recipe, history, singles, info)
    if width is not None:
        for task, config in singles.items():
            found[f"{task} alone, narrow"] = _at_width(config, width)
    for record in history:
        way = DEFAULT_WAYS.get(record.origin.removeprefix("baseline:"))
        if way is not None:
            found[way] = TrialConfig.from_plain(record.config)
    return found


def front_arm(number: int) -> str:
    """Return the name of a member of the front.

    >>> front_arm(7)
    'front, trial 7'
    """
    return f"front, trial {number}"


def single_configs(history: Sequence[TrialRecord]) -> dict[str, TrialConfig]:
    """Return the configuration of the best single-task network of each task."""
    by_number = {record.number: record for record in history}
    rivals = deltas_of(history).rivals
    return {
        task: TrialConfig.from_plain(by_number[number].config)
        for task, number in sorted(rivals.items())
    }


def picked(recipe: Recipe, history: Sequence[TrialRecord]) -> TrialRecord:
    """Return the trial that the knee of the searched values picks."""
    number = pick(history, recipe.objectives).number
    return next(record for record in history if record.number == number)


def equal_width(
    recipe: Recipe,
    history: Sequence[TrialRecord],
    singles: Mapping[str, TrialConfig],
    info: DataInfo,
) -> float | None:
    """Return the width at which the single-task networks together are as large as the pick.

    Returns:
        None where the backbone has no width, or no width is small enough.
    """
    if any(config.backbone.name != "tiny" for config in singles.values()) or not singles:
        return None
    wanted = picked(recipe, history).values["cost/parameters"]
    low, high = NARROWEST, max(config.backbone.width for config in singles.values())
    if _parameters(singles, low, info) > wanted:
        return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if _parameters(singles, middle, info) > wanted else (middle, high)
        )
    return round(low, 3)


def _parameters(singles: Mapping[str, TrialConfig], width: float, info: DataInfo) -> int:
    return sum(parameters_of_tree(_at_width(config, width), info) for config in singles.values())


def _at_width(config: TrialConfig, width: float) -> TrialConfig:
    backbone = config.backbone.model_copy(update={"width": width})
    return config.model_copy(update={"backbone": backbone})


def _shorter(config: TrialConfig, n_tasks: int) -> TrialConfig:
    n_steps = max(1, round(config.optimizer.steps_per_epoch / n_tasks))
    optimizer = config.optimizer.model_copy(update={"steps_per_epoch": n_steps})
    return config.model_copy(update={"optimizer": optimizer})
