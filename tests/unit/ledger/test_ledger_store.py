"""What the writer remembers, what the database holds and what a reader sees are one."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automtl.errors import LedgerError
from automtl.ledger.holder import this_process
from automtl.ledger.rows import read_left_out
from automtl.ledger.store import Ledger
from automtl.ledger.studies import create_study, open_ledger
from automtl.left_out import LeftOut
from automtl.results import (
    EpochReport,
    Failure,
    FailureKind,
    Objective,
    Pick,
    StudyInfo,
    TrialStatus,
)

LOST = Failure(kind=FailureKind.LOST_WORKER, message="the worker died")
CHANGES = {
    "start": lambda ledger, number: ledger.start_attempt(number, worker="here"),
    "pause": lambda ledger, number: ledger.pause(number),
    "requeue": lambda ledger, number: ledger.requeue(number),
    "lose": lambda ledger, number: ledger.requeue(number, LOST),
    "complete": lambda ledger, number: ledger.end_trial(
        number, status=TrialStatus.COMPLETED, values={"a": 0.5}, best_epoch=1, failure=None
    ),
    "fail": lambda ledger, number: ledger.end_trial(
        number, status=TrialStatus.FAILED, values={}, best_epoch=None, failure=LOST
    ),
}
STEPS = ("propose", "report", *CHANGES)
finite = st.floats(allow_nan=False, allow_infinity=False)


def report(attempt=1, epoch=1, time_s=2_000.0, **values):
    return EpochReport(attempt=attempt, epoch=epoch, values=values or {"a": 0.5}, time_s=time_s)


def step(ledger, name, number, propose, epochs, value=0.5):
    """Do one step to a trial; whether the trial's status allows it is the ledger's to say."""
    known = {record.number: record for record in ledger.history()}
    if name == "propose":
        propose(ledger, len(known))
    elif name == "report":
        epochs[number] = epochs.get(number, 0) + 1
        attempt = known[number].attempts if number in known else 1
        ledger.add_report(number, report(attempt, epochs[number], a=value))
    else:
        CHANGES[name](ledger, number)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(walk=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2), finite), max_size=25))
def test_any_walk_leaves_memory_database_and_invariants_in_agreement(propose, walk):
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        info = StudyInfo(
            name="s",
            objectives=(Objective(metric="a", goal="maximize"),),
            recipe={},
            recipe_digest="",
            seed=0,
            created_s=0.0,
        )
        create_study(url, info)
        with open_ledger(url) as ledger, open_ledger(url) as reader:
            ledger.acquire_lease(this_process(), ttl_s=60)
            epochs: dict[int, int] = {}
            for name, number, value in [("propose", 0, 0.0), ("start", 0, 0.0), *walk]:
                before = reader.history()
                try:
                    step(ledger, name, number, propose, epochs, value)
                except LedgerError:
                    # A step that is refused wrote nothing.
                    assert reader.history() == before
                assert reader.history() == ledger.history()
            assert reader.check() == []
            numbers = [record.number for record in ledger.history()]
            assert numbers == list(range(len(numbers)))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.dictionaries(st.text(min_size=1, max_size=20), finite, min_size=1, max_size=6))
def test_every_finite_float_and_every_name_comes_back_to_the_bit(held, opened, propose, values):
    number = len(held.history())
    propose(held, number)
    held.start_attempt(number, worker="")
    held.add_report(number, report().model_copy(update={"values": values}))
    held.end_trial(number, status=TrialStatus.COMPLETED, values=values, best_epoch=1, failure=None)
    read = opened().history()[number]
    assert read.values == values
    assert read.reports[0].values == values
    assert [v.hex() for v in read.values.values()] == [v.hex() for v in values.values()]


def test_a_trial_keeps_what_was_proposed(held, opened, propose):
    propose(held, 0)
    (trial,) = opened().history()
    assert dict(trial.point) == {"lr": 0.1 + 0.2, "block": 3, "share": True, "kind": "joint"}
    assert trial.point["share"] is True
    assert trial.config == {"optimizer": {"lr": 0.1 + 0.2}}
    assert (trial.config_digest, trial.origin, trial.seed) == ("digest-0", "sampler", 2**40)
    assert (trial.status, trial.attempts, trial.created_s) == (TrialStatus.QUEUED, 0, 2_000.0)


@pytest.mark.parametrize("number", [1, -1, 5])
def test_a_number_that_is_not_the_next_one_is_refused(held, opened, propose, number):
    with pytest.raises(LedgerError, match=f"trial {number} is not the next one"):
        propose(held, number)
    assert opened().history() == ()


def test_the_same_report_twice_is_stored_and_announced_once(held, opened, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    n_events = held.outbox.count_pending()
    first = held.add_report(0, report())
    assert held.add_report(0, report()) == first
    assert len(opened().history()[0].reports) == 1
    assert held.outbox.count_pending() == n_events + 1


def test_a_trial_that_goes_on_after_a_pause_keeps_its_first_start_and_its_reports(
    held, opened, propose, clock
):
    propose(held, 0)
    held.start_attempt(0, worker="a")
    held.add_report(0, report(1, 1, a=0.1))
    held.pause(0)
    held.requeue(0)
    clock.now_s += 500
    held.start_attempt(0, worker="b")
    held.add_report(0, report(2, 2, a=0.2))
    (trial,) = opened().history()
    assert (trial.attempts, trial.started_s, trial.worker) == (2, 2_000.0, "b")
    assert [(r.attempt, r.epoch, r.values["a"]) for r in trial.reports] == [
        (1, 1, 0.1),
        (2, 2, 0.2),
    ]


def test_an_epoch_trained_again_counts_with_the_newest_attempt(held, opened, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.add_report(0, report(1, 1, a=0.1))
    held.requeue(0, LOST)
    held.start_attempt(0, worker="")
    held.add_report(0, report(2, 1, a=0.9))
    (trial,) = opened().history()
    assert [(r.attempt, r.values["a"]) for r in trial.reports] == [(2, 0.9)]


def test_a_failed_trial_says_why(held, opened, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    why = Failure(kind=FailureKind.OUT_OF_MEMORY, message="CUDA out of memory: 2 GiB")
    held.end_trial(0, status=TrialStatus.FAILED, values={}, best_epoch=None, failure=why)
    (trial,) = opened().history()
    assert (trial.status, trial.failure, trial.ended_s) == (TrialStatus.FAILED, why, 2_000.0)


def test_what_ended_stays_ended(held, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.end_trial(0, status=TrialStatus.COMPLETED, values={"a": 1.0}, best_epoch=1, failure=None)
    for late in ("start", "report", "pause", "requeue", "complete", "fail"):
        with pytest.raises(LedgerError, match="trial 0 is completed, this needs"):
            step(held, late, 0, propose, {})


def test_the_study_and_its_picks_and_data_digest_come_back(held, opened):
    pick = Pick(number=3, rule="knee", inputs={"max": {"latency_ms": 20}}, reason="the knee")
    held.add_pick(pick)
    held.add_pick(pick.model_copy(update={"number": 4}))
    unused = (
        LeftOut(name="a.png", split="train", reason="broken"),
        LeftOut(name="b.png", split="validation", reason="it is missing", kind="mask"),
    )
    held.set_data("feed", unused)
    held.set_data("feed", unused)
    assert read_left_out(held.engine, held.name) == unused
    reader = opened()
    assert [p.number for p in reader.picks()] == [3, 4]
    assert reader.picks()[0] == pick
    info = reader.study()
    assert (info.name, info.seed, info.created_s, info.data_digest) == (
        "street",
        7,
        1_000.25,
        "feed",
    )
    assert [(o.metric, o.goal, o.reference) for o in info.objectives] == [
        ("detection/mAP", "maximize", 0.0),
        ("cost/latency_ms", "minimize", 100.0),
    ]


def test_a_reader_cannot_write(opened, propose):
    reader: Ledger = opened()
    with pytest.raises(LedgerError, match="no lease is held"):
        propose(reader, 0)
    assert reader.history() == ()


def test_a_late_report_of_an_attempt_that_is_over_changes_nothing(held, opened, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.add_report(0, report(1, 1))
    held.requeue(0, LOST)
    held.start_attempt(0, worker="")
    held.add_report(0, report(2, 1))
    before = opened().history()
    held.add_report(0, report(1, 1))
    held.add_report(0, report(1, 9))
    assert opened().history() == held.history() == before
    with pytest.raises(LedgerError, match="has 2 attempts"):
        held.add_report(0, report(7, 1))


@pytest.mark.parametrize(
    ("status", "values", "failure", "said"),
    [
        (TrialStatus.PAUSED, {}, None, "cannot end as paused"),
        (TrialStatus.FAILED, {}, None, "without a failure"),
        (TrialStatus.FAILED, {"a": 1.0}, LOST, "with values"),
        (TrialStatus.COMPLETED, {}, None, "without values"),
        (TrialStatus.COMPLETED, {"a": 1.0}, LOST, "with a failure"),
        (TrialStatus.COMPLETED, {"a": float("nan")}, None, "no numbers: a"),
    ],
)
def test_an_end_that_contradicts_itself_is_refused(
    held, opened, propose, status, values, failure, said
):
    propose(held, 0)
    held.start_attempt(0, worker="")
    before = opened().history()
    with pytest.raises(LedgerError, match=said):
        held.end_trial(0, status=status, values=values, best_epoch=None, failure=failure)
    assert opened().history() == held.history() == before


@pytest.mark.parametrize(
    "message", ["half of a pair: \ud800", "a zero: \x00", "caf\udce9.png", ""]
)
def test_any_text_of_an_error_can_be_kept(held, opened, propose, message):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.requeue(0, Failure(kind=FailureKind.LOST_WORKER, message=message))
    held.start_attempt(0, worker="")
    why = Failure(kind=FailureKind.ERROR, message=message)
    held.end_trial(0, status=TrialStatus.FAILED, values={}, best_epoch=None, failure=why)
    assert opened().history() == held.history()
    assert len(held.outbox.pending()) == 4


def test_a_configuration_is_remembered_as_a_reader_sees_it(held, opened):
    held.add_trial(
        number=0, point={}, config={"size": (96, 128)}, config_digest="", origin="default", seed=0
    )
    assert held.history() == opened().history()


def test_the_execution_of_a_paused_trial_cannot_fail_any_more(held, opened, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.add_report(0, report())
    held.pause(0)
    with pytest.raises(LedgerError):
        held.requeue(0, LOST)
    assert opened().history() == held.history()
    assert held.history()[0].setbacks == ()
