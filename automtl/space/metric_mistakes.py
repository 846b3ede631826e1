"""Objectives and limits on metrics that no training reports: every trial would fail by them."""

from collections.abc import Collection, Iterator, Sequence

from automtl.config.metrics import FREE_METRICS, reported_metrics
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
