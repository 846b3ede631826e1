"""Objectives and limits that no trial can meet: metrics nobody reports, goals turned round."""

from collections.abc import Collection, Iterator, Sequence

from automtl.config.metrics import FREE_METRICS, goal_of, reported_metrics
from automtl.results import Objective
from automtl.space.generalcheck import Parts
from automtl.space.mistakes import Mistake, suggestion


def metric_mistakes(parts: Parts, tasks: Sequence[str], own: Collection[str]) -> Iterator[Mistake]:
    """Yield a mistake for each.

    Args:
        parts: Of the recipe.
        tasks: Those of the search, built-in or not.
        own: Tasks of the user's own, whose metrics only their code knows.
    """
    known = reported_metrics(tasks)
    free = (*FREE_METRICS, *(f"{task}/" for task in own))
    asked = [(("objectives", i), o.metric) for i, o in parts.objectives.items()]
    asked += [(("constraints", i), limit.metric) for i, limit in parts.constraints.items()]
    for path, metric in asked:
        if metric not in known and not metric.startswith(free):
            what = f"no trial will report `{metric}`{_why(metric, tasks)}"
            yield Mistake(path=(*path, "metric"), what=what, fix=_fix(metric, known))
    for i, objective in parts.objectives.items():
        if not objective.metric.startswith(tuple(f"{task}/" for task in own)):
            yield from _goal(i, objective)


def _goal(i: int, objective: Objective) -> Iterator[Mistake]:
    """Yield what a search would be after that nobody is: the worst models, or no volume at all."""
    metric, goal, reference = objective.metric, goal_of(objective.metric), objective.reference
    if goal is None:
        return
    if objective.goal != goal:
        what = f"`{metric}` is better where it is {'larger' if goal == 'maximize' else 'smaller'}"
        yield Mistake(path=("objectives", i, "goal"), what=what, fix=f"Use `goal: {goal}`")
    elif reference is not None and _is_best(reference, goal):
        what = f"no `{metric}` is better than the `reference` {reference:g}"
        fix = "It is the worst value that counts for the hypervolume: use one that trials surpass"
        yield Mistake(path=("objectives", i, "reference"), what=what, fix=fix)


def _is_best(reference: float, goal: str) -> bool:
    return reference >= 1 if goal == "maximize" else reference <= 0


def _why(metric: str, tasks: Sequence[str]) -> str:
    """Say that the metric exists, but of a task that the search does not have."""
    task = metric.partition("/")[0]
    others = [t for t in (task, "detection", "tracking") if t not in tasks]
    is_known = metric in reported_metrics([*tasks, *others])
    lacking = "detection and tracking" if task in tasks else task
    return f": it takes {lacking}, the search has {', '.join(tasks)}" if is_known else ""


def _fix(metric: str, known: Sequence[str]) -> str:
    task = metric.partition("/")[0]
    near = suggestion(metric, known)
    of_task = [name for name in known if name.startswith(f"{task}/")]
    return near or f"Known: {', '.join(of_task or known[:8])}"
