"""Every fact is announced once, in order, and in the transaction that wrote it."""

from functools import partial

import pytest

from automtl.errors import LedgerError
from automtl.ledger import statements
from automtl.ledger.holder import this_process
from automtl.ledger.outbox import EventKind
from automtl.ledger.runs import read_runs
from automtl.results import EpochReport, Failure, FailureKind, Pick, TrialStatus


def live(ledger, propose, number=0):
    propose(ledger, number)
    ledger.start_attempt(number, worker="")
    ledger.add_report(number, EpochReport(attempt=1, epoch=1, values={"a": 0.25}, time_s=2_001.5))
    ledger.end_trial(
        number, status=TrialStatus.COMPLETED, values={"a": 0.25}, best_epoch=1, failure=None
    )


def test_a_life_is_announced_in_order_with_the_times_of_the_facts(held, propose, clock):
    live(held, propose)
    events = held.outbox.pending()
    assert [(e.kind, e.time_s) for e in events] == [
        (EventKind.TRIAL_STARTED, 2_000.0),
        (EventKind.REPORTED, 2_001.5),
        (EventKind.TRIAL_ENDED, 2_000.0),
    ]
    assert [e.id for e in events] == sorted(e.id for e in events)
    assert events[1].body == {"number": 0, "epoch": 1, "values": {"a": 0.25}}


def test_sent_events_do_not_come_back(held, opened, propose):
    live(held, propose)
    first, second, third = held.outbox.pending()
    held.outbox.mark_sent([first.id, third.id], 3_000.0)
    assert opened().outbox.pending() == [second]
    assert opened().outbox.count_pending() == 1


def test_where_a_trial_went_is_kept_and_no_part_of_its_record(held, opened, propose):
    live(held, propose)
    before, events = held.history(), held.outbox.pending()
    held.outbox.mark_sent([events[0].id], 3_000.0, {0: "first"})
    held.outbox.mark_sent([events[1].id], 3_000.0, {0: "again"})
    held.outbox.mark_sent([events[2].id], 3_000.0)
    other = opened()
    assert read_runs(other.engine, "street") == {0: "again"}
    assert other.history() == before
    assert other.check() == []


def test_the_pulse_grows_with_facts_and_runs_alone(held, opened, propose):
    reader = opened()
    seen = [reader.outbox.pulse()]
    live(held, propose)
    seen.append(reader.outbox.pulse())
    ids = [event.id for event in held.outbox.pending()]
    held.outbox.mark_sent(ids, 3_000.0)
    assert reader.outbox.pulse() == seen[-1]
    held.outbox.mark_sent(ids, 3_000.0, {0: "run"})
    seen.append(reader.outbox.pulse())
    assert seen[0] == 0
    assert seen == sorted(set(seen))


def test_marking_nothing_changes_nothing(held, propose):
    live(held, propose)
    held.outbox.mark_sent([], 3_000.0)
    assert held.outbox.count_pending() == 3


def test_a_limit_gives_the_oldest(held, propose):
    live(held, propose)
    assert held.outbox.pending(2) == held.outbox.pending()[:2]


def test_a_trial_that_waits_is_announced_with_what_its_attempt_was_lost_to(held, propose):
    propose(held, 0)
    held.start_attempt(0, worker="")
    held.requeue(0, Failure(kind=FailureKind.LOST_WORKER, message="gone"))
    held.start_attempt(0, worker="")
    held.pause(0)
    waits = [e.body for e in held.outbox.pending() if e.kind is EventKind.TRIAL_WAITS]
    lost = {"kind": "lost_worker", "message": "gone"}
    assert waits == [
        {"number": 0, "attempt": 1, "status": "queued", "failure": lost},
        {"number": 0, "attempt": 2, "status": "paused", "failure": None},
    ]


def test_what_is_known_of_trials_and_of_the_study_is_announced_with_the_ranks(held):
    held.add_ranks({4: 0}, note="", metrics={None: {"front/size": 1.0}, 4: {"p_front": 0.5}})
    (ranked,) = held.outbox.pending()
    assert ranked.body["metrics"] == {"study": {"front/size": 1.0}, "4": {"p_front": 0.5}}


def test_picks_ranks_and_artifacts_are_announced(held):
    held.add_ranks({0: 0, 4: 1}, note="| trial |")
    held.add_pick(Pick(number=4, rule="knee", inputs={}, reason="the knee", created_s=5.0))
    held.add_artifact(kind="report", path="report.html")
    ranked, picked, artifact = held.outbox.pending()
    assert ranked.body == {"ranks": {"0": 0, "4": 1}, "note": "| trial |"}
    assert (picked.body["number"], picked.time_s) == (4, 5.0)
    assert artifact.body == {"kind": "report", "path": "report.html", "trial": None}


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("part", ["announce", "close_attempt"])
def test_a_decision_that_breaks_off_leaves_neither_fact_nor_event(
    held, opened, propose, monkeypatch, part
):
    propose(held, 0)
    held.start_attempt(0, worker="")
    reader = opened()
    before = (reader.history(), reader.outbox.pending())

    def fall(*_args):
        raise PowerCutError

    end = partial(
        held.end_trial,
        0,
        status=TrialStatus.COMPLETED,
        values={"a": 1.0},
        best_epoch=1,
        failure=None,
    )
    with monkeypatch.context() as patch:
        patch.setattr(statements, part, fall)
        with pytest.raises(PowerCutError):
            end()
    assert (reader.history(), reader.outbox.pending()) == before
    assert held.history() == before[0]
    # The writer can go on where it was.
    end()
    assert reader.check() == []


def test_who_was_fenced_out_cannot_say_that_events_arrived(held, url, propose):
    from automtl.ledger.studies import open_ledger

    live(held, propose)
    waiting = [event.id for event in held.outbox.pending()]
    with open_ledger(url, study=held.name) as other:
        other.clock = lambda: held.clock() + 1e6
        other.acquire_lease(this_process(), ttl_s=60, takeover=True)
        with pytest.raises(LedgerError):
            held.outbox.mark_sent(waiting, 3_000.0, {0: "run"})
        assert [event.id for event in other.outbox.pending()] == waiting
        assert read_runs(other.engine, other.name) == {}


def test_two_studies_of_one_database_have_two_outboxes(held, url, propose, holder):
    from automtl.ledger.studies import create_study, open_ledger

    create_study(url, held.study().model_copy(update={"name": "other"}))
    live(held, propose)
    with open_ledger(url, study="other") as other:
        other.acquire_lease(this_process(), ttl_s=60)
        assert other.outbox.pending() == []
        other.outbox.mark_sent([e.id for e in held.outbox.pending()], 1.0)
    assert held.outbox.count_pending() == 3
