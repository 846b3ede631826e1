"""Events of the ledger to updates of runs: pure, without MLflow."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automtl.ledger.outbox import OF_STUDY, Event, EventKind

STUDY_RUN = "study"
TRIAL = "trial:"
TUNED = "tuned"
"""Kind of an artifact: the bundle of a model that was trained further from another one."""

PICK_TAG, REASON_TAG = "automtl.pick", "automtl.pick_reason"
KEY_LIMIT = 120
"""Longest name; MLflow's own limit is larger."""
PATH_PARTS = ("", ".", "..")
VALUE_LIMIT = 500
"""Longest parameter value; MLflow's own limit is larger, its table is not readable beyond this."""

RUN_STATUS = {
    "completed": "FINISHED",
    "stopped": "KILLED",
    "failed": "FAILED",
    "infeasible": "FINISHED",
}
"""MLflow's status of a run by the trial's; the trial's own is the tag ``automtl.status``."""
WAITING = "SCHEDULED"
"""MLflow's status of a trial that is paused, or whose execution was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """A metric with the time at which it was measured, so that sending it again adds nothing."""

    key: str
    value: float
    step: int
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdate:
    """What changes in one run.

    Attributes:
        run: ``study``, ``trial:NUMBER``, or ``tuned:...`` for a model that was trained further.
        name: Name of the run for people, used when it is created.
        parent: The run that it is shown under.
        start_s: Unix time of its start, if it begins (again) now.
        metrics: Points of curves and final values.
        params: Parameters that vary in the study.
        tags: For filters.
        documents: JSON artifacts by file name.
        files: Files or folders to copy as artifacts; a bundle becomes a registered model.
        on_front: Whether the trial is on the front, if it is news.
        status: MLflow's status if it ends now or waits.
        end_s: Unix time of its end, None if it waits.
    """

    run: str
    name: str
    parent: str = STUDY_RUN
    start_s: float | None = None
    metrics: tuple[MetricPoint, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, object] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    on_front: bool | None = None
    status: str | None = None
    end_s: float | None = None


def trial_run(number: int) -> str:
    """Return the key of a trial's run."""
    return f"{TRIAL}{number}"


def trial_of(run: str) -> int | None:
    """Return the trial of a run's key; None if it is no trial's.

    >>> trial_of(trial_run(7)), trial_of(STUDY_RUN)
    (7, None)
    """
    return int(run.removeprefix(TRIAL)) if run.startswith(TRIAL) else None


def updates_of(event: Event) -> list[RunUpdate]:  # noqa: C901, PLR0911  # one for each kind
    """Return what an event changes, run by run."""
    body: Any = event.body
    match event.kind:
        case EventKind.TRIAL_STARTED:
            return [_started(body)]
        case EventKind.REPORTED:
            points = _points("", body["values"], int(body["epoch"]), event.time_s)
            return [_trial(body["number"], metrics=points)]
        case EventKind.TRIAL_WAITS:
            return [_waits(body)]
        case EventKind.TRIAL_ENDED:
            return [_ended(body, event.time_s)]
        case EventKind.RANKED:
            return _ranked(body, event.time_s)
        case EventKind.PICKED:
            tags = {PICK_TAG: str(body["number"]), REASON_TAG: body["reason"]}
            chosen = _trial(body["number"], tags={"automtl.picked_by": body["rule"]})
            return [RunUpdate(run=STUDY_RUN, name=STUDY_RUN, tags=tags), chosen]
        case EventKind.ARTIFACT:
            return [_artifact(body, event.time_s)]
        case EventKind.NOTED:
            return [_trial(body["number"], tags={_note_key(body): body["text"]})]


def valid_key(name: str) -> str:
    """Return a name with the characters that MLflow takes.

    >>> valid_key("mAP@[0.5]"), valid_key("/loss//x")
    ('mAP__0.5_', '_/loss/_/x')
    """
    plain = re.sub(r"[^A-Za-z0-9_\-. :/]|^\.\.", "_", name)[:KEY_LIMIT]
    # MLflow reads a name as a path, and takes only one that is already as short as it can be.
    return "/".join(
        "_" * len(part or "_") if part in PATH_PARTS else part for part in plain.split("/")
    )


def _trial(number: int, **changes: Any) -> RunUpdate:  # fields of RunUpdate
    return RunUpdate(run=trial_run(number), name=f"trial {number}", **changes)


