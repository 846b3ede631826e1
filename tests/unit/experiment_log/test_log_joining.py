"""Joined or not, every run is told the same in the same order."""

from hypothesis import given
from hypothesis import strategies as st

from automtl.experiment_log.joining import sendings
from automtl.experiment_log.updates import updates_of
from automtl.ledger.outbox import Event, EventKind


def event(number, kind, trial):
    body = {"number": trial, "epoch": number + 1, "values": {"q": number / 7}, "attempt": 1}
    if kind is EventKind.TRIAL_WAITS:
        body |= {"status": "paused", "failure": None}
    return Event(id=number, kind=kind, body=body, time_s=float(number))


KINDS = st.sampled_from([EventKind.REPORTED] * 4 + [EventKind.TRIAL_WAITS])
EVENTS = st.lists(st.tuples(KINDS, st.integers(0, 3)), max_size=30).map(
    lambda drawn: [event(i, kind, trial) for i, (kind, trial) in enumerate(drawn)]
)


@given(EVENTS)
def test_each_run_is_told_the_same_in_the_same_order(events):
    found = sendings(events)
    plain = [update for one in events for update in updates_of(one)]
    joined = [
        update
        for sending in found
        for update in ([sending.joined] if sending.joined else sending.updates)
    ]
    assert sorted(i for sending in found for i in sending.ids) == [e.id for e in events]
    for run in {update.run for update in plain}:
        assert said(joined, run) == said(plain, run)
        ids = [i for s in found for i in s.ids if s.updates[0].run == run]
        assert ids == sorted(ids)


def test_reports_of_running_trials_are_one_update_for_each():
    events = [event(i, EventKind.REPORTED, i % 2) for i in range(100)]
    found = sendings(events)
    assert len(found) == 2
    assert [len(s.joined.metrics) for s in found] == [50, 50]


def test_an_end_between_two_reports_keeps_them_apart():
    kinds = [EventKind.REPORTED, EventKind.TRIAL_WAITS, EventKind.REPORTED]
    found = sendings([event(i, kind, 0) for i, kind in enumerate(kinds)])
    assert [s.ids for s in found] == [(0,), (1,), (2,)]
    assert not any(s.joined for s in found)


def said(updates, run):
    """What a run is told: its points, and everything else, in order."""
    lines = []
    for update in updates:
        if update.run == run:
            lines += list(update.metrics)
            lines += [(update.status, update.tags)] if update.status else []
    return lines
