"""Trials whose epochs take ten seconds each."""

from automtl.results import EpochReport, Objective, TrialRecord, TrialStatus

QUALITY = (Objective(metric="detection/mAP", goal="maximize", reference=0.0),)


def trial(
    number: int,
    q: float = 0.5,
    *,
    epochs: int = 4,
    of: int = 4,
    status: TrialStatus = TrialStatus.COMPLETED,
    origin: str = "sampler",
    resumed_after: int | None = None,
) -> TrialRecord:
    """A trial of 10 s epochs that started at 100 times its number; a pause takes 1,000 s."""
    begin = 100.0 * number
    late = {e: e > (resumed_after or epochs) for e in range(1, epochs + 1)}
    reports = tuple(
        EpochReport(
            attempt=1 + late[e],
            epoch=e,
            values={"detection/mAP": q},
            time_s=begin + 10.0 * e + (1_000.0 if late[e] else 0.0),
        )
        for e in range(1, epochs + 1)
    )
    ended = status.is_final
    return TrialRecord(
        number=number,
        point={},
        config={"optimizer": {"epochs": of}},
        config_digest="",
        origin=origin,
        status=status,
        reports=reports,
        values={"detection/mAP": q} if ended else {},
        started_s=begin,
        ended_s=begin + 10.0 * epochs if ended else None,
    )
