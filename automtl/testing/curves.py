"""Trials with known learning curves, on which early stopping is tested."""

from collections.abc import Sequence

from automtl.results import EpochReport, Objective, TrialRecord, TrialStatus

Curve = Sequence[tuple[float, float]]
"""By epoch, the values of :data:`TWO`."""

EPOCHS = 9
TWO = (
    Objective(metric="error", goal="minimize"),
    Objective(metric="quality", goal="maximize"),
)


def values(error: float, quality: float) -> dict[str, float]:
    """Return a value of each of :data:`TWO`."""
    return {"error": error, "quality": quality}


def trial(number: int, curve: Curve, status: TrialStatus, **changes: object) -> TrialRecord:
    """Return a trial of :data:`EPOCHS` epochs that has reported a curve so far.

    Args:
        number: Of the trial.
        curve: From the first epoch on.
        status: Where it stands.
        changes: Of the record.
    """
    reports = tuple(
        EpochReport(attempt=1, epoch=i + 1, values=values(*point), time_s=0.0)
        for i, point in enumerate(curve)
    )
    is_done = bool(curve) and status is TrialStatus.COMPLETED
    record = TrialRecord(
        number=number,
        point={"x": number},
        config={"optimizer": {"epochs": EPOCHS}},
        config_digest=str(number),
        status=status,
        reports=reports,
        attempts=1,
        values=values(*curve[-1]) if is_done else {},
    )
    return record.model_copy(update=changes)
