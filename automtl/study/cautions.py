"""What a recipe allows and its author may not have meant: told, not refused."""

from collections.abc import Iterator

import numpy as np

from automtl.config import TrialConfig
from automtl.space.early_stopping import EPOCHS, longest_training
from automtl.space.parameter import corners_of
from automtl.space.recipe import Recipe
from automtl.training.schedule import course_of, phase_of_epoch


def cautions(recipe: Recipe) -> list[str]:
    """Return a line for each."""
    return [*_one_point(recipe), *_no_end(recipe), *_compared_early(recipe)]


def _one_point(recipe: Recipe) -> Iterator[str]:
    if all(len(set(corners_of(p))) == 1 for p in recipe.parameters.values()):
        yield (
            "The space is one configuration: it is trained once, whatever the budget. To see how "
            "much chance there is in it, use `replicates`"
        )


def _no_end(recipe: Recipe) -> Iterator[str]:
    """Yield a limit that leaves early stopping no time to train anything to its end.

    Behind the last rung a trial runs to its end, whatever that costs. Where epochs are searched,
    some trials may have no rung at all.
    """
    if not recipe.rungs or EPOCHS in recipe.parameters:
        return
    epochs, last = longest_training(recipe.base, recipe.parameters), recipe.rungs[-1]
    limits = (("epochs", recipe.budget.epochs, 1), ("trainings", recipe.budget.trainings, epochs))
    for key, most, epochs_of_one in limits:
        if most is not None and most * epochs_of_one <= last:
            yield (
                f"budget.{key}: {most:g} may be spent before any trial is past the last rung, "
                f"epoch {last}: one alone is then trained to its end, beyond the budget"
            )


def _compared_early(recipe: Recipe) -> list[str]:
    """Return a line for each kind of schedule that is compared too early.

    Early stopping compares trials at rungs by the metrics of all tasks. A task that has had no
    step by then has those of an untrained head, so that the trial looks worse than it is.
    """
    if not recipe.rungs:
        return []
    soonest: dict[str, int] = {}
    for config in _configs(recipe):
        kind, epoch = config.schedule.kind, first_epoch_with_all(config)
        soonest[kind] = min(epoch, soonest.get(kind, epoch))
    lines = []
    for name, epoch in soonest.items():
        blind = [str(rung) for rung in recipe.rungs if rung < epoch]
        if blind:
            lines.append(
                f"early_stopping: at epochs {', '.join(blind)} trials of `schedule.kind` {name} "
                f"are compared before every task has been trained (epoch {epoch} at the soonest), "
                f"and are left behind for it. Set `rungs` from {epoch} on, or take that kind out"
            )
    return lines


def first_epoch_with_all(config: TrialConfig) -> int:
    """Return the epoch, from 1, by which each task that is ever trained can have been.

    A schedule that waits for a plateau is taken to find one as soon as it may.
    """
    tasks, epochs = config.trained, config.optimizer.epochs
    steps = config.optimizer.steps_per_epoch
    course = course_of(config, dict.fromkeys(tasks, np.ones(1, np.bool_)), seed=0)
    first: dict[str, int] = {}
    for epoch in range(epochs):
        phase = phase_of_epoch(course, epoch, [dict.fromkeys(tasks, 0.0)] * epoch)
        if phase is None or len(first) == len(tasks):
            break
        for step in range(epoch * steps, (epoch + 1) * steps):
            for task in phase.tasks_of_step(step):
                first.setdefault(task, epoch + 1)
    return max(first.values())


def _configs(recipe: Recipe) -> Iterator[TrialConfig]:
    space = recipe.space
    yield space.config_of(space.default_point())
    for name, parameter in space.parameters.items():
        if name.startswith("schedule."):
            for value in corners_of(parameter):
                yield space.config_of(space.reaching(name, value))
