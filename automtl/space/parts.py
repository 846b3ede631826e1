"""The small parts of a recipe."""

from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from automtl.config import Frozen
from automtl.config.trial import NAMED_BASELINES


class Constraint(Frozen):
    """Limits of a metric; a trial outside them is infeasible.

    Attributes:
        metric: Key in the values that a trial reports.
        min: Smallest allowed value.
        max: Largest allowed value.
    """

    metric: Annotated[str, Field(min_length=1)]
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _has_limit(self) -> Self:
        if self.min is None and self.max is None:
            msg = f"the constraint on {self.metric!r} needs `min` or `max`"
            raise ValueError(msg)
        return self


class Stall(Frozen):
    """When a search has stopped getting better.

    Attributes:
        trials: Trials looked at in a row: ended, or paused at a rung.
        gain: It goes on while they raise the hypervolume by at least this share of it.
    """

    trials: Annotated[int, Field(ge=1)] = 20
    gain: Annotated[float, Field(gt=0, le=1)] = 0.01


class Budget(Frozen):
    """When a search ends: at the first limit that is reached. Running trials are finished.

    Replicates do not count, and baselines only as minutes.

    Attributes:
        trials: Trials proposed.
        minutes: Minutes in which at least one trial ran, with the seconds between two trials. What
            lies between two runs of a search is no part of them.
        epochs: Epochs trained by all trials together. With early stopping this is what a search
            costs.
        trainings: The same in full trainings: each trial counts by the share of its own epochs.
        gpu_hours: Hours of training by all trials together, times the GPUs of one.
        stall: Ends the search before its limit, once it has stopped getting better.
    """

    trials: Annotated[int, Field(ge=1)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    trainings: Annotated[float, Field(gt=0)] | None = None
    gpu_hours: Annotated[float, Field(gt=0)] | None = None
    stall: Stall | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        limits = (self.trials, self.minutes, self.epochs, self.trainings, self.gpu_hours)
        if all(limit is None for limit in limits):
            msg = "a budget needs `trials`, `minutes` or `epochs` (or `trainings`, `gpu_hours`)"
            raise ValueError(msg)
        return self


class Resources(Frozen):
    """What one trial takes.

    Attributes:
        cpu: Cores.
        gpu: GPUs; a fraction lets trials share one.
        max_silence_minutes: A trial on Ray that reports nothing for so long counts as hung and
            is ended; more than an epoch takes. Trials in the command's own process are not
            watched.
        min_free_gb: Free space on the study's disk below which no new trial begins; running ones
            go on. 0 for no limit.
        system_metrics: Whether each report also says what the trial's process and its machine did
            (processor and memory, ``system/...``), which MLflow shows on a page of its own. Needs
            the extra ``system``.
    """

    cpu: Annotated[float, Field(gt=0)] = 1.0
    gpu: Annotated[float, Field(ge=0)] = 0.0
    max_silence_minutes: Annotated[float, Field(gt=0)] = 60.0
    min_free_gb: Annotated[float, Field(ge=0)] = 1.0
    system_metrics: bool = False

    @property
    def share(self) -> dict[str, float]:
        """CPUs and GPUs of one trial."""
        return {"cpu": self.cpu, "gpu": self.gpu}


STAGES_OF_STAGED = 3
"""One task, the others on its frozen trunk, then all."""


class SingleTask(Frozen):
    """Networks of one task each, tuned by the sampler that the search has.

    Attributes:
        tasks: Each is trained alone.
        trials: Trainings for each task. The first has the default configuration; the others
            vary the parameters but those of sharing, weighting and schedule, for the first
            objective that is a metric of the task.
    """

    tasks: tuple[str, ...] = ()
    trials: Annotated[int, Field(ge=1)] = 1


def _from_list(given: object) -> object:
    return {"tasks": given} if isinstance(given, list | tuple) else given


class Baselines(Frozen):
    """Trials to compare with, which do not compete for the front and which no budget counts.

    Attributes:
        single_task: Networks of one task each; a list of tasks means one training for each.
        equal_weights: Whether common practice is trained: equal fixed weights, jointly,
            everything shared.
        staged: Whether training in steps as YOLOP's is (Wu et al. 2022, arXiv 2108.11250: ED-S-W):
            the first task, then the others on its frozen trunk, then all, a third of the
            epochs each; everything shared, equal weights.
    """

    single_task: Annotated[
        SingleTask,
        BeforeValidator(_from_list, json_schema_input_type=tuple[str, ...] | SingleTask),
    ] = SingleTask()
    equal_weights: bool = False
    staged: bool = False

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # As it was before there was more to say: a study that began then is the same study.
        plain: dict[str, object] = write(self)
        if self.single_task.trials == 1:
            plain["single_task"] = list(self.single_task.tasks)
        return plain if self.staged else {k: v for k, v in plain.items() if k != "staged"}

    @property
    def names(self) -> tuple[str, ...]:
        """What comes after ``baseline:`` in the origin of these trials."""
        of_all = zip(NAMED_BASELINES, (self.equal_weights, self.staged), strict=True)
        return (*self.single_task.tasks, *(name for name, is_asked in of_all if is_asked))

    @property
    def n_trainings(self) -> int:
        """How many trials the baselines are."""
        single = self.single_task
        return len(single.tasks) * (single.trials - 1) + len(self.names)
