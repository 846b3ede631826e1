"""Ends of a trial's process that Ray Tune does not expect, told to it as ends that it knows.

Only the Ray dispatcher imports this module, and only when a search on Ray begins.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from typing_extensions import override

_HANDLERS = ("_actor_task_failed", "_actor_start_failed")


class ProcessEndedError(RayActorError):
    """Ray ended a trial's process, and says so in an error that is none of an actor.

    Args:
        cause: Such as ``OutOfMemoryError``: the machine is short of memory.
    """

    def __init__(self, cause: RayError) -> None:
        super().__init__(error_msg=str(cause))
        self.cause = cause

    @override
    def __reduce__(self) -> tuple[type["ProcessEndedError"], tuple[RayError]]:
        """Travel with the cause alone."""
        return type(self), (self.cause,)


@contextmanager
def known_ends() -> Iterator[None]:
    """Let Tune take every end of a process as the end of one trial, inside the block.

    Tune ends the whole search for each error of Ray's that is none of an actor or a task. Where
    a machine is short of memory, Ray's memory monitor ends the process that took most, and that
    is such an error.
    """
    before = {name: getattr(RayActorManager, name) for name in _HANDLERS}
    for name, handle in before.items():
        setattr(RayActorManager, name, _telling(handle))
    try:
        yield
    finally:
        for name, handle in before.items():
            setattr(RayActorManager, name, handle)


def _telling(handle: Callable[..., None]) -> Callable[..., None]:
    def told(manager: RayActorManager, *, exception: Exception, **tracked: Any) -> None:
        handle(manager, exception=_as_known(exception), **tracked)

    return told


def _as_known(exception: Exception) -> Exception:
    is_known = isinstance(exception, RayActorError | RayTaskError)
    if is_known or not isinstance(exception, RayError):
        return exception
    return ProcessEndedError(exception)
