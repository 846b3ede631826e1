"""System metrics are those of the process that trains, and belong to one report each."""

import os
import sys
import time
from pathlib import Path

import pytest
from cloudpickle import dumps, loads

import automtl
from automtl.dispatch.system_metrics import (
    MACHINE_CPU,
    MACHINE_MEMORY,
    PROCESS_CPU,
    PROCESS_MEMORY,
    with_system_metrics,
)
from automtl.errors import DispatchError
from automtl.results import Decision, TrialOrder

pytest.importorskip("psutil", reason="the extra `system` is not installed")

NAMES = {PROCESS_CPU, PROCESS_MEMORY, MACHINE_CPU, MACHINE_MEMORY}
ORDER = TrialOrder(number=0, attempt=1, point={}, config={}, seed=1, folder="/nowhere")
BLOCK = 64_000_000


def idle_then_busy_then_large(order, report):
    del order
    time.sleep(0.3)
    report(1, {"error": 1.0})
    began = time.process_time()
    while time.process_time() < began + 0.3:
        pass
    report(2, {"error": 0.5})
    held = os.urandom(BLOCK)
    report(3, {"error": 0.25 + 0 * len(held)})


def reports_of(trainable) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}

    def report(epoch: int, values) -> Decision:
        found[epoch] = dict(values)
        return Decision.CONTINUE

    trainable(ORDER, report)
    return found


def test_each_report_has_what_the_process_did_since_the_last_one():
    found = reports_of(with_system_metrics(idle_then_busy_then_large))
    assert [values["error"] for values in found.values()] == [1.0, 0.5, 0.25]
    assert all(set(values) == {"error", *NAMES} for values in found.values())
    assert found[1][PROCESS_CPU] < found[2][PROCESS_CPU]
    assert found[3][PROCESS_MEMORY] - found[2][PROCESS_MEMORY] == pytest.approx(64, abs=8)
    for values in found.values():
        assert 0 <= values[MACHINE_CPU] <= 100
        assert 0 < values[MACHINE_MEMORY] <= 100


def test_it_travels_to_a_worker():
    trainable = loads(dumps(with_system_metrics(idle_then_busy_then_large)))
    assert set(reports_of(trainable)[2]) == {"error", *NAMES}


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(DispatchError, match=r"automtl\[system\]"):
        with_system_metrics(idle_then_busy_then_large)


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [True, False])
def test_a_search_keeps_them_where_they_are_wanted(tmp_path: Path, wanted):
    def train(params, report) -> None:
        report(1, {"error": params["lr"]})

    study = automtl.Study(
        tmp_path / "study",
        objectives=[automtl.Objective(metric="error", goal="minimize")],
        parameters={"lr": automtl.Float(0.1, 1)},
        budget=automtl.Budget(trials=1),
        resources=automtl.Resources(system_metrics=wanted),
    )
    study.run(train, dispatcher="local")
    (trial,) = study.history()
    assert set(trial.values) == {"error", *(NAMES if wanted else ())}
