"""Ctrl-C while Ray runs: the whole process group gets the signal, as from a terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SCRIPT = """
import signal, sys
from pathlib import Path
from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.results import Decision
from automtl.testing.scripted_study import ScriptedController, scripted_training

def decide(number, report):
    print("report", number, report.epoch, flush=True)
    return Decision.PAUSE if controller.stop_requested else Decision.CONTINUE

def stop(number, frame):
    if controller.stop_requested:
        raise KeyboardInterrupt
    controller.stop_requested = True

signal.signal(signal.SIGINT, stop)
point = {"epochs": 1000, "sleep_s": float(sys.argv[2])}
controller = ScriptedController(points=[point] * 9, folder=Path(sys.argv[1]), decide=decide)
try:
    RayTuneDispatcher(slots=2, scratch=Path(sys.argv[1]), stop_grace_s=60).run(
        controller, scripted_training
    )
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise SystemExit(130) from None
print("ends", sorted(end.number for end in controller.ends), controller.n_running, flush=True)
"""


def _start(folder, sleep_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(sleep_s)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    seen = ""
    while "report 1" not in seen:
        line = process.stdout.readline()
        assert line, process.communicate()
        seen += line
    return process


def _descendants(pid: int) -> set[int]:
    listing = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    found = {pid}
    while True:
        more = {child for child, parent in parents if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _wait_for_none(pids: set[int]) -> list[int]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(_is_alive, pids)):
        time.sleep(0.1)
    return [pid for pid in pids if _is_alive(pid)]


def test_a_handled_interrupt_lets_trials_reach_their_report(tmp_path):
    process = _start(tmp_path, 0.3)
    children = _descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "ends [0, 1] 0" in out
    assert err == ""
    assert children
    assert _wait_for_none(children) == []
    assert {path.name for path in tmp_path.iterdir()} == {"trial-0", "trial-1"}


def test_a_second_interrupt_ends_at_once_and_leaves_no_process(tmp_path):
    process = _start(tmp_path, 2.0)
    children = _descendants(process.pid)
    began = time.monotonic()
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 15
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert children
    assert _wait_for_none(children) == []
