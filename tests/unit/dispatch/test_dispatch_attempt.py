"""The border around the user's function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.dispatch.attempt import AttemptEnd, SteppedAttempt, epoch_report, run_attempt
from automtl.errors import DataError, TrialFailedError
from automtl.results import Decision, EpochReport, Failure, FailureKind, TrialOrder


def _order(folder="/nowhere") -> TrialOrder:
    return TrialOrder(number=3, attempt=2, point={}, config={}, seed=1, folder=str(folder))


@given(st.dictionaries(st.text(min_size=1), st.floats() | st.integers(-(2**53), 2**53)))
def test_a_report_holds_finite_floats_or_fails(values):
    finite = all(abs(float(v)) < float("inf") for v in values.values())
    if finite:
        report = epoch_report(_order(), 5, values)
        assert report.values == values
        assert all(type(value) is float for value in report.values.values())
        assert (report.attempt, report.epoch) == (2, 5)
    else:
        with pytest.raises(TrialFailedError, match="epoch 5 reported") as caught:
            epoch_report(_order(), 5, values)
        assert caught.value.kind == FailureKind.NON_FINITE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("first\nsecond"), (FailureKind.ERROR, "ValueError: first")),
        (KeyError(), (FailureKind.ERROR, "KeyError")),
        (MemoryError("big"), (FailureKind.OUT_OF_MEMORY, "MemoryError: big")),
        (
            RuntimeError("CUDA out of memory"),
            (FailureKind.OUT_OF_MEMORY, "RuntimeError: CUDA out of memory"),
        ),
        (
            DataError("no frame", where="a.yaml:3", fix="Add one"),
            (FailureKind.BAD_DATA, "a.yaml:3: no frame. Add one"),
        ),
        (TrialFailedError("bad_data", "all black"), (FailureKind.BAD_DATA, "all black")),
    ],
)
def test_the_reason_of_a_failure(error, expected, tmp_path):
    def train(order, report):
        raise error

    failure = run_attempt(train, _order(tmp_path), lambda epoch, values: Decision.CONTINUE)
    assert failure == Failure(kind=expected[0], message=expected[1])
    assert "in train" in (tmp_path / "traceback.txt").read_text()


@pytest.mark.parametrize(
    "error",
    [
        OSError("no answer from postgresql://me:planted@host/db"),
        DataError("no answer from http://me:planted@host"),
        TrialFailedError("storage", "ftp://me:planted@host is away"),
    ],
)
def test_a_password_in_an_error_is_in_no_file_and_no_message(error, tmp_path):
    def train(order, report):
        raise error

    failure = run_attempt(train, _order(tmp_path), lambda epoch, values: Decision.CONTINUE)
    assert failure is not None
    assert "me:***@host" in failure.message
    kept = (tmp_path / "traceback.txt").read_text()
    assert "me:***@host" in kept
    assert "planted@" not in failure.message + kept


def test_a_missing_folder_does_not_hide_the_reason():
    def train(order, report):
        raise ValueError("x")  # noqa: EM101 - the message is the point

    failure = run_attempt(train, _order(), lambda epoch, values: Decision.CONTINUE)
    assert failure is not None
    assert failure.message == "ValueError: x"


def test_an_interrupt_is_no_failure():
    def train(order, report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_attempt(train, _order(), lambda epoch, values: Decision.CONTINUE)


def test_stepping_goes_from_report_to_report_and_delivers_the_answers():
    answers = []

    def train(order, report):
        for epoch in (1, 2, 3):
            answers.append(report(epoch, {"x": epoch}))
            if answers[-1] is not Decision.CONTINUE:
                return

    attempt = SteppedAttempt(train, _order())
    first = attempt.step(Decision.CONTINUE)
    assert isinstance(first, EpochReport)
    assert first.epoch == 1
    assert answers == []
    second = attempt.step(Decision.CONTINUE)
    assert isinstance(second, EpochReport)
    assert second.epoch == 2
    assert attempt.step(Decision.STOP) == AttemptEnd(None)
    assert answers == [Decision.CONTINUE, Decision.STOP]


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_a_thread_that_leaves_is_an_end_and_no_hang(error):
    def train(order, report):
        raise error

    end = SteppedAttempt(train, _order()).step(Decision.CONTINUE)
    assert isinstance(end, AttemptEnd)
    assert end.failure is not None
    assert type(error).__name__ in end.failure.message
