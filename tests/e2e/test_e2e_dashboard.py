"""`automtl dashboard` as a user starts it, read in Chromium while a search writes."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automtl.ledger.holder import this_process
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import EpochReport, Objective, StudyInfo, TrialStatus
from automtl.space.free import FreeSearch
from automtl.study.folder import Settings, StudyFolder, save_settings

pytestmark = pytest.mark.slow

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def dashboard() -> Iterator[Started]:
    pytest.importorskip("dash", reason="Dash is not installed")
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "automtl", "dashboard", *map(str, arguments)]
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def make_study(folder: Path, url: str) -> None:
    search = FreeSearch.model_validate(
        {
            "name": "mine",
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "parameters": {"x": {"type": "float", "min": 0, "max": 1}},
            "budget": {"trials": 3},
        }
    )
    info = StudyInfo(
        name="mine",
        objectives=(Objective(metric="loss", goal="minimize"),),
        recipe=search.to_plain(),
        recipe_digest="",
        seed=0,
        created_s=1.0,
    )
    create_study(url, info)
    save_settings(StudyFolder(folder), Settings(study="mine", ledger=url))


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    found = re.search(r"Dashboard: (\S+)", process.stdout.readline())
    assert found is not None
    return found[1]


def test_the_page_follows_a_search(chromium, dashboard: Started, url: str, tmp_path: Path) -> None:
    make_study(tmp_path / "mine", url)
    process = dashboard(tmp_path / "mine", "--port", 0)
    page, said = chromium.new_page(), []
    page.set_default_timeout(60_000)
    page.on("console", lambda message: said.append(message.text))
    page.goto(address_of(process))
    page.wait_for_selector("text=This study has no trial yet")
    with open_ledger(url, study="mine") as ledger:
        ledger.acquire_lease(this_process(), ttl_s=600)
        ledger.add_trial(
            number=0, point={"x": 0.5}, config={}, config_digest="d", origin="sampler", seed=1
        )
        ledger.start_attempt(0, worker="w")
        page.wait_for_selector("#trial-0 .state.running")
        values = {"loss": 0.25}
        ledger.add_report(0, EpochReport(attempt=1, epoch=1, values=values, time_s=2.0))
        done = TrialStatus.COMPLETED
        ledger.end_trial(0, status=done, values=values, best_epoch=1, failure=None)
        page.wait_for_selector("#trial-0.is-front .state.completed")
    page.close()
    assert said == []
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "nothing in the studies was changed" in out


def test_whoever_shows_it_to_the_network_is_warned(dashboard: Started, tmp_path: Path) -> None:
    make_study(tmp_path / "mine", f"sqlite:///{tmp_path / 'ledger.db'}")
    process = dashboard(tmp_path / "mine", "--port", 0, "--host", "0.0.0.0")
    assert process.stdout is not None
    assert "asks for no password" in process.stdout.readline()
