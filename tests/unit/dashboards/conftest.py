"""A study that looks like a real one, made from a seed."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from automtl.analysis.effects import Lessons
from automtl.attempts import Attempt
from automtl.config import TrialConfig
from automtl.results import (
    EpochReport,
    Failure,
    FailureKind,
    Objective,
    Pick,
    StudyInfo,
    TrialRecord,
    TrialStatus,
)
from automtl_dashboards.report import report_html
from automtl_dashboards.snapshot import Snapshot

BEGIN_S = 1_780_000_000.0
OBJECTIVES = (
    Objective(metric="detection/mAP", goal="maximize", reference=0.0),
    Objective(metric="segmentation/mIoU", goal="maximize", reference=0.0),
    Objective(metric="tracking/IDF1", goal="maximize", reference=0.0),
    Objective(metric="cost/latency_ms", goal="minimize", unit="ms", reference=40.0),
)
TASKS = ("detection", "segmentation", "tracking")
STEPS = 30
QUALITY = {
    "detection": "detection/mAP",
    "segmentation": "segmentation/mIoU",
    "tracking": "tracking/IDF1",
}
FLOORS = {
    "mean box": {"detection/mAP": 0.018},
    "majority class": {"segmentation/mIoU": 0.19},
    "random embeddings": {"tracking/IDF1": 0.41},
    "untrained network": {
        "detection/mAP": 0.0,
        "segmentation/mIoU": 0.08,
        "tracking/IDF1": 0.58,
    },
}
NOTES = {
    "MLflow": "mlflow ui --backend-store-uri sqlite:///runs/demo/mlflow.db",
    "Resume": "automtl resume runs/demo",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    study: StudyInfo
    history: tuple[TrialRecord, ...]
    picks: tuple[Pick, ...]

    def snapshot(self, **changes: object) -> Snapshot:
        """The study as a report gets it, with some parts replaced."""
        parts = {
            "study": self.study,
            "history": self.history,
            "picks": self.picks,
            "lessons": Lessons(),
        }
        parts |= changes
        return Snapshot(**{"attempts": attempts_of(parts["history"]), **parts})


def attempts_of(history: tuple[TrialRecord, ...]) -> tuple[Attempt, ...]:
    """One execution of each trial that has started."""
    return tuple(
        Attempt(
            number=record.number,
            attempt=1,
            worker=record.worker,
            started_s=record.started_s,
            ended_s=record.ended_s,
            outcome=record.status.value,
        )
        for record in history
        if record.started_s is not None
    )


def make_config(point: dict[str, float | int | str | bool]) -> dict[str, object]:
    splits = [point["sharing.split_after.0"], point["sharing.split_after.1"]]
    config = TrialConfig.from_plain(
        {
            "sharing": {"order": list(TASKS), "split_after": splits},
            "weighting": {"kind": point["weighting.kind"]},
            "schedule": {"kind": point["schedule.kind"]},
            "optimizer": {"steps_per_epoch": STEPS},
        }
    )
    return config.to_plain()


def make_study(objectives: tuple[Objective, ...] = OBJECTIVES) -> StudyInfo:
    return StudyInfo(
        name="quickstart",
        objectives=objectives,
        recipe={
            "description": "Generated clips, three tasks, minutes on two cores.",
            "budget": {"trials": 16, "minutes": None},
            "parameters": {
                "optimizer.lr": {"type": "float", "min": 1e-3, "max": 8e-3, "log": True},
                "weighting.weights.detection": {"type": "float", "log": True},
            },
        },
        recipe_digest="9f2c41d07be83a56",
        seed=0,
        created_s=BEGIN_S,
        data_digest="3be0a91c77d2f4e1",
        mlflow_run="4d1f0c3aa0c94d0f9f0a5e3c9d7b1e22",
    )


def make_point(number: int, rng: np.random.Generator) -> dict[str, float | int | str | bool]:
    kinds = ["fixed", "uncertainty", "upgrad", "pcgrad"]
    weighting = "fixed" if number == 0 else str(rng.choice(kinds))
    schedule = "joint" if number == 0 else str(rng.choice(["joint", "joint", "alternating"]))
    point: dict[str, float | int | str | bool] = {
        "optimizer.lr": float(np.exp(rng.uniform(np.log(1e-3), np.log(8e-3)))),
        "sharing.split_after.0": 4 if number == 0 else int(rng.integers(0, 5)),
        "sharing.split_after.1": 4 if number == 0 else int(rng.integers(0, 5)),
        "weighting.kind": weighting,
    }
    if weighting == "fixed":
        point["weighting.weights.detection"] = float(np.exp(rng.uniform(-1.0, 3.0)))
    point["schedule.kind"] = schedule
    if schedule == "alternating":
        point["schedule.block"] = int(rng.choice([1, 4, 16]))
    return point


def final_values(point: dict[str, float | int | str | bool], noise: float) -> dict[str, float]:
    shared = (int(point["sharing.split_after.0"]) + int(point["sharing.split_after.1"])) / 8
    detection = float(point.get("weighting.weights.detection", 4.0))
    skew = math.tanh(math.log(detection / 4.0))
    return {
        "detection/mAP": 0.46 + 0.09 * skew - 0.05 * shared + 0.03 * noise,
        "segmentation/mIoU": 0.66 - 0.08 * skew + 0.06 * shared - 0.04 * noise,
        "tracking/IDF1": 0.84 + 0.05 * shared * (1 - shared) * 4 - 0.03 * abs(skew),
        "cost/latency_ms": 31.0 - 15.0 * shared + 0.8 * noise,
    }


def make_reports(
    values: dict[str, float], start_s: float, n_epochs: int, tasks: tuple[str, ...] = TASKS
) -> tuple[EpochReport, ...]:
    reports = []
    for epoch in range(1, n_epochs + 1):
        share = 1 - math.exp(-1.1 * epoch)
        seen = {k: v if k.startswith("cost/") else v * share for k, v in values.items()}
        losses = {f"loss/{t}": 0.3 + (i + 1) * math.exp(-epoch) for i, t in enumerate(tasks)}
        weights = {f"weight/{t}": 1.0 + i / epoch for i, t in enumerate(tasks)}
        steps = {f"cost/optimizer_steps/{t}": float(epoch * STEPS) for t in tasks}
        told = seen | losses | weights | steps
        reports.append(
            EpochReport(attempt=1, epoch=epoch, values=told, time_s=start_s + 12.0 * epoch)
        )
    return tuple(reports)


def make_trial(number: int, rng: np.random.Generator, free_at: list[float]) -> TrialRecord:
    point = make_point(number, rng)
    worker = int(np.argmin(free_at))
    start = free_at[worker] + 0.4
    values = final_values(point, float(rng.normal()))
    n_epochs = 4
    status, failure = TrialStatus.COMPLETED, None
    if number % 13 == 5:
        status, n_epochs = TrialStatus.FAILED, 1
        failure = Failure(
            kind=FailureKind.NON_FINITE,
            message="loss/detection is not finite after step 131 of epoch 2",
        )
    elif number % 13 == 9:
        status, n_epochs = TrialStatus.FAILED, 0
        failure = Failure(
            kind=FailureKind.OUT_OF_MEMORY,
            message="CUDA out of memory. Tried to allocate 1.20 GiB (GPU 0; 7.79 GiB in total)",
        )
    elif number % 13 == 11:
        status, n_epochs = TrialStatus.STOPPED, 2
    reports = make_reports(values, start, n_epochs)
    end = start + 12.0 * max(n_epochs, 1) + float(rng.uniform(0, 6))
    free_at[worker] = end
    kept = dict(reports[-1].values) if reports and failure is None else {}
    return TrialRecord(
        number=number,
        point=point,
        config=make_config(point),
        config_digest=f"{number:016x}",
        origin="default" if number == 0 else "sampler",
        status=status,
        reports=reports,
        best_epoch=n_epochs if kept else None,
        values=kept,
        failure=failure,
        attempts=1,
        created_s=start - 0.1,
        started_s=start,
        ended_s=end,
        worker=f"gpu-box-{worker}",
    )


def make_baseline(number: int, task: str, value: float, start: float) -> TrialRecord:
    values = {QUALITY[task]: value, "cost/latency_ms": 10.5}
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest=f"{number:016x}",
        origin=f"baseline:{task}",
        status=TrialStatus.COMPLETED,
        reports=make_reports(values, start, 4, (task,)),
        best_epoch=4,
        values=values,
        attempts=1,
        created_s=start,
        started_s=start,
        ended_s=start + 50,
        worker="gpu-box-0",
    )


def make_synthetic(n_trials: int = 16, seed: int = 3) -> Synthetic:
    rng = np.random.default_rng(seed)
    free_at = [BEGIN_S, BEGIN_S + 1.5]
    trials = [make_trial(i, rng, free_at) for i in range(n_trials)]
    start = max(free_at)
    singles = [
        make_baseline(n_trials + i, task, value, start + 52.0 * i)
        for i, (task, value) in enumerate(zip(TASKS, (0.49, 0.63, 0.86), strict=True))
    ]
    scored = [t for t in trials if t.is_candidate]
    best = max(scored, key=lambda t: t.values["detection/mAP"] + t.values["segmentation/mIoU"])
    pick = Pick(
        number=best.number,
        rule="knee",
        inputs={"at_most": {"cost/latency_ms": 30}},
        reason="It lies farthest from the line between the extremes: giving up a little "
        "detection/mAP buys most of the segmentation/mIoU.",
        alternatives=tuple(t.number for t in scored if t.number != best.number)[:3],
        created_s=BEGIN_S + 900,
    )
    return Synthetic(study=make_study(), history=(*trials, *singles), picks=(pick,))


@pytest.fixture(scope="session")
def synthetic() -> Synthetic:
    return make_synthetic()


@pytest.fixture(scope="session")
def thousand() -> Synthetic:
    return make_synthetic(1000)


@pytest.fixture(scope="session")
def floors() -> dict[str, dict[str, float]]:
    return FLOORS


@pytest.fixture(scope="session")
def notes() -> dict[str, str]:
    return NOTES


@pytest.fixture(scope="session")
def full_page(synthetic, floors, notes) -> str:
    return report_html(synthetic.snapshot(floors=floors, notes=notes))
