"""What went wrong in a study, by kind, in the words of the real errors."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from automtl.controller.baselines import BASELINE
from automtl.results import Failure, FailureKind, Objective, TrialRecord


def failure_facts(history: Sequence[TrialRecord]) -> dict[str, object]:
    """Return what failed, for programs: trials, and attempts after which a trial went on."""
    failures = [(r.number, r.attempts, r.failure) for r in history if r.failure is not None]
    setbacks = [(r.number, s.attempt, s.failure) for r in history for s in r.setbacks]
    return {
        "failures": [_plain(*found) for found in failures],
        "tried_again": [_plain(*found) for found in setbacks],
    }


def failure_lines(history: Sequence[TrialRecord]) -> Iterator[str]:
    """Say what failed: the counts by kind, then a line for each attempt."""
    kinds = Counter(r.failure.kind.value for r in history if r.failure is not None)
    if kinds:
        yield "failed by kind: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    for record in history:
        for setback in record.setbacks:
            text = _words(setback.failure)
            yield f"tried again: trial {record.number}, attempt {setback.attempt}: {text}"
        if record.failure is not None:
            text = _words(record.failure)
            yield f"failed: trial {record.number}, attempt {record.attempts}: {text}"


def missing_values(
    objectives: Sequence[Objective], record: TrialRecord, values: Mapping[str, float]
) -> Failure | None:
    """Return the failure of a trial that ended without what it was trained for, if it did.

    A baseline may report anything: it competes in nothing.
    """
    missing = [o.metric for o in objectives if o.metric not in values]
    is_baseline = record.origin.startswith(BASELINE)
    if not missing or (is_baseline and values):
        return None
    what = f"no {', '.join(missing)}" if values else "nothing"
    told = f" (it reported {', '.join(sorted(values))})" if values else ""
    return Failure(kind=FailureKind.MISSING_METRIC, message=f"the training reported {what}{told}")


def _words(failure: Failure) -> str:
    return f"{failure.kind.value}: {failure.message}"


def _plain(number: int, attempt: int, failure: Failure) -> dict[str, object]:
    return {
        "trial": number,
        "attempt": attempt,
        "kind": failure.kind.value,
        "message": failure.message,
    }
