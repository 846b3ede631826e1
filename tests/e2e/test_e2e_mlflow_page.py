"""What MLflow's own pages show of a study, read in Chromium."""

from pathlib import Path

import pytest

import automtl as library
from automtl.dispatch.system_metrics import (
    MACHINE_CPU,
    MACHINE_MEMORY,
    PROCESS_CPU,
    PROCESS_MEMORY,
)
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.chromium import WAIT_MS
from benchmarks.mlflow_page import mlflow_server, open_models, open_run

pytestmark = pytest.mark.slow

HIGH = {"width": 1240, "height": 1400}
"""MLflow draws the charts that are in sight."""

SYSTEM = (PROCESS_CPU, PROCESS_MEMORY, MACHINE_CPU, MACHINE_MEMORY)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_pages_say_which_trial_why_and_how_good(
    automtl, mini_recipe: Path, chromium, tmp_path: Path
) -> None:
    """A small study with its pick exported: nothing but MLflow's own pages is looked at."""
    folder = StudyFolder(tmp_path / "mini")
    assert (
        automtl("search", mini_recipe, "--folder", folder.root, "--dispatcher", "local").code == 0
    )
    assert automtl("export", folder.root).code == 0
    with opened(folder) as ledger:
        pick = ledger.picks()[-1]
    page = chromium.new_page(viewport=HIGH)
    page.set_default_timeout(WAIT_MS)
    try:
        with mlflow_server(folder.mlflow_uri) as server:
            open_run(page, server, "study")
            for name in ("front/size", "front/hypervolume", "best/tracking/IDF1", "sampler.kind"):
                page.get_by_text(name, exact=True).wait_for()
            page.get_by_text(f"Pick: trial {pick.number}.").wait_for()
            version = page.get_by_role("link", name="mini", exact=True).locator(
                "xpath=..", has_text="v1"
            )
            version.first.wait_for()
            open_run(page, server, f"trial:{pick.number}")
            page.get_by_placeholder("Search metrics").fill("pareto")
            page.get_by_text("pareto.rank", exact=True).wait_for()
            version.first.wait_for()
            open_models(page, server)
            row = page.get_by_role("row").filter(has_text=f"trial-{pick.number}")
            row.first.wait_for()
            version.wait_for()
            page.get_by_role("link", name=f"trial-{pick.number}", exact=True).click()
            page.get_by_text("Model versions", exact=True).wait_for()
            version.wait_for()
            page.get_by_text("final/detection/mAP", exact=True).wait_for()
    finally:
        page.close()


def test_system_metrics_are_on_a_page_of_their_own(chromium, tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="the extra `system` is not installed")

    def train(params, report) -> None:
        for epoch in range(1, 4):
            report(epoch, {"error": params["lr"] / epoch})

    study = library.Study(
        tmp_path / "mine",
        objectives=[library.Objective(metric="error", goal="minimize")],
        parameters={"lr": library.Float(0.1, 1)},
        budget=library.Budget(trials=1),
        resources=library.Resources(system_metrics=True),
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
