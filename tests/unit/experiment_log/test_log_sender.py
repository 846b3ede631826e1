"""The sender with a scripted MLflow: what is slow, broken or taken over stays apart."""

import threading
import time

import pytest

from automtl.experiment_log import ExperimentLog, sender
from automtl.experiment_log.messages import RefusedError
from automtl.ledger.holder import Holder, this_process
from automtl.ledger.outbox import Outbox
from automtl.ledger.runs import read_runs
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import EpochReport, Objective, StudyInfo


class ScriptedSink:
    """Takes updates as ``script`` says: it is called with each, and may wait or raise."""

    def __init__(self, script):
        self.script = script
        self.is_connected = False
        self.taken = []
        self.status = None

    def connect(self):
        self.is_connected = True
        return "run-of-the-study", "7"

    def apply(self, update):
        self.script(update)
        self.taken.append(update)
        return f"run-of-{update.run}"

    def finish(self, status, end_s):
        self.status = status

    def kill(self):
        pass

    def close(self):
        self.is_connected = False


@pytest.fixture
def clock():
    return [1_000.0]


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    info = StudyInfo(
        name="s",
        objectives=(Objective(metric="a", goal="maximize"),),
        recipe={},
        recipe_digest="",
        seed=0,
        created_s=0.0,
    )
    create_study(url, info)
    return url


@pytest.fixture
def ledger(url, clock):
    with open_ledger(url, clock=lambda: clock[0]) as ledger:
        ledger.acquire_lease(Holder(user="first", host="elsewhere", process=1), ttl_s=60)
        yield ledger


@pytest.fixture
def log_with(ledger, tmp_path, monkeypatch):
    """Makes a started log whose MLflow does what a function says."""
    monkeypatch.setattr(sender, "IDLE_S", 0.02)

    def make(script):
        sink = ScriptedSink(script)
        monkeypatch.setattr(sender, "RemoteSink", lambda _settings: sink)
        log = ExperimentLog(tracking_uri="scripted", artifacts=tmp_path, ledger=ledger)
        log.start()
        return log, sink

    return make


def announce(ledger, n):
    for number in range(n):
        ledger.add_ranks({}, note=str(number))


def notes(sink):
    return [update.tags["mlflow.note.content"] for update in sink.taken]


def take(_update):
    pass


def test_events_arrive_in_order_while_the_search_goes_on(ledger, log_with):
    log, sink = log_with(take)
    announce(ledger, 5)
    assert log.close(timeout_s=10, status="KILLED") == 0
    assert notes(sink) == ["0", "1", "2", "3", "4"]
    assert sink.status == "KILLED"
    study = ledger.study()
    assert (study.mlflow_run, study.mlflow_experiment) == ("run-of-the-study", "7")


def test_a_failure_is_tried_again_and_nothing_is_skipped_or_doubled(ledger, log_with):
    failures = ["server on fire at http://me:SECRET@host\nmore", "still burning"]

    def burn(update):
        if update.tags["mlflow.note.content"] == "2" and failures:
            raise ConnectionError(failures.pop(0))

    announce(ledger, 4)
    log, sink = log_with(burn)
    assert log.close(timeout_s=10) == 0
    assert notes(sink) == ["0", "1", "2", "3"]
    assert log.last_error == ""


def test_the_last_error_is_one_line_without_a_password(ledger, log_with):
    def burn(_update):
        msg = "no answer from http://me:SECRET@host\nmore"
        raise ConnectionError(msg)

    announce(ledger, 2)
    log, sink = log_with(burn)
    assert log.close(timeout_s=0.3) == 2
    assert log.last_error == "ConnectionError: no answer from http://me:***@host"
    assert sink.status is None


def test_a_slow_server_holds_up_the_end_no_longer_than_asked(ledger, log_with):
    announce(ledger, 50)
    log, sink = log_with(lambda _update: time.sleep(0.1))
    began = time.monotonic()
    left = log.close(timeout_s=0.35)
    assert time.monotonic() - began < 2
    assert 0 < left < 50
    assert left == 50 - len(sink.taken)
    assert sink.status is None, "a study is not finished before all has arrived"


def test_a_slow_server_is_waited_for_while_it_answers(ledger, log_with):
    announce(ledger, 12)
    log, sink = log_with(lambda _update: time.sleep(0.1))
    assert log.close(timeout_s=0.6, longest_s=30) == 0
    assert (len(sink.taken), sink.status) == (12, "FINISHED")


def test_files_take_as_long_as_all_may(ledger, log_with, tmp_path):
    ledger.add_artifact(kind="report", path=str(tmp_path / "report.html"))
    log, sink = log_with(lambda update: time.sleep(1.0 if update.files else 0.0))
    assert log.close(timeout_s=0.3, longest_s=30) == 0
    assert ([len(update.files) for update in sink.taken], sink.status) == ([1], "FINISHED")


