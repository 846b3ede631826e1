"""From a point in a real study's report to its run in MLflow, as a reader goes, in Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from automtl import Study
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from tests.mouse import click_a_point

pytestmark = pytest.mark.slow

PASSWORD = "pl4nted"
LIMIT_MS = 60_000


def train(params: Any, report: Any) -> None:
    for epoch in range(1, 3):
        report(epoch, {"gain": params["x"] * epoch, "cost": params["x"] ** 2})


def search(folder: Path, mlflow: str = "") -> StudyFolder:
    study = Study(
        folder,
        objectives=[
            {"metric": "gain", "goal": "maximize"},
            {"metric": "cost", "goal": "minimize"},
        ],
        parameters={"x": {"type": "float", "min": 0.1, "max": 1.0}},
        budget={"trials": 4},
        mlflow=mlflow,
    )
    outcome = study.run(train, dispatcher="local")
    assert outcome.mlflow_pending == 0, outcome.mlflow_error
    return StudyFolder(folder)


class Reader:
    """Somebody who reads a report."""

    def __init__(self, browser: Any, report: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.set_default_timeout(LIMIT_MS)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri())
        self.page.wait_for_selector("#figure-front .points path")

    def click_a_point(self) -> tuple[str, str]:
        """Return what the mouse shows on a point of the front, and where a click leads."""
        return click_a_point(self.page, self.page.locator("#figure-front .points path").last)


@pytest.fixture
def reader(chromium) -> Iterator[Any]:
    readers: list[Reader] = []

    def read(report: Path) -> Reader:
        readers.append(Reader(chromium, report))
        return readers[-1]

    yield read
    for each in readers:
        each.page.close()


def runs_in_mlflow(tracking_uri: str, name: str) -> dict[int, tuple[str, str]]:
    """Ask MLflow itself: experiment and run of each trial."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    children = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    return {
        int(run.info.run_name.removeprefix("trial ")): (
            experiment.experiment_id,
            run.info.run_id,
        )
        for run in children
    }


def study_run(tracking_uri: str, name: str) -> str:
    """Ask MLflow itself: the run that the trials' runs lie under."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri)
    experiment = client.get_experiment_by_name(name)
    (found,) = client.search_runs(
        [experiment.experiment_id], filter_string="tags.`automtl.run` = 'study'"
    )
    return str(found.info.run_id)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_click_on_a_point_leads_to_the_run_on_a_server(
    mlflow_server: str, reader: Any, tmp_path: Path
) -> None:
    host = mlflow_server.removeprefix("http://")
    folder = search(tmp_path / "mine", f"http://me:{quote(PASSWORD)}@{host}")
    told = folder.report.read_text(encoding="utf-8")
    assert PASSWORD not in told
    runs = runs_in_mlflow(mlflow_server, "mine")
    assert sorted(runs) == [0, 1, 2, 3]
    somebody = reader(folder.report)
    text, hash_ = somebody.click_a_point()
    experiment, run = runs[int(hash_.removeprefix("#trial-"))]
    assert f"MLflow run {run[:8]}" in text
    link = somebody.page.locator(f"{hash_} a")
    assert link.get_attribute("href") == f"{mlflow_server}/#/experiments/{experiment}/runs/{run}"
    own = somebody.page.locator("#study a")
    parent = study_run(mlflow_server, "mine")
    assert own.get_attribute("href") == f"{mlflow_server}/#/experiments/{experiment}/runs/{parent}"
    # Until a reader follows a link, nothing is asked of anybody.
    assert [url for url in somebody.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    with somebody.page.context.expect_page() as opened_page:
        link.click()
    there = opened_page.value
    there.set_default_timeout(LIMIT_MS)
    there.wait_for_selector(f"text=trial {hash_.removeprefix('#trial-')}")
    assert there.url.endswith(run) or f"/runs/{run}" in there.url
    there.close()
    assert somebody.said == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_database_is_named_with_the_command_that_shows_the_run(
    reader: Any, tmp_path: Path
) -> None:
    folder = search(tmp_path / "mine")
    runs = runs_in_mlflow(folder.mlflow_uri, "mine")
    somebody = reader(folder.report)
    text, hash_ = somebody.click_a_point()
    experiment, run = runs[int(hash_.removeprefix("#trial-"))]
    assert f"MLflow run {run[:8]}" in text
    address = f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{run}"
    assert somebody.page.locator(f"{hash_} a").get_attribute("href") == address
    parent = study_run(folder.mlflow_uri, "mine")
    own = somebody.page.locator("#study a")
    assert own.get_attribute("href") == address.replace(run, parent)
    commands = somebody.page.locator("#study .commands").text_content()
    assert "mlflow ui --backend-store-uri" in commands
    intro = somebody.page.locator("#trials .intro").text_content()
    assert re.search(r"mlflow ui --backend-store-uri \S*mlflow\.db", intro)
    assert somebody.said == []
    assert [url for url in somebody.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_where_mlflow_is_away_the_report_is_there_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automtl.study.search.GRACE", {"timeout_s": 1.0})
    study = Study(
        tmp_path / "mine",
        objectives=[{"metric": "gain", "goal": "maximize"}],
        parameters={"x": {"type": "float", "min": 0.1, "max": 1.0}},
        budget={"trials": 2},
        mlflow=f"http://me:{PASSWORD}@127.0.0.1:9",
    )
    outcome = study.run(
        lambda params, report: report(1, {"gain": params["x"]}), dispatcher="local"
    )
    assert outcome.mlflow_pending > 0
    folder = StudyFolder(tmp_path / "mine")
    told = folder.report.read_text(encoding="utf-8")
    assert "id='trial-1'" in told
    assert "/runs/" not in told.split("<main>")[1].split("<script")[0]
    assert PASSWORD not in told
    with opened(folder) as ledger:
        assert ledger.study().mlflow_experiment == ""
