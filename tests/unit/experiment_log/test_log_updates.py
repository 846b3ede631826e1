"""Events to updates of runs: pure."""

import math
import posixpath

from hypothesis import given
from hypothesis import strategies as st

from automtl.experiment_log.updates import RUN_STATUS, updates_of, valid_key
from automtl.ledger.outbox import Event, EventKind
from automtl.results import TrialStatus

CONFIG = {
    "sharing": {"order": ["detection", "tracking"], "split_after": [3]},
    "weighting": {"kind": "upgrad"},
    "schedule": {"kind": "alternating", "block": 2},
    "optimizer": {"lr": 0.003},
}


def event(kind, body, time_s=1_700_000_000.5):
    return Event(id=1, kind=kind, body=body, time_s=time_s)


def test_a_report_becomes_points_at_its_epoch_and_time_without_the_infinite_ones():
    values = {"detection/mAP": 0.5, "loss/all": math.inf, "loss/tracking": math.nan}
    (update,) = updates_of(event(EventKind.REPORTED, {"number": 7, "epoch": 3, "values": values}))
    assert (update.run, update.name) == ("trial:7", "trial 7")
    (point,) = update.metrics
    assert (point.key, point.value, point.step) == ("detection/mAP", 0.5, 3)
    assert point.time_s == 1_700_000_000.5


def test_a_start_carries_the_point_as_params_and_the_configuration_whole():
    body = {
        "number": 0,
        "attempt": 2,
        "point": {"lr": 0.1 + 0.2, "share": True},
        "config": CONFIG,
        "config_digest": "feed",
        "origin": "sampler",
        "seed": 9,
        "started_s": 5.0,
    }
    (update,) = updates_of(event(EventKind.TRIAL_STARTED, body))
    assert update.params == {"lr": "0.30000000000000004", "share": "True"}
    assert update.documents == {"config.json": CONFIG}
    assert update.start_s == 5.0
    assert update.tags["automtl.schedule"] == "alternating"
    assert update.tags["automtl.weighting"] == "upgrad"
    assert update.tags["automtl.sharing"] == "detection-tracking [3]"


def test_every_final_status_has_one_of_mlflows():
    final = {status.value for status in TrialStatus if status.is_final}
    assert set(RUN_STATUS) == final
    assert set(RUN_STATUS.values()) <= {"FINISHED", "FAILED", "KILLED"}


def test_ranks_mark_the_front_and_describe_the_study():
    body = {"ranks": {"0": 0, "3": 2}, "note": "| trial |"}
    first, third, note = updates_of(event(EventKind.RANKED, body))
    assert [(u.run, u.metrics[0].key, u.metrics[0].value) for u in (first, third)] == [
        ("trial:0", "pareto.rank", 0),
        ("trial:3", "pareto.rank", 2),
    ]
    assert note.tags == {"mlflow.note.content": "| trial |"}


def test_delta_m_are_metrics_of_their_trials():
    deltas = {"3": {"delta_per_task": 1.5, "delta_primary": -2.0}}
    body = {"ranks": {}, "metrics": deltas, "note": ""}
    compared, _ = updates_of(event(EventKind.RANKED, body))
    assert compared.run == "trial:3"
    assert {p.key: p.value for p in compared.metrics} == deltas["3"]


def test_numbers_of_the_study_are_its_runs_by_the_trials_that_they_are_of():
    known = {"study": {"front/size": 2.0, "best/a": math.inf}, "3": {"p_front": 0.5}}
    body = {"ranks": {"3": 0, "4": 0, "5": 1}, "metrics": known, "note": "n"}
    *_, of_trial, of_study = updates_of(event(EventKind.RANKED, body))
    assert (of_trial.run, of_study.run) == ("trial:3", "study")
    assert [(p.key, p.value, p.step) for p in of_study.metrics] == [("front/size", 2.0, 3)]


@given(st.text(alphabet="a/. :", max_size=300) | st.text(max_size=300))
def test_keys_are_such_as_mlflow_takes(name):
    key = valid_key(name)
    assert 0 < len(key) <= 250
    assert all((c.isascii() and c.isalnum()) or c in "_-. :/" for c in key)
    # MLflow's rule for names that may become files.
    assert posixpath.normpath(key) == key != "."
    assert not key.startswith("/")


def test_a_trial_that_waits_is_scheduled_and_says_what_its_attempt_was_lost_to():
    failure = {"kind": "lost_worker", "message": "the worker died"}
    body = {"number": 4, "attempt": 2, "status": "queued", "failure": failure}
    (update,) = updates_of(event(EventKind.TRIAL_WAITS, body))
    assert (update.run, update.status, update.end_s) == ("trial:4", "SCHEDULED", None)
    assert update.tags == {
        "automtl.status": "queued",
        "automtl.lost_attempt.2": "2: lost_worker: the worker died",
    }
    (paused,) = updates_of(
        event(EventKind.TRIAL_WAITS, body | {"status": "paused", "failure": None})
    )
    assert paused.tags == {"automtl.status": "paused"}


def test_an_end_carries_final_values_at_the_best_epoch_and_the_reason():
    failure = {"kind": "non_finite", "message": "the loss of tracking is NaN"}
    body = {"number": 1, "status": "failed", "values": {}, "best_epoch": None, "failure": failure}
    (failed,) = updates_of(event(EventKind.TRIAL_ENDED, body))
    assert (failed.status, failed.end_s, failed.metrics) == ("FAILED", 1_700_000_000.5, ())
    assert failed.tags["automtl.failure"] == "non_finite"
    assert failed.tags["automtl.failure_message"] == "the loss of tracking is NaN"
    body |= {"status": "completed", "values": {"a": 0.5}, "best_epoch": 3, "failure": None}
    (ended,) = updates_of(event(EventKind.TRIAL_ENDED, body))
    assert [(p.key, p.value, p.step) for p in ended.metrics] == [("final/a", 0.5, 3)]
    assert ended.tags == {"automtl.status": "completed", "automtl.best_epoch": "3"}


def test_every_kind_of_event_is_told():
    told = {
        EventKind.REPORTED: {"number": 0, "epoch": 1, "values": {"a": 1.0}},
        EventKind.RANKED: {"ranks": {}, "note": ""},
        EventKind.PICKED: {"number": 0, "rule": "knee", "reason": "the knee"},
        EventKind.ARTIFACT: {"trial": None, "path": "report.html"},
    }
    for kind, body in told.items():
        assert updates_of(event(kind, body)), kind
