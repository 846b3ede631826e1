"""What a search is compared with: its networks for one task, and two ways to train all tasks."""

from collections.abc import Callable, Mapping, Sequence

from automtl.config import (
    FixedWeighting,
    JointSchedule,
    SharingConfig,
    StagedSchedule,
    TrialConfig,
    single_task,
)
from automtl.config.stages import TRUNK, Stage
from automtl.results import TrialRecord
from automtl.space.parameter import Parameter, matches
from automtl.space.parameter_base import Scalar
from automtl.space.parts import STAGES_OF_STAGED
from automtl.space.search_space import SearchSpace

OF_SEVERAL = ("sharing.", "weighting.", "schedule.")
"""Parameters that say nothing to a network of one task, and that named baselines state."""

Remembered = Callable[[str, int], Mapping[str, Scalar] | None]
"""Returns the point that the same search of a task had at a turn, from 0, in another study."""


BASELINE = "baseline:"
"""What stands before the name in a baseline's origin."""


def nothing_remembered(task: str, turn: int) -> None:
    """Remember no other study."""
    del task, turn


def turn_of(record: TrialRecord, history: Sequence[TrialRecord]) -> int:
    """Return a trial's place, from 0, among those of the same origin."""
    return sum(r.origin == record.origin for r in history[: record.number])


def baseline_of(name: str, space: SearchSpace) -> tuple[Mapping[str, Scalar], TrialConfig]:
    """Return the point and the configuration of a baseline, or of the first training of one.

    Args:
        name: A task, ``equal_weights`` or ``staged``.
        space: Of the search.
    """
    default = space.default_point()
    point = {key: default[key] for key in _kept(space) if key in default}
    config = space.config_of(default)
    match name:
        case "equal_weights":
            return point, _all_shared(config)
        case "staged":
            return point, _in_stages(_all_shared(config))
        case task:
            return point, single_task(config, task)


def alone(space: SearchSpace, task: str) -> SearchSpace:
    """Return the search for the best network of one task, among those of ``space``.

    Its objective is the first one that is a metric of the task. A parameter that exists under a
    condition on the sharing, the weighting or the schedule is kept where the default meets it.
    """
    return SearchSpace(
        parameters=_kept(space),
        objectives=tuple(o for o in space.objectives if o.metric.startswith(f"{task}/"))[:1],
        base=single_task(space.config_of(space.default_point()), task),
    )


def _kept(space: SearchSpace) -> dict[str, Parameter]:
    default = space.default_point()
    kept: dict[str, Parameter] = {}
    for name, parameter in space.parameters.items():
        stated = {parent: v for parent, v in parameter.when.items() if parent not in kept}
        if not name.startswith(OF_SEVERAL) and matches(stated, default):
            inner = {parent: v for parent, v in parameter.when.items() if parent in kept}
            kept[name] = parameter.model_copy(update={"when": inner})
    return kept


def _all_shared(config: TrialConfig) -> TrialConfig:
    return config.model_copy(
        update={
            "sharing": SharingConfig.model_validate({"order": config.tasks}),
            "weighting": FixedWeighting(weights=dict.fromkeys(config.tasks, 1.0)),
            "schedule": JointSchedule(),
        }
    )


def _in_stages(config: TrialConfig) -> TrialConfig:
    first = "detection" if "detection" in config.tasks else config.tasks[0]
    others = tuple(task for task in config.tasks if task != first)
    epochs = config.optimizer.epochs // STAGES_OF_STAGED
    stages = (
        Stage(tasks=(first,), epochs=epochs),
        Stage(tasks=others, frozen=(TRUNK,), epochs=epochs),
        Stage(),
    )
    return config.model_copy(update={"schedule": StagedSchedule(stages=stages)})