def _started(body: Mapping[str, Any]) -> RunUpdate:
    config = body["config"]
    tags = {
        "automtl.status": "running",
        "automtl.origin": body["origin"],
        "automtl.attempt": str(body["attempt"]),
        "automtl.seed": str(body["seed"]),
        "automtl.config_digest": body["config_digest"],
        "automtl.schedule": _kind(config, "schedule"),
        "automtl.weighting": _kind(config, "weighting"),
        "automtl.sharing": _sharing(config),
        # An event of an earlier version does not say it.
        "automtl.micro_batches": str(body.get("micro_batches", 1)),
    }
    params = {valid_key(k): str(v)[:VALUE_LIMIT] for k, v in body["point"].items()}
    return _trial(
        body["number"],
        start_s=body["started_s"],
        params=params,
        tags={key: value for key, value in tags.items() if value},
        documents={"config.json": config},
    )


def _waits(body: Mapping[str, Any]) -> RunUpdate:
    tags = {"automtl.status": body["status"]}
    failure = body["failure"]
    if failure is not None:
        text = f"{body['attempt']}: {failure['kind']}: {failure['message']}"
        # A tag for each: the next one would replace the words of this one.
        tags[f"automtl.lost_attempt.{body['attempt']}"] = text
    return _trial(body["number"], tags=tags, status=WAITING)


def _ended(body: Mapping[str, Any], time_s: float) -> RunUpdate:
    failure = body["failure"]
    tags = {"automtl.status": body["status"]}
    if failure is not None:
        tags |= {
            "automtl.failure": failure["kind"],
            "automtl.failure_message": failure["message"],
        }
    if body["best_epoch"] is not None:
        tags["automtl.best_epoch"] = str(body["best_epoch"])
    return _trial(
        body["number"],
        metrics=_points("final/", body["values"], int(body["best_epoch"] or 0), time_s),
        tags=tags,
        status=RUN_STATUS[body["status"]],
        end_s=time_s,
    )


def _ranked(body: Mapping[str, Any], time_s: float) -> list[RunUpdate]:
    found = [
        _trial(
            int(number),
            metrics=(MetricPoint(key="pareto.rank", value=rank, step=0, time_s=time_s),),
            tags={"automtl.on_front": str(rank == 0).lower()},
            on_front=rank == 0,
        )
        for number, rank in body["ranks"].items()
    ]
    # Events of an older version have none.
    known = dict(body.get("metrics", {}))
    # By the trials that it speaks of: a study that goes on has curves.
    of_study = _points("", known.pop(OF_STUDY, {}), len(body["ranks"]), time_s)
    measured = [
        _trial(int(number), metrics=_points("", values, 0, time_s))
        for number, values in known.items()
    ]
    tags = {"mlflow.note.content": body["note"]}
    study = RunUpdate(run=STUDY_RUN, name=STUDY_RUN, metrics=of_study, tags=tags)
    return [*found, *measured, study]


def _artifact(body: Mapping[str, Any], time_s: float) -> RunUpdate:
    files = (Path(body["path"]),)
    if body.get("kind") == TUNED:
        return _tuned(body, files, time_s)
    if body["trial"] is None:
        return RunUpdate(run=STUDY_RUN, name=STUDY_RUN, files=files)
    return _trial(body["trial"], files=files)


def _tuned(body: Mapping[str, Any], files: tuple[Path, ...], time_s: float) -> RunUpdate:
    # Its time is part of the name: another training may write its bundle to the same place.
    name, trial = files[0].name, body["trial"]
    return RunUpdate(
        run=f"{TUNED}:{name}:{time_s:.3f}",
        name=name,
        parent=STUDY_RUN if trial is None else trial_run(trial),
        tags={"automtl.status": "completed", "automtl.origin": TUNED},
        files=files,
        status="FINISHED",
        end_s=time_s,
    )


def _note_key(body: Mapping[str, Any]) -> str:
    return f"automtl.note.{body['attempt']}"


def _points(
    prefix: str, values: Mapping[str, float], step: int, time_s: float
) -> tuple[MetricPoint, ...]:
    # MLflow stores infinities as the largest double, which ruins every chart.
    return tuple(
        MetricPoint(key=valid_key(prefix + key), value=value, step=step, time_s=time_s)
        for key, value in values.items()
        if math.isfinite(value)
    )


def _kind(config: Mapping[str, Any], part: str) -> str:
    value = config.get(part)
    return str(value.get("kind", "")) if isinstance(value, Mapping) else ""


def _sharing(config: Mapping[str, Any]) -> str:
    sharing = config.get("sharing")
    if not isinstance(sharing, Mapping):
        return ""
    return f"{'-'.join(sharing['order'])} {list(sharing['split_after'])}"
