"""Joined or not, every run is left the same."""

from hypothesis import given
from hypothesis import strategies as st

from automtl.experiment_log.joining import sendings
from automtl.experiment_log.updates import updates_of
from automtl.ledger.outbox import Event, EventKind

STARTED, REPORTED, WAITS, ENDED, NOTED = (
    EventKind.TRIAL_STARTED,
    EventKind.REPORTED,
    EventKind.TRIAL_WAITS,
    EventKind.TRIAL_ENDED,
    EventKind.NOTED,
)


def event(number, kind, trial, point=None):
    """An event whose facts all depend on its number, so that none can pass for another's."""
    values = {"q": number / 7, "loss/a": 1.0 + number}
    body = {
        STARTED: {
            "point": point or {"lr": 0.5},
            "config": {"weighting": {"kind": f"w{number}"}},
            "config_digest": str(number),
            "origin": "sampler",
            "seed": number,
            "started_s": float(number),
        },
        REPORTED: {"epoch": number + 1, "values": values},
        WAITS: {"status": "paused", "failure": None},
        ENDED: {"status": "completed", "values": values, "best_epoch": 1, "failure": None},
        NOTED: {"text": f"note {number}"},
        EventKind.RANKED: {"ranks": {str(trial): number}, "note": str(number)},
    }[kind]
    common = {"number": trial, "attempt": number % 3 + 1}
    return Event(id=number, kind=kind, body={**body, **common}, time_s=float(number))


def of_lives(drawn):
    """Events of trials, none of which goes on after its end."""
    over, events = set(), []
    for kind, trial in drawn:
        if kind is EventKind.RANKED or trial not in over:
            events.append(event(len(events), kind, trial))
        if kind is ENDED:
            over.add(trial)
    return events


KINDS = st.sampled_from([REPORTED] * 3 + [STARTED, WAITS, NOTED, ENDED, EventKind.RANKED])
EVENTS = st.lists(st.tuples(KINDS, st.integers(0, 2)), max_size=30).map(of_lives)


@given(EVENTS)
def test_each_run_is_left_the_same(events):
    found = sendings(events)
    plain = [update for one in events for update in updates_of(one)]
    joined = [
        update
        for sending in found
        for update in ([sending.joined] if sending.joined else sending.updates)
    ]
    assert sorted(i for sending in found for i in sending.ids) == [e.id for e in events]
    for run in {update.run for update in plain}:
        assert left_of(joined, run) == left_of(plain, run)


@given(EVENTS)
def test_what_is_sent_one_by_one_keeps_its_order(events):
    plain = [update for one in events for update in updates_of(one)]
    separate = [update for sending in sendings(events) for update in sending.updates]
    for run in {update.run for update in plain}:
        assert [u for u in separate if u.run == run] == [u for u in plain if u.run == run]


def test_a_whole_trial_is_one_update():
    kinds = [STARTED, *[REPORTED] * 48, NOTED, ENDED]
    (found,) = sendings([event(i, kind, 0) for i, kind in enumerate(kinds)])
    joined = found.joined
    assert joined is not None
    assert (joined.start_s, joined.status, joined.end_s) == (0.0, "FINISHED", 50.0)
    assert len(joined.metrics) == 2 * 49


def test_reports_of_running_trials_are_one_update_for_each():
    found = sendings([event(i, REPORTED, i % 2) for i in range(100)])
    assert [len(s.joined.metrics) for s in found if s.joined] == [100, 100]


def test_a_rank_between_two_reports_keeps_them_apart():
    kinds = [REPORTED, EventKind.RANKED, REPORTED]
    found = sendings([event(i, kind, 0) for i, kind in enumerate(kinds)])
    assert [s.ids for s in found] == [(0,), (1,), (2,)]
    assert not any(s.joined for s in found)


def test_a_parameter_with_two_values_is_not_hidden_by_the_first():
    points = [{"lr": 0.5}, {"lr": 0.5}, {"lr": 0.25}]
    found = sendings([event(i, STARTED, 0, point) for i, point in enumerate(points)])
    assert [s.ids for s in found] == [(0, 1), (2,)]


def left_of(updates, run):
    """What a run is after its updates, applied as the sink applies them."""
    left = {"status": None, "params": {}, "tags": {}, "documents": {}, "points": [], "files": []}
    for update in updates:
        if update.run != run:
            continue
        if left["status"] is None or (update.start_s is not None and update.status is None):
            left["status"] = "RUNNING"
        if update.start_s is not None:
            left.setdefault("start_s", update.start_s)
        for name in ("params", "tags", "documents"):
            left[name] |= getattr(update, name)
        left["points"] += update.metrics
        left["files"] += update.files
        left["status"] = update.status or left["status"]
        left["end_s"] = update.end_s or left.get("end_s")
    return left