def test_a_slow_server_is_not_waited_for_longer_than_the_longest(ledger, log_with):
    announce(ledger, 50)
    log, sink = log_with(lambda _update: time.sleep(0.1))
    began = time.monotonic()
    assert log.close(timeout_s=0.6, longest_s=1.0) == 50 - len(sink.taken) > 0
    assert time.monotonic() - began < 3


def test_a_server_that_never_answers_holds_up_the_end_no_longer_than_asked(ledger, log_with):
    never = threading.Event()
    announce(ledger, 1)
    log, _ = log_with(lambda _update: never.wait(20))
    began = time.monotonic()
    assert log.close(timeout_s=0.1) == 1
    assert time.monotonic() - began < 5
    never.set()


def test_what_is_refused_is_left_out_and_named(ledger, log_with):
    def picky(update):
        if update.tags.get("mlflow.note.content") == "1":
            msg = "INVALID_PARAMETER_VALUE: no"
            raise RefusedError(msg)

    announce(ledger, 3)
    log, sink = log_with(picky)
    assert log.close(timeout_s=10) == 0
    assert log.refused == ["study: INVALID_PARAMETER_VALUE: no"]
    assert [u.tags for u in sink.taken[-1:]] == [{"automtl.refused": log.refused[0]}]


def test_one_refused_report_does_not_take_the_others_with_it(ledger, log_with):
    ledger.add_trial(number=0, point={}, config={}, config_digest="0", origin="sampler", seed=0)
    ledger.start_attempt(0, worker="")
    for epoch in (1, 2, 3):
        values = {"a": float(epoch)}
        ledger.add_report(0, EpochReport(attempt=1, epoch=epoch, values=values, time_s=1.0))

    def picky(update):
        if any(point.value == 2.0 for point in update.metrics):
            msg = "INVALID_PARAMETER_VALUE: no"
            raise RefusedError(msg)

    log, sink = log_with(picky)
    assert log.close(timeout_s=10) == 0
    assert [point.value for update in sink.taken for point in update.metrics] == [1.0, 3.0]
    assert log.refused == ["trial 0: INVALID_PARAMETER_VALUE: no"]


def test_the_ledger_knows_the_run_of_each_trial_that_has_arrived(ledger, log_with):
    def late(update):
        if update.run == "trial:2":
            msg = "down"
            raise ConnectionError(msg)

    for number in (0, 1, 2):
        ledger.add_trial(
            number=number, point={}, config={}, config_digest="", origin="sampler", seed=0
        )
        ledger.start_attempt(number, worker="")
    # Of a trial and of the study at once; another event of a trial that is known already.
    ledger.add_ranks({0: 0, 1: 1}, note="")
    ledger.add_report(0, EpochReport(attempt=1, epoch=1, values={"a": 1.0}, time_s=1.0))
    log, _ = log_with(late)
    assert log.close(timeout_s=0.5) > 0
    known = {0: "run-of-trial:0", 1: "run-of-trial:1"}
    assert read_runs(ledger.engine, "s") == known
    log, _ = log_with(take)
    assert log.close(timeout_s=10) == 0
    assert read_runs(ledger.engine, "s") == {**known, 2: "run-of-trial:2"}


def test_a_controller_that_lost_its_lease_sends_no_more(ledger, url, clock, log_with):
    log, sink = log_with(take)
    clock[0] += 61
    with open_ledger(url, clock=lambda: clock[0]) as second:
        second.acquire_lease(this_process(), ttl_s=60, takeover=True)
        n_taken = len(sink.taken)
        announce(second, 3)
        assert log.close(timeout_s=10) == 3
        assert len(sink.taken) == n_taken
        assert "lost its lease" in log.last_error
        assert sink.status is None


def test_what_was_held_back_is_sent_when_the_search_ends_at_once(ledger, log_with, monkeypatch):
    """The sender waits for a first report; the end may come while it decides to wait."""
    asked, closing = threading.Event(), threading.Event()
    pending = Outbox.pending

    def slow(outbox, limit=500):
        found = pending(outbox, limit)
        asked.set()
        closing.wait(5)
        return found

    monkeypatch.setattr(Outbox, "pending", slow)
    ledger.add_trial(number=0, point={}, config={}, config_digest="", origin="default", seed=0)
    ledger.start_attempt(0, worker="")
    log, sink = log_with(take)
    asked.wait(5)
    threading.Timer(0.2, closing.set).start()
    assert log.close(timeout_s=10) == 0
    assert [update.name for update in sink.taken] == ["trial 0"]
