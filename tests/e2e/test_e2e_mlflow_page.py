"""What MLflow's own pages show of a study, read in Chromium."""

from pathlib import Path

import pytest

import automtl
from automtl.dispatch.system_metrics import (
    MACHINE_CPU,
    MACHINE_MEMORY,
    PROCESS_CPU,
    PROCESS_MEMORY,
)
from automtl.study.folder import StudyFolder
from benchmarks.chromium import WAIT_MS
from benchmarks.mlflow_page import mlflow_server, open_run

pytestmark = pytest.mark.slow

HIGH = {"width": 1240, "height": 1400}
"""MLflow draws the charts that are in sight."""

SYSTEM = (PROCESS_CPU, PROCESS_MEMORY, MACHINE_CPU, MACHINE_MEMORY)


def test_system_metrics_are_on_a_page_of_their_own(chromium, tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="the extra `system` is not installed")

    def train(params, report) -> None:
        for epoch in range(1, 4):
            report(epoch, {"error": params["lr"] / epoch})

    study = automtl.Study(
        tmp_path / "mine",
        objectives=[automtl.Objective(metric="error", goal="minimize")],
        parameters={"lr": automtl.Float(0.1, 1)},
        budget=automtl.Budget(trials=1),
        resources=automtl.Resources(system_metrics=True),
    )
    study.run(train, dispatcher="local")
    page = chromium.new_page(viewport=HIGH)
    page.set_default_timeout(WAIT_MS)
    try:
        with mlflow_server(StudyFolder(tmp_path / "mine").mlflow_uri) as server:
            open_run(page, server, "trial:0", "system-metrics")
            for name in SYSTEM:
                page.get_by_text(f"trial 0 ({name})").wait_for()
            page.locator(".js-plotly-plot").nth(len(SYSTEM) - 1).wait_for()
            assert page.locator(".js-plotly-plot").count() == len(SYSTEM)
            assert "trial 0 (error)" not in page.inner_text("body")
    finally:
        page.close()
