"""`automtl stop` from another terminal: on a file and on PostgreSQL, in process and on Ray."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = pytest.mark.slow


def begin(recipe: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "automtl", "search", recipe, "--folder", folder, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_a_report(folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (folder / "settings.json").exists():
            with opened(StudyFolder(folder)) as ledger:
                if any(record.reports for record in ledger.history()):
                    return
        time.sleep(0.1)
    pytest.fail("no trial reported anything")


@pytest.mark.parametrize(
    ("options", "how"),
    [
        (("--dispatcher", "local", "--ledger", "postgres"), ()),
        pytest.param(("--slots", "2"), ("--now",), marks=pytest.mark.ray),
    ],
    ids=["postgres", "ray-now"],
)
def test_a_running_search_ends_when_asked_and_says_how_to_go_on(
    options: tuple[str, ...],
    how: tuple[str, ...],
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    automtl,
    request: pytest.FixtureRequest,
) -> None:
    recipe = write_recipe(
        ("steps_per_epoch: 4", "steps_per_epoch: 15"), ("trials: 3", "trials: 20")
    )
    folder = tmp_path / "study"
    if "postgres" in options:
        options = (*options[:-1], request.getfixturevalue("postgres_url"))
    process = begin(recipe, folder, *options)
    try:
        wait_for_a_report(folder)
        stopped = automtl("stop", folder, "--wait", *how)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert stopped.code == 0, stopped
    assert stopped.out.splitlines()[1] == "It has ended"
    assert process.returncode == 130, err
    assert "Asked to stop" in out
    assert out.splitlines()[-1].endswith(f"automtl resume {folder}")
    with opened(StudyFolder(folder)) as ledger:
        assert ledger.check() == []
        statuses = {record.status for record in ledger.history()}
    left = {TrialStatus.PAUSED, TrialStatus.COMPLETED} if how else {TrialStatus.COMPLETED}
    assert statuses <= left
    again = automtl("stop", folder)
    assert (again.code, again.out) == (0, f"No search runs in {folder}\n")
