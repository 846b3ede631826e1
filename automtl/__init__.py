"""automtl: find good multi-task vision models, or settings of any training, by measured search.

Heavy libraries are loaded on first use of a name, so that ``import automtl`` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automtl.config import TrialConfig
    from automtl.export.bundle import Bundle, load_bundle, load_manifest
    from automtl.export.decoding import decode_clip
    from automtl.export.programs import open_program
    from automtl.results import Objective
    from automtl.space.early_stopping import PromotionStopping as Promotion
    from automtl.space.kinds import Bool, Categorical, Float, Int
    from automtl.space.parts import Budget, Constraint, Resources
    from automtl.space.prior import Prior
    from automtl.space.search_space import SearchSpace
    from automtl.study.api import Study
    from automtl.study.observer import Silent
    from automtl.study.own_training import TrialReport

__version__ = "0.1.0"
__all__ = [
    "Bool",
    "Budget",
    "Bundle",
    "Categorical",
    "Constraint",
    "Float",
    "Int",
    "Objective",
    "Prior",
    "Promotion",
    "Resources",
    "SearchSpace",
    "Silent",
    "Study",
    "TrialConfig",
    "TrialReport",
    "decode_clip",
    "load_bundle",
    "load_manifest",
    "open_program",
]

_LAZY = {
    "Bool": ("automtl.space.kinds", "Bool"),
    "Budget": ("automtl.space.parts", "Budget"),
    "Bundle": ("automtl.export.bundle", "Bundle"),
    "Categorical": ("automtl.space.kinds", "Categorical"),
    "Constraint": ("automtl.space.parts", "Constraint"),
    "Float": ("automtl.space.kinds", "Float"),
    "Int": ("automtl.space.kinds", "Int"),
    "Objective": ("automtl.results", "Objective"),
    "Prior": ("automtl.space.prior", "Prior"),
    "Promotion": ("automtl.space.early_stopping", "PromotionStopping"),
    "Resources": ("automtl.space.parts", "Resources"),
    "SearchSpace": ("automtl.space.search_space", "SearchSpace"),
    "Silent": ("automtl.study.observer", "Silent"),
    "Study": ("automtl.study.api", "Study"),
    "TrialConfig": ("automtl.config", "TrialConfig"),
    "TrialReport": ("automtl.study.own_training", "TrialReport"),
    "decode_clip": ("automtl.export.decoding", "decode_clip"),
    "load_bundle": ("automtl.export.bundle", "load_bundle"),
    "load_manifest": ("automtl.export.bundle", "load_manifest"),
    "open_program": ("automtl.export.programs", "open_program"),
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _LAZY:
        msg = f"module 'automtl' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    module, attribute = _LAZY[name]
    return getattr(import_module(module), attribute)
