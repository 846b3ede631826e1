"""A user's own weighting, by import path."""

from collections.abc import Sequence
from importlib import import_module

import torch
from typing_extensions import get_protocol_members

from automtl.config import CustomWeighting
from automtl.errors import AutomtlError
from automtl.training.weighting.base import Weighting


def imported_weighting(
    config: CustomWeighting, tasks: Sequence[str], *, seed: int, device: torch.device
) -> Weighting:
    """Call the factory that ``config`` names.

    The factory takes four arguments by name: ``tasks`` (tuple of str, in chain order), ``seed``
    (int, for its random draws), ``device`` (where learned parameters live) and ``options`` (a
    dict, those of the recipe). ``docs/weightings.md`` has an example and says how to test one.

    Args:
        config: Import path and options.
        tasks: All tasks of the trial.
        seed: Of its random draws.
        device: Where learned parameters live.

    Raises:
        AutomtlError: If the path leads nowhere, the factory does not take these arguments, or
            what it returns is no weighting.
    """
    module, _, name = config.path.partition(":")
    try:
        factory = getattr(import_module(module), name)
    except Exception as error:  # a module of the user's may raise anything
        msg = f"the weighting {config.path!r} cannot be imported ({_said(error)})"
        fix = "Write package.module:factory, and install the package or set PYTHONPATH"
        raise AutomtlError(msg, where="weighting.path", fix=fix) from error
    try:
        made = factory(tasks=tuple(tasks), seed=seed, device=device, options=dict(config.options))
    except Exception as error:  # and so may a factory
        msg = f"{config.path!r} failed ({_said(error)})"
        fix = "It is called as factory(tasks=..., seed=..., device=..., options=weighting.options)"
        raise AutomtlError(msg, where="weighting", fix=fix) from error
    return _checked(made, config.path)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _checked(made: object, path: str) -> Weighting:
    if isinstance(made, Weighting):
        return made
    missing = sorted(get_protocol_members(Weighting) - set(dir(made)))
    msg = f"{path!r} returned {type(made).__name__}, which lacks {', '.join(missing)}"
    fix = "Return an object with all members of automtl.training.weighting.Weighting"
    raise AutomtlError(msg, where="weighting.path", fix=fix)
