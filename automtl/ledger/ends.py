"""What the end of a trial must be before it is written."""

import math
from collections.abc import Mapping

from automtl.errors import LedgerError
from automtl.results import Failure, TrialStatus


def check_end(
    number: int, status: TrialStatus, values: Mapping[str, float], failure: Failure | None
) -> None:
    """Refuse an end whose status, values and failure do not agree.

    Raises:
        LedgerError: What does not agree.
    """
    failed = status is TrialStatus.FAILED
    wrong = [key for key, value in values.items() if not math.isfinite(value)]
    if wrong:
        msg = f"trial {number} ends with values that are no numbers: {', '.join(wrong)}"
    elif not status.is_final:
        msg = f"trial {number} cannot end as {status.value}"
    elif failed != (failure is not None):
        msg = f"trial {number} ends as {status.value} {'without' if failed else 'with'} a failure"
    elif (failed and values) or (status is TrialStatus.COMPLETED and not values):
        msg = f"trial {number} ends as {status.value} {'with' if failed else 'without'} values"
    else:
        return
    raise LedgerError(msg)


def storable(failure: Failure | None) -> Failure | None:
    """Return a failure whose text every database takes: no NUL, no half of a surrogate pair."""
    if failure is None:
        return None
    text = failure.message.replace("\x00", "").encode("utf-8", "backslashreplace").decode()
    return failure.model_copy(update={"message": text})
