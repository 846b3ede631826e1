"""Each trial against the single-task trials of the same study."""

from collections.abc import Mapping, Sequence

from automtl.analysis.delta import DeltaM, TaskMetrics, delta_m
from automtl.config import TrialConfig
from automtl.results import TrialRecord, TrialStatus

BASELINE = "baseline:"


def deltas_of(history: Sequence[TrialRecord]) -> dict[int, DeltaM]:
    """Compare every trial with the best single-task trial of each of its tasks.

    Returns:
        By number; a trial without values, or with a task that has no single-task trial, is left
        out, and so are the single-task trials themselves.
    """
    rivals = [r for r in history if r.origin.startswith(BASELINE) and _has_ended(r)]
    if not rivals:
        return {}
    found = {}
    for record in history:
        if record.origin.startswith(BASELINE) or not _has_ended(record):
            continue
        tasks = _tasks_of(record)
        delta = delta_m(record.values, _best(rivals, tasks), tasks)
        if delta is not None:
            found[record.number] = delta
    return found


def _has_ended(record: TrialRecord) -> bool:
    return record.status is TrialStatus.COMPLETED and bool(record.values)


def _tasks_of(record: TrialRecord) -> dict[str, TaskMetrics]:
    # Tasks bring torch with them, and a study without baselines has no use for it.
    from automtl.tasks.choose import task_named

    try:
        config = TrialConfig.from_plain(record.config)
    except ValueError:  # another program's trainable: its configuration is free
        return {}
    tasks = {name: task_named(name, config.imports) for name in config.tasks}
    return {
        name: TaskMetrics(metrics=task.metrics, smaller_is_better=task.smaller_is_better)
        for name, task in tasks.items()
    }


def _best(
    rivals: Sequence[TrialRecord], tasks: Mapping[str, TaskMetrics]
) -> dict[str, Mapping[str, float]]:
    """Return, by task, the values of the single-task trial with the best primary metric."""
    best: dict[str, Mapping[str, float]] = {}
    for record in rivals:
        task = record.origin.removeprefix(BASELINE)
        if task not in tasks:
            continue
        primary = tasks[task].metrics[0]
        if task not in best or record.values.get(primary, -1.0) > best[task].get(primary, -1.0):
            best[task] = record.values
    return best
