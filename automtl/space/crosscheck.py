"""What no single key can tell: whether the parts of a recipe fit one another."""

from collections.abc import Iterator

from automtl.config import BUILT_IN_TASKS, TrialConfig
from automtl.space.base import read_base
from automtl.space.baseline_mistakes import baseline_mistakes
from automtl.space.early_stopping import EPOCHS, longest_training
from automtl.space.generalcheck import Parts, general_mistakes, rung_mistakes
from automtl.space.metric_mistakes import metric_mistakes
from automtl.space.mistakes import Mistake, in_base, suggestion
from automtl.space.parameter import default_of
from automtl.space.paths import FREE, known_paths
from automtl.space.pointcheck import point_mistakes


def cross_mistakes(parts: Parts) -> list[Mistake]:
    """Return all that does not fit together, as far as one mistake does not hide another."""
    base = read_base(parts.base)
    found = [
        *base.mistakes,
        *general_mistakes(parts),
        *_tasks(parts, base.with_tasks),
        *_paths(parts, base.with_tasks),
        *_metrics(parts, base.with_tasks),
        *_baselines(parts, base.whole),
        *_rungs(parts, base.whole),
        *_fractions(parts, base.with_tasks),
    ]
    if base.config is not None:
        found += point_mistakes(parts, base.config, broken=_lacking(base.broken), known=found)
    return found


def _lacking(broken: frozenset[str]) -> frozenset[str]:
    """Return the parts that cannot be judged: weights and turns are told by the tasks."""
    of_tasks = {"weighting", "schedule", "sharing"}
    return broken | of_tasks if broken & {"sharing", "imports"} else broken


def _tasks(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    if base is None:
        return
    known = (*BUILT_IN_TASKS, *base.imports)
    for i, name in enumerate(base.tasks):
        if name not in known:
            what = f"no task is called `{name}`"
            path = in_base(("sharing", "order", i), parts.base)
            yield Mistake(path=path, what=what, fix=suggestion(name, known))


def _paths(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    known = known_paths() if base is None else known_paths(base.tasks)
    for name in sorted(parts.names - set(known)):
        if name.startswith(FREE):
            continue
        what = f"`{name}` is not part of a trial's configuration"
        yield Mistake(path=("parameters", name), what=what, fix=suggestion(name, known))


def _metrics(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    # A chain that is searched may have any task; where it is not known, neither are its metrics.
    if "sharing.order" in parts.names:
        yield from metric_mistakes(parts, BUILT_IN_TASKS, () if base is None else base.imports)
    elif base is not None:
        unknown = [t for t in base.tasks if t not in BUILT_IN_TASKS]
        yield from metric_mistakes(parts, base.tasks, (*base.imports, *unknown))


def _baselines(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    if parts.baselines is None:
        return
    varied = parts.parameters.get(EPOCHS)
    epochs = default_of(varied) if varied is not None else base and base.optimizer.epochs
    yield from baseline_mistakes(
        parts.baselines,
        tasks=BUILT_IN_TASKS if base is None else base.tasks,
        objectives=tuple(parts.objectives.values()),
        epochs=epochs if isinstance(epochs, int) else None,
        n_stated=1 + len(parts.enqueue),
        limit=None if parts.budget is None else parts.budget.trials,
    )


def _rungs(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    is_open = base is None or (EPOCHS in parts.names and EPOCHS not in parts.parameters)
    if not is_open:
        yield from rung_mistakes(parts, longest_training(parts.base, parts.parameters))


def _fractions(parts: Parts, base: TrialConfig | None) -> Iterator[Mistake]:
    tasks = BUILT_IN_TASKS if base is None else base.tasks
    for task in parts.fractions:
        if task not in tasks:
            what = f"`label_fraction` names `{task}`, which is no task of this search"
            path = ("data", "label_fraction", task)
            yield Mistake(path=path, what=what, fix=suggestion(task, tasks))
