"""How the losses or gradients of several tasks become one gradient."""

from automtl.training.weighting.base import ParameterViews, StepGraph, Weighting
from automtl.training.weighting.build import build_weighting

__all__ = ["ParameterViews", "StepGraph", "Weighting", "build_weighting"]
