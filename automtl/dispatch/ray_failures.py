"""Why a trial on Ray failed, from what Ray tells of it.

Only the Ray dispatcher imports this module, and only when a search on Ray begins.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ray import cloudpickle
from ray.exceptions import OutOfDiskError, OutOfMemoryError, RayActorError, RayError, RayTaskError
from ray.tune.experiment import Trial

from automtl.dispatch.base import failure_of
from automtl.dispatch.ray_ends import ProcessEndedError
from automtl.dispatch.ray_worker import AttemptFailedError
from automtl.results import Failure, FailureKind

_KINDS: Mapping[type[RayError], FailureKind] = MappingProxyType(
    {OutOfMemoryError: FailureKind.OUT_OF_MEMORY, OutOfDiskError: FailureKind.DISK_FULL}
)
"""Reasons of Ray's for which a process ends, that have a name of their own."""


def failure_of_trial(trial: Trial) -> Failure:
    """Name the reason for which a Tune trial failed."""
    return failure_of_ray(_error_of(trial))


def _error_of(trial: Trial) -> BaseException | None:
    # `Trial.get_pickled_error` looks into the storage, where the file arrives at the end only.
    path = trial.pickled_error_file
    if path is None:
        return None
    with Path(path).open("rb") as file:
        error: BaseException = cloudpickle.load(file)
    return error


def failure_of_ray(error: BaseException | None) -> Failure:
    """Name the reason of an exception that came through Ray."""
    cause = error.cause if isinstance(error, RayTaskError | ProcessEndedError) else error
    if isinstance(cause, AttemptFailedError):
        return Failure.model_validate_json(cause.failure)
    if cause is None:
        return _lost("no reason is known")
    if not isinstance(cause, RayError):
        return failure_of(cause)
    lines = [line for line in str(cause).splitlines() if line.strip()]
    if isinstance(cause, RayActorError) and cause.actor_init_failed:
        # The training could not be loaded there: trying again would not help.
        message = f"the process of the trial could not start: {lines[-1].strip()}"
        return Failure(kind=FailureKind.ERROR, message=message)
    kind = next((k for of, k in _KINDS.items() if isinstance(cause, of)), FailureKind.LOST_WORKER)
    return _lost(lines[0].strip(), kind)


def hung_failure(limit_s: float) -> Failure:
    """Say that a trial was ended because it was silent for ``limit_s`` seconds."""
    message = (
        f"the training reported nothing for {limit_s:.0f} s and was ended; if its epochs "
        "take longer, raise `resources.max_silence_minutes`"
    )
    return Failure(kind=FailureKind.HUNG, message=message)


def _lost(reason: str, kind: FailureKind = FailureKind.LOST_WORKER) -> Failure:
    return Failure(kind=kind, message=f"the process of the trial ended: {reason}")
