"""The process that trains: a Ray Tune trainable which runs one attempt after another.

Only the Ray dispatcher imports this module, and only when a search on Ray begins.
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import TypeGuard

from ray.tune import PlacementGroupFactory
from ray.tune import Trainable as TuneTrainable
from typing_extensions import override

from automtl.dispatch.attempt import AttemptEnd, SteppedAttempt
from automtl.dispatch.base import Trainable
from automtl.results import Decision, Failure, FailureKind, TrialOrder

ORDER = "order"
"""Key of the order, as JSON, in the configuration of a Tune trial."""
REPORT = "report"
"""Key of the epoch report in a Tune result."""
FAILURE = "failure"
"""Key of the failure in the last Tune result of a trial."""
WAITS = "waits"
"""Key of a result that says only: the attempt has ended, and its process is being kept."""

LONGEST_WAIT_S = 600.0
"""An end waits no longer, whatever it was told."""
FIRST_LOOK_S = 0.05
LOOK_GROWTH = 1.2
LONGEST_LOOK_S = 1.0
"""How often an end that waits says so: ever more seldom, because dozens of them would keep the
search's process too busy to start the processes that they wait for."""

HARMLESS = frozenset(
    {
        FailureKind.NON_FINITE,
        FailureKind.MISSING_METRIC,
        FailureKind.BAD_CONFIG,
        FailureKind.BAD_DATA,
        FailureKind.DISK_FULL,
        FailureKind.STORAGE,
    }
)
"""Failures after which the process is as good as new; after others the next trial gets another
one, because memory may be lost or the device in a bad state."""


class AttemptFailedError(Exception):
    """An attempt failed in a way that ends its process.

    Args:
        failure: The failure as JSON: a foreign exception might not travel between processes.
    """

    def __init__(self, failure: str) -> None:
        self.failure = failure
        super().__init__(failure)


class TrialWorker(TuneTrainable):
    """Runs attempts for Tune; the next trial reuses the process through ``reset_config``."""

    _training: Trainable
    _attempt: SteppedAttempt
    _decision: Decision
    _end: AttemptEnd | None
    _waits_until_s: float
    _look_s: float

    @classmethod
    @override
    def default_resource_request(cls, config: dict[str, object]) -> PlacementGroupFactory:
        """Ask for what the order says."""
        share = TrialOrder.model_validate_json(str(config[ORDER])).resources
        bundle = {"CPU": share.get("cpu", 0.0), "GPU": share.get("gpu", 0.0)}
        return PlacementGroupFactory([{name: n for name, n in bundle.items() if n > 0}])

    @override
    def setup(  # type: ignore[override] # `tune.with_parameters` adds the argument
        self, config: dict[str, object], training: Trainable
    ) -> None:
        """Take the first order.

        Args:
            config: Holds the order.
            training: The user's function; its arrays lie in shared memory, read-only.
        """
        self._training = training
        self._begin(config)

    @override
    def reset_config(self, new_config: dict[str, object]) -> bool:
        """Take the next order."""
        self._begin(new_config)
        return True

    @override
    def step(self) -> dict[str, object]:
        """Train until the next report or the end.

        Raises:
            AttemptFailedError: If the attempt failed and the process must not be reused.
        """
        if self._end is None:
            event = self._attempt.step(self._decision)
            self._decision = Decision.CONTINUE
            if not isinstance(event, AttemptEnd):
                return {REPORT: event}
            self._end = event
        if time.monotonic() < self._waits_until_s:
            time.sleep(self._look_s)
            self._look_s = min(LOOK_GROWTH * self._look_s, LONGEST_LOOK_S)
            return {WAITS: True}
        if _ends_process(self._end.failure):
            raise AttemptFailedError(self._end.failure.model_dump_json())
        return {"done": True, FAILURE: self._end.failure}

    def decide(self, decision: str) -> None:
        """Take the answer to the report that waits; without a call it is "continue"."""
        self._decision = Decision(decision)

    def wait(self, *, is_needed: bool) -> None:
        """Keep the end of the attempt back for now, or let it go.

        Tune hands the process of a trial that ended to a trial whose own is still being started,
        and throws the start away. With trials shorter than a start, every slot but one would
        stay empty for good; so an end waits until the other processes are up.
        """
        self._waits_until_s = time.monotonic() + LONGEST_WAIT_S if is_needed else 0.0

    def _begin(self, config: Mapping[str, object]) -> None:
        order = TrialOrder.model_validate_json(str(config[ORDER]))
        _leave_tunes_folder()
        _limit_threads(max(1, int(order.resources.get("cpu", 1.0))))
        self._decision = Decision.CONTINUE
        self._end = None
        self._waits_until_s = 0.0
        self._look_s = FIRST_LOOK_S
        self._attempt = SteppedAttempt(self._training, order)


def _ends_process(failure: Failure | None) -> TypeGuard[Failure]:
    return failure is not None and failure.kind not in HARMLESS


def _leave_tunes_folder() -> None:
    # Tune moves into a folder of its own, where the user's relative paths would not be found.
    before = os.environ.get("TUNE_ORIG_WORKING_DIR")  # noqa: TID251 - set by Tune, not by a user
    if before is not None:
        os.chdir(before)


def _limit_threads(n_threads: int) -> None:
    # The variable is for libraries that are loaded later, the call for a torch that is here.
    os.environ["OMP_NUM_THREADS"] = str(n_threads)  # noqa: TID251 - of this process only
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n_threads)
