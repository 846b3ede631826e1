"""Ctrl-C and kill -9 in the middle of a search: nothing is lost, nothing is doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from automtl.results import TrialRecord, TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow


@pytest.fixture
def long_recipe(write_recipe: Callable[..., Path]) -> Path:
    return write_recipe(("steps_per_epoch: 4", "steps_per_epoch: 30"))


def begin(recipe: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a search in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", recipe, "--folder", folder, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def history_of(folder: Path) -> tuple[TrialRecord, ...]:
    with opened(StudyFolder(folder)) as ledger:
        assert ledger.check() == []
        return ledger.history()


def wait_for(
    process: subprocess.Popen[str],
    folder: Path,
    is_reached: Callable[[tuple[TrialRecord, ...]], bool],
) -> None:
    deadline = time.monotonic() + 150

    def expect_going_on(what: str) -> None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            out, err = process.communicate(timeout=30)
            pytest.fail(f"the search did not {what}: {process.returncode}\n{out}\n{err}")

    while not (folder / "settings.json").exists():
        expect_going_on("begin")
        time.sleep(0.1)
    # Opened once: what is waited for may last for less than an opening takes.
    with opened(StudyFolder(folder)) as ledger:
        while not is_reached(ledger.history()):
            expect_going_on("get that far")
            time.sleep(0.02)


def in_the_middle_of_a_later_one(history: tuple[TrialRecord, ...]) -> bool:
    """Whether a trial other than the first has reported one of its two epochs."""
    return any(len(r.reports) == 1 and not r.status.is_final for r in history[1:])


def kill_in_the_middle(process: subprocess.Popen[str], folder: Path) -> None:
    """``kill -9`` the search in the middle of a trial other than the first.

    It is halted and looked at once more: between a look and a kill a trial may end.
    """
    is_there = False
    try:
        while not is_there:
            os.killpg(process.pid, signal.SIGCONT)
            wait_for(process, folder, in_the_middle_of_a_later_one)
            os.killpg(process.pid, signal.SIGSTOP)
            is_there = in_the_middle_of_a_later_one(history_of(folder))
    finally:
        # Gone where waiting failed, which is what is to be read then.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def expect_whole(folder: Path) -> tuple[TrialRecord, ...]:
    history = history_of(folder)
    assert [r.number for r in history] == [0, 1, 2, 3]
    assert {r.status for r in history} == {TrialStatus.COMPLETED}
    assert len({r.config_digest for r in history}) == 4
    assert all([p.epoch for p in r.reports] == [1, 2] for r in history)
    return history


@pytest.mark.parametrize(
    "options",
    [
        ("--dispatcher", "local"),
        pytest.param(("--slots", "2"), marks=pytest.mark.ray),
    ],
    ids=["local", "ray"],
)
def test_ctrl_c_ends_cleanly_and_resume_does_the_rest(
    options: tuple[str, ...], long_recipe: Path, tmp_path: Path, automtl
) -> None:
    folder = tmp_path / "study"
    process = begin(long_recipe, folder, *options)
    try:
        wait_for(process, folder, lambda history: any(r.reports for r in history))
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - began < 25  # 15 s on a machine with nothing else to do
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    assert out.splitlines()[-1].endswith(f"automtl resume {folder}")
    stopped = history_of(folder)
    assert not any(r.status is TrialStatus.RUNNING for r in stopped)
    assert not all(r.status.is_final for r in stopped) or len(stopped) < 4
    resumed = automtl("resume", folder)
    assert resumed.code == 0, resumed
    after = expect_whole(folder)
    assert [r.config for r in after[: len(stopped)]] == [r.config for r in stopped]
    ended = [r for r in stopped if r.status.is_final]
    assert [r for r in after if r.number in {e.number for e in ended}] == ended


def test_kill_9_loses_nothing_and_changes_nothing(
    long_recipe: Path, tmp_path: Path, automtl
) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    undisturbed = automtl("search", long_recipe, "--folder", calm, "--dispatcher", "local")
    assert undisturbed.code == 0, undisturbed
    process = begin(long_recipe, killed, "--dispatcher", "local")
    kill_in_the_middle(process, killed)
    history_of(killed)
    resumed = automtl("resume", killed)
    assert resumed.code == 0, resumed
    expected, found = expect_whole(calm), expect_whole(killed)
    assert [r.point for r in found] == [r.point for r in expected]
    assert [r.seed for r in found] == [r.seed for r in expected]
    for left, right in zip(found, expected, strict=True):
        assert quality(left) == pytest.approx(quality(right), abs=1e-6)
    assert max(r.attempts for r in found) == 2


def quality(record: TrialRecord) -> dict[str, float]:
    parts = ("detection/", "segmentation/", "tracking/")
    return {k: v for k, v in record.values.items() if k.startswith(parts)}


def test_killed_and_resumed_with_postgresql_and_an_mlflow_server(
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    automtl,
    postgres_url: str,
    mlflow_server: str,
    expect_runs,
) -> None:
    recipe = write_recipe(("steps_per_epoch: 4", "steps_per_epoch: 30"))
    folder = tmp_path / "study"
    elsewhere = ("--ledger", postgres_url, "--mlflow", mlflow_server)
    process = begin(recipe, folder, "--dispatcher", "local", *elsewhere)
    kill_in_the_middle(process, folder)
    resumed = automtl("resume", folder)
    assert resumed.code == 0, resumed
    assert "wait for MLflow" not in resumed.out
    history = expect_whole(folder)
    assert max(record.attempts for record in history) == 2
    assert not (folder / "ledger.db").exists()
    checked = automtl("status", folder, "--check", "--json")
    assert (checked.code, '"violations": []' in checked.out) == (0, True), checked
    expect_runs(mlflow_server, history)
