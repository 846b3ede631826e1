"""The MLflow server is killed in the middle of a search and of what a resume sends."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from automtl.ledger.runs import read_runs
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow

N_TRIALS = 4
MOST_RESUMES = 5


def pending(folder: Path) -> int:
    with opened(StudyFolder(folder)) as ledger:
        assert ledger.check() == []
        return ledger.outbox.count_pending()


def wait_until(condition, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < deadline, "it did not get that far"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def has_a_run(folder: Path) -> bool:
    """Whether MLflow has got a trial, and not yet all that happened."""
    if not (folder / "settings.json").exists():
        return False
    with opened(StudyFolder(folder)) as ledger:
        return bool(read_runs(ledger.engine, ledger.name))


def begin(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "automtl", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out, err)
    return out


def expect_told(folder: Path, out: str, status: str) -> None:
    assert "wait for MLflow" in out
    assert json.loads(status)["mlflow_pending"] == pending(folder) > 0
    assert "Not in MLflow yet" in (folder / "report.html").read_text()


def expect_each_epoch_once(folder: Path, url: str) -> None:
    client = MlflowClient(tracking_uri=url)
    with opened(StudyFolder(folder)) as ledger:
        runs, history = read_runs(ledger.engine, ledger.name), ledger.history()
    for record in history:
        points = client.get_metric_history(runs[record.number], "detection/mAP")
        assert [point.step for point in points] == [report.epoch for report in record.reports]


def test_a_killed_server_gets_all_of_it_once_it_is_back(
    write_recipe, tmp_path: Path, automtl, mlflow_process, expect_runs
) -> None:
    recipe = write_recipe(("steps_per_epoch: 4", "steps_per_epoch: 30"))
    folder = tmp_path / "study"
    url = mlflow_process.url
    search = begin("search", recipe, "--folder", folder, "--dispatcher", "local", "--mlflow", url)
    wait_until(lambda: has_a_run(folder), search)
    mlflow_process.kill()
    expect_told(folder, ended(search), automtl("status", folder, "--json").out)

    mlflow_process.start()
    n_before = pending(folder)
    resumed = begin("resume", folder)
    wait_until(lambda: pending(folder) < n_before or resumed.poll() is not None, resumed)
    mlflow_process.kill()
    ended(resumed)

    mlflow_process.start()
    for _ in range(MOST_RESUMES):
        ended(begin("resume", folder))
        if not pending(folder):
            break
    assert pending(folder) == 0
    with opened(StudyFolder(folder)) as ledger:
        history = ledger.history()
    assert len(history) == N_TRIALS
    expect_runs(url, history)
    expect_each_epoch_once(folder, url)
