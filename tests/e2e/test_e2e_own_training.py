"""The documented example runs as it stands, and goes on when it is run again."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "own_training.py"


def run_example(folder: Path, *options: str) -> str:
    command = [sys.executable, str(EXAMPLE), "--folder", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_example_ends_with_a_front_and_goes_on_with_more_trials(tmp_path: Path) -> None:
    folder = tmp_path / "spirals"
    first = run_example(folder, "--trials", "3")
    assert "Pick: trial" in first
    assert (folder / "report.html").is_file()
    assert run_example(folder, "--trials", "3") == first


@pytest.mark.slow
@pytest.mark.ray
def test_the_example_runs_on_ray(tmp_path: Path) -> None:
    assert "Pick: trial" in run_example(tmp_path / "s", "--trials", "3", "--dispatcher", "ray")
