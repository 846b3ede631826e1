"""A study of seconds, searched once with the real command line, for all tests that look at one."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

MINI = """\
name: mini
data:
  train: [{kind: shapes, clips: 6, seed: 1}]
  validation: [{kind: shapes, clips: 2, seed: 2}]
  test: [{kind: shapes, clips: 2, seed: 3}]
objectives:
  - {metric: detection/mAP, goal: maximize, reference: 0.0}
  - {metric: segmentation/mIoU, goal: maximize, reference: 0.0}
  - {metric: tracking/IDF1, goal: maximize, reference: 0.0}
base:
  backbone: {name: tiny, image_size: [64, 96], width: 0.5}
  heads: {channels: 16}
  optimizer: {epochs: 2, steps_per_epoch: 4, batch_size: 4}
parameters:
  sharing.split_after.0: {type: int, min: 0, max: 4, default: 4}
  schedule.kind: {type: categorical, values: [joint, alternating], default: joint}
  weighting.kind: {type: categorical, values: [fixed, uncertainty, upgrad, pcgrad], default: fixed}
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true, default: 3e-3}
budget: {trials: 3}
baselines: {single_task: [detection]}
"""


@dataclass(frozen=True)
class Done:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def refused(self) -> str:
        """Assert that it ended as a user's mistake does; return its only line."""
        assert self.code == 2, self
        assert "Traceback" not in self.out + self.err, self
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        return lines[0]


Automtl = Callable[..., Done]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "automtl", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "40"}


@pytest.fixture(scope="session")
def automtl() -> Automtl:
    """Run ``automtl`` in a process of its own, as a user does."""

    def run(*arguments: object, cwd: Path | None = None) -> Done:
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=240,
            env=environment(),
            cwd=cwd,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write the mini recipe with some of its text replaced."""

    def write(*changes: tuple[str, str], name: str = "mine.yaml") -> Path:
        text = MINI
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def mini_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "mini.yaml"
    path.write_text(MINI)
    return path


@pytest.fixture(scope="session")
def mini_study(
    automtl: Automtl, mini_recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished study; tests look at it and leave it as it is, picks apart."""
    folder = tmp_path_factory.mktemp("study") / "mini [1]"
    done = automtl("search", mini_recipe, "--folder", folder, "--dispatcher", "local")
    assert done.code == 0, done
    assert done.err == "", done
    return folder
