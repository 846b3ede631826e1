"""A study of seconds, searched once with the real command line, for all tests that look at one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.results import TrialRecord

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

    def run(*arguments: object, cwd: Path | None = None, timeout_s: float = 240) -> Done:
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout_s,
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


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of four frames with boxes and masks, 64x96, all of it right."""
    root = tmp_path / "data"
    for folder in ("frames", "masks"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(1, 5):
        frame = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(frame).save(root / "frames" / f"{i:04d}.png")
        mask = np.zeros((64, 96), np.uint8)
        mask[10:30, 10:30] = 1
        Image.fromarray(mask).save(root / "masks" / f"{i:04d}.png")
    rows = [f"{i},{n},{10 * n},10,20,20,1,1,1" for i in range(1, 5) for n in (1, 2)]
    (root / "gt.txt").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture
def real_recipe(
    write_recipe: Callable[..., Path], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("AUTOMTL_DATA", str(clip))
    source = (
        "[{kind: mot, frames: frames, gt: gt.txt, masks: masks, "
        "classes: {1: car, 2: bus}, frame_range: [1, 4]}]"
    )
    return write_recipe(
        ("train: [{kind: shapes, clips: 6, seed: 1}]", f"train: {source}"),
        ("  validation: [{kind: shapes, clips: 2, seed: 2}]", f"  validation: {source}"),
        (
            "  test: [{kind: shapes, clips: 2, seed: 3}]\n",
            "  segmentation_classes: [ground, car]\n",
        ),
    )


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


class MlflowServer:
    """An MLflow server as people start one, on loopback; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        server = [sys.executable, "-m", "mlflow", "server"]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        database = ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        files = ["--artifacts-destination", str(self.folder / "server-artifacts")]
        self._process = subprocess.Popen(
            [*server, *where, *database, *files],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
        wait_until_healthy(self.url)

    def kill(self) -> None:
        """End it and its workers with ``kill -9``."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None


@pytest.fixture
def mlflow_process(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        # Nothing is asked of it any more, and on a busy machine it takes its time for a farewell.
        server.kill()


@pytest.fixture
def mlflow_server(mlflow_process: MlflowServer) -> str:
    """Address of an MLflow server."""
    return mlflow_process.url


def wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail("the MLflow server did not start")


@pytest.fixture
def expect_runs() -> Callable[[str, Sequence[TrialRecord]], None]:
    """Assert that an MLflow server holds a run for each trial, and the report, and no more."""

    def expect(server: str, history: Sequence[TrialRecord]) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=server)
        experiment = client.get_experiment_by_name("mini")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        assert len(runs) == len(children) + 1 == len(history) + 1
        assert {run.info.status for run in runs} == {"FINISHED"}
        numbers = sorted(int(run.info.run_name.split()[-1]) for run in children)
        assert numbers == [record.number for record in history]
        for run in children:
            record = history[int(run.info.run_name.split()[-1])]
            assert run.data.metrics["final/detection/mAP"] == record.values["detection/mAP"]
        (parent,) = {run.info.run_id for run in runs} - {run.info.run_id for run in children}
        assert "report.html" in {file.path for file in client.list_artifacts(parent)}

    return expect
