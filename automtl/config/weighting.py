"""How the tasks' losses or gradients are combined."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from automtl.config.base import Part
from automtl.config.gradient_weighting import PCGradWeighting, UPGradWeighting


class FixedWeighting(Part):
    """Constant task weights; a task that is not named has weight 1."""

    kind: Literal["fixed"] = "fixed"
    weights: Mapping[str, Annotated[float, Field(ge=0)]] = {}

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse weights of unknown tasks, and weights that leave nothing to train."""
        unknown = sorted(set(self.weights) - set(tasks))
        if unknown:
            msg = f"`weighting.weights` names {unknown}, which `sharing.order` does not"
            raise ValueError(msg)
        if self.weights and not any(self.weights.get(task, 1.0) > 0 for task in tasks):
            msg = "`weighting.weights` must leave at least one task a weight above 0"
            raise ValueError(msg)


class UncertaintyWeighting(Part):
    """Learned homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115)."""

    kind: Literal["uncertainty"] = "uncertainty"


WeightingConfig = Annotated[
    FixedWeighting | UncertaintyWeighting | UPGradWeighting | PCGradWeighting,
    Field(discriminator="kind"),
]
