"""The small parts of a recipe."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from automtl.config import Frozen


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

    Baselines and replicates do not count.

    Attributes:
        trials: Trials proposed.
        minutes: Wall-clock minutes.
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
    """

    cpu: Annotated[float, Field(gt=0)] = 1.0
    gpu: Annotated[float, Field(ge=0)] = 0.0
    max_silence_minutes: Annotated[float, Field(gt=0)] = 60.0
    min_free_gb: Annotated[float, Field(ge=0)] = 1.0

    @property
    def share(self) -> dict[str, float]:
        """CPUs and GPUs of one trial."""
        return {"cpu": self.cpu, "gpu": self.gpu}


class Baselines(Frozen):
    """Trials to compare with, which do not compete for the front.

    Attributes:
        single_task: Tasks that the default configuration is trained for alone.
        equal_weights: Whether the default configuration is trained with equal fixed weights.
    """

    single_task: tuple[str, ...] = ()
    equal_weights: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What comes after ``baseline:`` in the origin of these trials."""
        return (*self.single_task, *(("equal_weights",) if self.equal_weights else ()))
