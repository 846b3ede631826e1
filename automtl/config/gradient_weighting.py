"""How the tasks' gradients are combined.

TorchJD 0.18 has more than these. Not here: Mean, Sum, Constant and Random are the loss-based
``fixed`` and ``rlw``; Krum and TrimmedMean guard against hostile clients and drop a task for it;
MoDo and SDMGrad need several independent batches for one step; CR-MOGM smooths the weights of
another method; PCD puts one task above the others, which a search with an objective for each task
contradicts.
"""

from typing import Literal

from pydantic import Field, field_validator

from automtl.config.base import Part

Place = Literal["parameters", "features"]


class GradientWeighting(Part):
    """What all methods that combine gradients have in common.

    Attributes:
        every: Steps for which the task weights are kept, once found. A step between two solutions
            costs one backward pass.
        at: Whose gradients are compared: those of the shared ``parameters`` (one backward pass
            through the shared part for each task), or those of the shared ``features``, where
            the shared part ends (one in all).
        log_similarity: Whether the cosine and the magnitude similarity of the gradients of each
            pair of tasks are reported.
    """

    every: int = Field(default=1, ge=1)
    at: Place = "parameters"
    log_similarity: bool = False


class UPGradWeighting(GradientWeighting):
    """UPGrad (Quinton and Rey 2024, arXiv 2406.16232), which combines the tasks' gradients."""

    kind: Literal["upgrad"] = "upgrad"


class DualProjWeighting(GradientWeighting):
    """DualProj (Lopez-Paz and Ranzato 2017, arXiv 1706.08840): the sum, projected once."""

    kind: Literal["dualproj"] = "dualproj"


class MGDAWeighting(GradientWeighting):
    """MGDA (Desideri 2012; Sener and Koltun 2018, arXiv 1810.04650): the shortest combination."""

    kind: Literal["mgda"] = "mgda"


class PCGradWeighting(GradientWeighting):
    """PCGrad (Yu et al. 2020, arXiv 2001.06782), which projects conflicting gradients."""

    kind: Literal["pcgrad"] = "pcgrad"


class GradVacWeighting(GradientWeighting):
    """GradVac (Wang et al. 2021, arXiv 2010.05874), which pulls cosines up to their usual value.

    Attributes:
        beta: Share of the newest cosine in its moving average.
    """

    kind: Literal["gradvac"] = "gradvac"
    beta: float = Field(default=0.5, ge=0, le=1)


class CAGradWeighting(GradientWeighting):
    """CAGrad (Liu et al. 2021, arXiv 2110.14048): best for the worst task, near the sum.

    Attributes:
        c: Distance allowed from the mean gradient, in units of its length.
    """

    kind: Literal["cagrad"] = "cagrad"
    c: float = Field(default=0.4, ge=0, le=10)


class NashMTLWeighting(GradientWeighting):
    """Nash-MTL (Navon et al. 2022, arXiv 2202.01017): the tasks bargain for the step."""

    kind: Literal["nashmtl"] = "nashmtl"


class FairGradWeighting(GradientWeighting):
    """FairGrad (Ban and Ji 2024, arXiv 2402.15638): alpha-fair progress of the tasks.

    Attributes:
        alpha: 1 is proportional fairness, as in Nash-MTL; the larger, the more the task with the
            least progress counts.
    """

    kind: Literal["fairgrad"] = "fairgrad"
    alpha: float = Field(default=2.0, ge=0.5, le=10)


class AlignedMTLWeighting(GradientWeighting):
    """Aligned-MTL (Senushkin et al. 2023, arXiv 2305.19000): equal principal components.

    Attributes:
        scale: Which eigenvalue the components are brought to.
    """

    kind: Literal["aligned_mtl"] = "aligned_mtl"
    scale: Literal["min", "median", "rmse"] = "min"


class ConFIGWeighting(GradientWeighting):
    """ConFIG (Liu et al. 2024, arXiv 2408.11104): the same cosine with every gradient."""

    kind: Literal["config"] = "config"


class IMTLGWeighting(GradientWeighting):
    """IMTL-G (Liu et al. 2021, ICLR): the same projection on every gradient."""

    kind: Literal["imtl_g"] = "imtl_g"


class ExcessMTLWeighting(GradientWeighting):
    """ExcessMTL (He et al. 2024, arXiv 2402.02009): more weight for tasks far from their optimum.

    Attributes:
        step_size: How fast the weights move.
    """

    kind: Literal["excess_mtl"] = "excess_mtl"
    step_size: float = Field(default=1.0, gt=0)

    @field_validator("at")
    @classmethod
    def _adds_squares_up(cls, at: Place) -> Place:
        if at == "features":
            msg = (
                "excess_mtl adds up squared gradients over steps: the features of two steps are "
                "of different frames, so `at` must be parameters"
            )
            raise ValueError(msg)
        return at


class GradDropWeighting(GradientWeighting):
    """GradDrop (Chen et al. 2020, arXiv 2010.06808): a random sign for each coordinate."""

    kind: Literal["graddrop"] = "graddrop"

    @field_validator("every")
    @classmethod
    def _has_no_weights(cls, every: int) -> int:
        if every != 1:
            msg = "graddrop masks coordinates: it has no task weights to keep, `every` must be 1"
            raise ValueError(msg)
        return every


TaskWeightConfig = (
    UPGradWeighting
    | DualProjWeighting
    | MGDAWeighting
    | PCGradWeighting
    | GradVacWeighting
    | CAGradWeighting
    | NashMTLWeighting
    | FairGradWeighting
    | AlignedMTLWeighting
    | ConFIGWeighting
    | IMTLGWeighting
    | ExcessMTLWeighting
)
"""The methods that find a weight for each task."""

GradientWeightingConfig = TaskWeightConfig | GradDropWeighting
