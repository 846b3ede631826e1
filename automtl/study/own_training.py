"""Training code of the user's own: what it is given, and how it becomes a trainable."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import SupportsFloat

from automtl.dispatch.base import Report, Trainable
from automtl.dispatch.working_folder import working_folder
from automtl.errors import AutomtlError, TrialFailedError
from automtl.results import Decision, FailureKind, StudyInfo, TrialOrder
from automtl.space.parameter_base import Scalar

OWN_FILES = "own"
"""Folder of the files of the user's own code, in the trial's folder."""


def trains_own_code(study: StudyInfo) -> bool:
    """Whether a study's trials are trained by a function of the user's own, not from a recipe."""
    return study.recipe.get("kind") == "free"


def _nothing() -> None:
    """Do nothing: the folder is where files stay."""


@dataclass(slots=True)
class TrialReport:
    """What a training calls after each epoch, and what it may ask about its trial.

    Calling it records the epoch's values and answers whether to go on. After ``False`` the
    training returns; it is ended at its next report if it does not. Epochs count from 1 and
    follow one another.

    A trial may be executed more than once: early stopping pauses it at a rung, Ctrl-C pauses it,
    and a process may die. ``folder`` is the same each time. A training that keeps its state
    there, written after the report, goes on with epoch ``epochs_done + 1`` or an earlier one. One
    that keeps no state starts again from epoch 1; the epochs that are known are not recorded a
    second time, and the answer to them is to go on.
    """

    _order: TrialOrder
    _report: Report
    _keep: Callable[[], None] = _nothing
    _last_epoch: int | None = None
    _is_over: bool = False

    def __call__(self, epoch: int, values: Mapping[str, SupportsFloat]) -> bool:
        """Report an epoch.

        Args:
            epoch: From 1, one after another.
            values: Metrics by name, finite numbers; those of the objectives at the latest in
                the last report.

        Returns:
            Whether to go on.

        Raises:
            TrialFailedError: If an epoch is out of order or a value is no finite number. The
                trial then counts as failed, for that reason.
        """
        if self._is_over:
            raise AttemptOver
        self._keep()
        self._take(epoch)
        plain = {_name(name): _number(name, value) for name, value in values.items()}
        if epoch <= self.epochs_done:
            return True
        self._is_over = self._report(epoch, plain) is not Decision.CONTINUE
        return not self._is_over

    @property
    def folder(self) -> Path:
        """Folder for the trial's checkpoints and whatever else is worth keeping; it exists.

        Nothing of automtl's lies in it, and nothing in it is ever removed. Where the study's
        artifacts lie in a store, files are brought there at each report and at the end, but not
        those whose names begin with a dot.
        """
        found = Path(self._order.folder) / OWN_FILES
        found.mkdir(parents=True, exist_ok=True)
        return found

    @property
    def epochs_done(self) -> int:
        """Epochs that earlier executions of this trial reported, 0 in the first."""
        return self._order.epochs_done

    @property
    def seed(self) -> int:
        """Seed of the trial, the same in each execution; 31 bits."""
        return self._order.seed

    @property
    def micro_batches(self) -> int:
        """In how many parts to take a batch: 2 after an execution ran out of memory, else 1."""
        return self._order.micro_batches

    @property
    def number(self) -> int:
        """Number of the trial, from 0."""
        return self._order.number

    def _take(self, epoch: int) -> None:
        if type(epoch) is not int or epoch < 1:
            what = f"an epoch is a whole number from 1, found {epoch!r}"
            raise _mistake(what)
        before = self._last_epoch
        if before is None and self._order.attempt == 1:
            before = 0
        if before is not None and epoch != before + 1:
            what = f"after epoch {before} comes epoch {before + 1}, found {epoch}"
            raise _mistake(what)
        self._last_epoch = epoch


class AttemptOver(BaseException):
    """Ends a training that goes on after it was told to return."""


OwnTrainable = Callable[[dict[str, Scalar], TrialReport], object]
"""``trainable(params, report)``: trains with the parameters and reports each epoch."""


def trainable_of(train: OwnTrainable) -> Trainable:
    """Return what a dispatcher runs for a function of the user's own.

    Raises:
        AutomtlError: If the function does not take two arguments: every trial would fail.
    """
    _check_signature(train)

    def trainable(order: TrialOrder, report: Report) -> None:
        params: dict[str, Scalar] = dict(order.point)
        with working_folder(order) as working:
            here = order.model_copy(update={"folder": str(working.path)})
            try:
                train(params, TrialReport(here, report, working.keep))
            except AttemptOver:
                return

    return trainable


def _check_signature(train: OwnTrainable) -> None:
    try:
        inspect.signature(train).bind({}, None)
    except ValueError:  # a built-in without a signature
        return
    except TypeError as error:
        name = getattr(train, "__qualname__", repr(train))
        msg = f"`{name}` cannot be called with two arguments ({error})"
        raise AutomtlError(msg, fix="Write `def train(params, report): ...`") from error


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        what = f"the name of a metric is a text, found {name!r}"
        raise _mistake(what)
    return name


def _number(name: str, value: object) -> float:
    """Turn numpy's and torch's scalars into a number; a text is none, even one of digits."""
    is_scalar = isinstance(value, Real) or getattr(value, "ndim", None) == 0
    if not is_scalar or not isinstance(value, SupportsFloat):
        what = f"`{name}` must be a number, found {type(value).__name__}"
        raise _mistake(what)
    found = float(value)
    if not math.isfinite(found):
        raise TrialFailedError(FailureKind.NON_FINITE, f"`{name}` is {found}")
    return found


def _mistake(what: str) -> TrialFailedError:
    return TrialFailedError(FailureKind.ERROR, what)
