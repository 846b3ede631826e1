"""How the tasks' losses or gradients are combined."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from automtl.config.base import Part, refuse_unknown_tasks
from automtl.config.gradient_weighting import GradientWeightingConfig, Place
from automtl.plain import PlacedError


class FixedWeighting(Part):
    """Constant task weights.

    Attributes:
        weights: By task; one that is not named has weight 1.
    """

    kind: Literal["fixed"] = "fixed"
    weights: Mapping[str, Annotated[float, Field(ge=0)]] = {}

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse weights of unknown tasks, and weights that leave nothing to train."""
        refuse_unknown_tasks(self.weights, tasks, where="weighting.weights")
        if self.weights and not any(self.weights.get(task, 1.0) > 0 for task in tasks):
            msg = "`weighting.weights` must leave at least one task a weight above 0"
            raise PlacedError(msg, ("weighting", "weights"))


class UncertaintyWeighting(Part):
    """Learned homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115)."""

    kind: Literal["uncertainty"] = "uncertainty"


class IMTLLWeighting(Part):
    """IMTL-L: learned scales that bring the losses to one level (Liu et al. 2021, ICLR)."""

    kind: Literal["imtl_l"] = "imtl_l"


class RLWWeighting(Part):
    """RLW: new random weights at every step (Lin et al. 2021, arXiv 2111.10603)."""

    kind: Literal["rlw"] = "rlw"


class GeometricMeanWeighting(Part):
    """The geometric mean of the losses (Chennupati et al. 2019, CVPR workshops)."""

    kind: Literal["geometric_mean"] = "geometric_mean"


class STCHWeighting(Part):
    """Smooth Tchebycheff: a soft maximum of the losses (Lin et al. 2024, arXiv 2402.19078).

    Attributes:
        mu: The smaller, the nearer to the maximum; in units of the weighted losses.
        weights: Preference of each task; a task that is not named has 1.
    """

    kind: Literal["stch"] = "stch"
    mu: float = Field(default=1.0, gt=0)
    weights: Mapping[str, Annotated[float, Field(gt=0)]] = {}

    @override
    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Refuse weights of unknown tasks."""
        refuse_unknown_tasks(self.weights, tasks, where="weighting.weights")


class DWAWeighting(Part):
    """DWA: more weight for losses that fall slowly (Liu et al. 2019, arXiv 1803.10704).

    Attributes:
        temperature: The larger, the nearer to equal weights.
    """

    kind: Literal["dwa"] = "dwa"
    temperature: float = Field(default=2.0, gt=0)


class FAMOWeighting(Part):
    """FAMO: learned so that all losses fall at one rate (Liu et al. 2023, arXiv 2306.03792).

    Attributes:
        lr: Of the weights' own Adam.
        weight_decay: Pulls the weights together.
    """

    kind: Literal["famo"] = "famo"
    lr: float = Field(default=0.025, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)


class GradNormWeighting(Part):
    """GradNorm: gradients of one length, learned (Chen et al. 2018, arXiv 1711.02257).

    Attributes:
        alpha: 0 asks for equal lengths; the larger, the more a task that lags behind may have.
        lr: Of the weights' own Adam.
        at: Whose gradients are measured: those of the shared ``features``, which costs next to
            nothing, or those of the shared ``parameters``, a backward pass for each task.
        every: The weights are moved at one step of so many; the others take one backward pass.
        log_similarity: Whether the cosine and the magnitude similarity of the gradients of each
            pair of tasks are reported.
    """

    kind: Literal["gradnorm"] = "gradnorm"
    alpha: float = Field(default=1.5, ge=0)
    lr: float = Field(default=0.025, gt=0)
    at: Place = "features"
    every: int = Field(default=1, ge=1)
    log_similarity: bool = False


class DBMTLWeighting(Part):
    """DB-MTL: logarithms of losses, gradients of one length (Lin et al. 2023, arXiv 2308.12029).

    Attributes:
        at: Whose gradients are measured: those of the shared ``parameters``, a backward pass for
            each task, or those of the shared ``features``, which costs next to nothing.
        every: Steps for which a gradient is stretched as much as it was when it was measured. A
            step between two measurements costs one backward pass.
        log_similarity: Whether the cosine and the magnitude similarity of the gradients of each
            pair of tasks are reported.
    """

    kind: Literal["db_mtl"] = "db_mtl"
    at: Place = "parameters"
    every: int = Field(default=1, ge=1)
    log_similarity: bool = False


class CustomWeighting(Part):
    """A weighting of the user's own, by import path.

    Attributes:
        path: ``package.module:factory``. The factory is called as
            ``factory(tasks=..., seed=..., device=..., options=...)`` and returns an object with
            the methods of :class:`automtl.training.weighting.Weighting`.
        options: Handed to the factory; a recipe may search over each (``weighting.options.NAME``).
    """

    kind: Literal["custom"] = "custom"
    path: str
    options: Mapping[str, bool | int | float | str] = {}

    @field_validator("path")
    @classmethod
    def _names_a_factory(cls, path: str) -> str:
        if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", path) is None:
            msg = f"write package.module:factory, found {path!r}"
            raise ValueError(msg)
        return path


WeightingConfig = Annotated[
    FixedWeighting
    | UncertaintyWeighting
    | IMTLLWeighting
    | RLWWeighting
    | GeometricMeanWeighting
    | STCHWeighting
    | DWAWeighting
    | FAMOWeighting
    | GradNormWeighting
    | DBMTLWeighting
    | CustomWeighting
    | GradientWeightingConfig,
    Field(discriminator="kind"),
]
