"""A user's own weighting, by import path."""

from collections.abc import Sequence

import torch
from typing_extensions import get_protocol_members

from automtl.config import CustomWeighting
from automtl.errors import AutomtlError
from automtl.own_code import blamed, imported
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
    factory = imported(config.path, what="weighting", where="weighting.path")
    fix = "It is called as factory(tasks=..., seed=..., device=..., options=weighting.options)"
    with blamed(f"{config.path!r} failed", where="weighting", fix=fix):
        made: object = factory(
            tasks=tuple(tasks), seed=seed, device=device, options=dict(config.options)
        )
    return _checked(made, config.path)


def _checked(made: object, path: str) -> Weighting:
    if isinstance(made, Weighting):
        return made
    missing = sorted(get_protocol_members(Weighting) - set(dir(made)))
    msg = f"{path!r} returned {type(made).__name__}, which lacks {', '.join(missing)}"
    fix = "Return an object with all members of automtl.training.weighting.Weighting"
    raise AutomtlError(msg, where="weighting.path", fix=fix)
