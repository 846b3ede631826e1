"""Mistakes in a recipe's baselines that take the rest of the recipe to see."""

from collections.abc import Iterator, Sequence

from automtl.results import Objective
from automtl.space.mistakes import Mistake, suggestion
from automtl.space.parts import STAGES_OF_STAGED, Baselines


def baseline_mistakes(
    wanted: Baselines,
    *,
    tasks: Sequence[str],
    objectives: Sequence[Objective],
    epochs: int | None,
    n_stated: int,
    limit: int | None,
) -> Iterator[Mistake]:
    """Yield what is wrong.

    Args:
        wanted: The baselines.
        tasks: Those of the search.
        objectives: Those that are well formed.
        epochs: Of the default trial, if known.
        n_stated: Trials that come before the baselines.
        limit: The budget in trials, if there is one.
    """
    single = wanted.single_task
    for i, task in enumerate(single.tasks):
        path = ("baselines", "single_task", i)
        if task not in tasks:
            what = f"the baseline `{task}` is no task of this search"
            yield Mistake(path=path, what=what, fix=suggestion(task, tasks))
        elif task in single.tasks[:i]:
            yield Mistake(path=path, what=f"the baseline `{task}` is given twice")
        elif single.trials > 1 and not any(o.metric.startswith(f"{task}/") for o in objectives):
            what = f"the baseline `{task}` cannot be tuned: no objective is a metric of it"
            fix = f"Add an objective {task}/..., or leave `trials` out"
            yield Mistake(path=path, what=what, fix=fix)
    if wanted.staged and epochs is not None and epochs < STAGES_OF_STAGED:
        what = f"the baseline `staged` has {STAGES_OF_STAGED} stages and {epochs} epochs"
        fix = f"Set `optimizer.epochs` to {STAGES_OF_STAGED} or more, or leave `staged` out"
        yield Mistake(path=("baselines", "staged"), what=what, fix=fix)
    if wanted.names and limit is not None and limit <= n_stated:
        what = f"`budget.trials` {limit} is spent by the default and `enqueue` before `baselines`"
        fix = f"Use at least {n_stated + 1}"
        yield Mistake(path=("budget", "trials"), what=what, fix=fix)
    of_all = wanted.names[len(single.tasks) :]
    if len(tasks) == 1 and of_all:
        what = f"the baseline `{of_all[0]}` needs two tasks, this search has {tasks[0]} alone"
        yield Mistake(path=("baselines", of_all[0]), what=what)
