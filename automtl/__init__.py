"""automtl: find good multi-task vision models by measured search.

Heavy libraries are loaded on first use of a name, so that ``import automtl`` costs nothing.
"""

from typing import TYPE_CHECKING

from automtl.config import TrialConfig
from automtl.results import Objective

if TYPE_CHECKING:
    from automtl.export.bundle import Bundle, load_bundle
    from automtl.space.search_space import SearchSpace

__version__ = "0.1.0"
__all__ = ["Bundle", "Objective", "SearchSpace", "TrialConfig", "load_bundle"]

_LAZY = {
    "Bundle": "automtl.export.bundle",
    "load_bundle": "automtl.export.bundle",
    "SearchSpace": "automtl.space.search_space",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _LAZY:
        msg = f"module 'automtl' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
