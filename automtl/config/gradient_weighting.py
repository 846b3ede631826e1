"""How the tasks' gradients are combined."""

from typing import Literal

from automtl.config.base import Part


class UPGradWeighting(Part):
    """UPGrad (Quinton and Rey 2024, arXiv 2406.16232), which combines the tasks' gradients."""

    kind: Literal["upgrad"] = "upgrad"


class PCGradWeighting(Part):
    """PCGrad (Yu et al. 2020, arXiv 2001.06782), which projects conflicting gradients."""

    kind: Literal["pcgrad"] = "pcgrad"
