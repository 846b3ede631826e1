"""Which trainings are cut short, and at which epochs that is decided."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from automtl.config import Frozen, OptimizerConfig
from automtl.space.parameter import Parameter, corners_of
from automtl.space.paths import nested

EPOCHS = "optimizer.epochs"


class NoStopping(Frozen):
    """Every trial is trained to its end."""

    kind: Literal["none"] = "none"


class PromotionStopping(Frozen):
    """Trials pause at rungs; only the best of a rung go on.

    Attributes:
        eta: One in so many goes on from a rung. Where a rung turns out to say little about the
            end, more do.
        rungs: Epochs at which trials pause, ascending; empty means the number of epochs divided
            by ``eta`` again and again.
        ties: What orders trials of the same front: ``hypervolume`` that a trial adds, or
            ``spread``, its distance from those that come before it.
    """

    kind: Literal["promotion"] = "promotion"
    eta: Annotated[float, Field(gt=1)] = 3.0
    rungs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    ties: Literal["hypervolume", "spread"] = "hypervolume"

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if any(low >= high for low, high in pairwise(self.rungs)):
            msg = f"`rungs` must ascend, found {list(self.rungs)}"
            raise ValueError(msg)
        return self


EarlyStopping = Annotated[NoStopping | PromotionStopping, Field(discriminator="kind")]


def rungs_of(stopping: EarlyStopping, epochs: int) -> tuple[int, ...]:
    """Return the epochs at which trials are compared, ascending, for trainings of ``epochs``."""
    match stopping:
        case NoStopping():
            return ()
        case PromotionStopping(rungs=stated, eta=eta):
            return stated or rungs_for(epochs, eta)


def rungs_for(epochs: int, eta: float) -> tuple[int, ...]:
    """Divide a training again and again, down to its first epochs.

    >>> rungs_for(52, 3)
    (2, 6, 17)
    >>> rungs_for(1, 3)
    ()
    """
    found: set[int] = set()
    share = epochs / eta
    while share >= 1:
        found.add(round(share))
        share /= eta
    return tuple(sorted(found - {epochs}))


def longest_training(base: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> int:
    """Return the epochs of the longest training of a recipe.

    Args:
        base: Partial configuration, keys may be dotted.
        parameters: By path.
    """
    if EPOCHS in parameters:
        return max(int(value) for value in corners_of(parameters[EPOCHS]))
    return OptimizerConfig.model_validate(nested(base).get("optimizer", {})).epochs
