"""Which failures another attempt may not meet again."""

from automtl.results import Failure, FailureKind, TrialRecord

RETRIES = {
    FailureKind.LOST_WORKER: 2,
    FailureKind.OUT_OF_MEMORY: 1,
    FailureKind.HUNG: 1,
    FailureKind.DISK_FULL: 1,
    FailureKind.STORAGE: 2,
}
"""How often a trial is tried again after an attempt failed in a way that another one may not.
Each kind is counted by itself."""


def may_retry(record: TrialRecord, failure: Failure) -> bool:
    """Return whether a trial is tried again after its attempt failed so."""
    return record.n_setbacks(failure.kind) < RETRIES.get(failure.kind, 0)


def also_in_halves(record: TrialRecord, failure: Failure) -> Failure:
    """Return the failure of an attempt that took batches in halves, and say that it did."""
    text = f"{failure.message} (attempt {record.attempts}, with each batch in two halves)"
    return failure.model_copy(update={"message": text})


def retry_line(record: TrialRecord, failure: Failure) -> str:
    """Say why an attempt failed and how the trial is tried again."""
    way = "from its last checkpoint"
    if failure.kind is FailureKind.OUT_OF_MEMORY:
        way += ", each batch in two halves"
    return (
        f"Trial {record.number}, attempt {record.attempts}: {failure.kind.value}: "
        f"{failure.message.rstrip('.')}. It is tried again {way}"
    )
