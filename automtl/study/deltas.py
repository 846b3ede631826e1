"""Each trial against the single-task trials of the same study."""

from collections.abc import Mapping, Sequence

from automtl.analysis.delta import Comparison, DeltaM, TaskMetrics, delta_m, unsteady
from automtl.config import TrialConfig
from automtl.results import TrialRecord, TrialStatus

BASELINE = "baseline:"

NO_BASELINES = "the recipe has no `baselines: {single_task: [...]}`"


def deltas_of(history: Sequence[TrialRecord]) -> Comparison:
    """Compare every trial that was trained to its end with the best single-task networks.

    The single-task networks themselves are compared with nothing, nor is what another program's
    training code reports.
    """
    ended = [r for r in history if r.status is TrialStatus.COMPLETED and r.values]
    singles = [r for r in ended if is_single(r)]
    deltas: dict[int, DeltaM] = {}
    missing: dict[int, str] = {}
    rivals: dict[str, int] = {}
    shaky: dict[str, float] = {}
    asked = any(is_single(r) for r in history)
    for record in ended:
        config = _config_of(record)
        if is_single(record) or config is None:
            continue
        if not asked:
            missing[record.number] = NO_BASELINES
            continue
        tasks = _metrics_of(config)
        best = _best(singles, tasks)
        rivals |= {task: rival.number for task, rival in best.items()}
        baselines = {task: r.values for task, r in best.items()}
        shaky |= unsteady(baselines, tasks)
        delta = delta_m(record.values, baselines, tasks)
        if delta is None:
            missing[record.number] = _why(record, tasks, best)
        else:
            deltas[record.number] = delta
    return Comparison(deltas=deltas, missing=missing, rivals=rivals, unsteady=shaky)


def is_single(record: TrialRecord) -> bool:
    """Whether a trial is a network of one task that others are compared with."""
    if not record.origin.startswith(BASELINE):
        return False
    config = _config_of(record)
    return config is not None and config.tasks == (record.origin.removeprefix(BASELINE),)


def _config_of(record: TrialRecord) -> TrialConfig | None:
    try:
        return TrialConfig.from_plain(record.config)
    except ValueError:  # another program's trainable: its configuration is free
        return None


def _metrics_of(config: TrialConfig) -> dict[str, TaskMetrics]:
    # Tasks bring torch with them, and a study without baselines has no use for it.
    from automtl.tasks.choose import task_named

    tasks = {name: task_named(name, config.imports) for name in config.tasks}
    return {
        name: TaskMetrics(metrics=task.metrics, smaller_is_better=task.smaller_is_better)
        for name, task in tasks.items()
    }


def _best(
    singles: Sequence[TrialRecord], tasks: Mapping[str, TaskMetrics]
) -> dict[str, TrialRecord]:
    """Return, by task, the single-task trial with the best primary metric, the earliest first."""
    best: dict[str, TrialRecord] = {}
    for record in singles:
        task = record.origin.removeprefix(BASELINE)
        primary = tasks[task].metrics[0] if task in tasks else None
        if primary is None or primary not in record.values:
            continue
        if task not in best or record.values[primary] > best[task].values[primary]:
            best[task] = record
    return best


def _why(
    record: TrialRecord, tasks: Mapping[str, TaskMetrics], best: Mapping[str, TrialRecord]
) -> str:
    lacking = [task for task in tasks if task not in best]
    if lacking:
        return f"no single-task network of {', '.join(lacking)} was trained to its end"
    primaries = {task: of.metrics[0] for task, of in tasks.items()}
    unknown = [metric for metric in primaries.values() if metric not in record.values]
    if unknown:
        return f"the trial reported no {', '.join(unknown)}"
    zero = [m for task, m in primaries.items() if best[task].values[m] == 0]
    return f"the single-task network reached 0 in {', '.join(zero)}"
