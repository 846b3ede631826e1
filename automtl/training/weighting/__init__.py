"""How the losses, or the gradients, of several tasks become one gradient."""

from automtl.training.weighting.base import ParameterViews, SharedFeature, StepGraph, Weighting
from automtl.training.weighting.build import build_weighting

__all__ = ["ParameterViews", "SharedFeature", "StepGraph", "Weighting", "build_weighting"]
