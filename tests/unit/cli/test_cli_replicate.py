"""What is said where a choice from the front rests on one training of each member."""

from pathlib import Path

from automtl.cli.replicate import once_line
from automtl.results import Objective, TrialRecord, TrialStatus

OBJECTIVES = (
    Objective(metric="quality", goal="maximize"),
    Objective(metric="error", goal="minimize"),
)


def trial(number: int, quality: float, error: float, origin: str = "sampler") -> TrialRecord:
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest="",
        origin=origin,
        status=TrialStatus.COMPLETED,
        values={"quality": quality, "error": error},
        started_s=0.0,
        ended_s=60.0,
    )


def test_the_command_for_new_seeds_is_said_with_its_time_while_each_was_trained_once() -> None:
    two = [trial(0, 0.9, 0.9), trial(1, 0.1, 0.1)]
    assert once_line(Path("my studies/one"), two, OBJECTIVES) == (
        "The pick rests on one training of each. To choose by the means of new seeds, about 6.0 "
        "minutes: automtl replicate 'my studies/one' --seeds 3"
    )
    # As long as one member was not trained again, picks use what the search saw.
    again = [trial(2, 0.8, 0.9, "replicate:0"), trial(3, 0.2, 0.1, "replicate:1")]
    assert "automtl replicate one" in once_line(Path("one"), [*two, again[0]], OBJECTIVES)
    assert once_line(Path("one"), [*two, *again], OBJECTIVES) == ""
