"""What only the Ray dispatcher promises: parallel slots, reuse, isolation, a clean end."""

import importlib
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from automtl.dispatch.base import Report
from automtl.dispatch.ray_cluster import LOCAL, connected
from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.errors import DispatchError
from automtl.results import Decision, EpochReport, FailureKind, TrialOrder
from automtl.testing.local_ray import local_ray
from automtl.testing.scripted_study import ScriptedController

__all__ = ["local_ray"]
pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


def _pids(controller: ScriptedController) -> list[int]:
    return [int(report.values["pid"]) for _, report in controller.reports]


def test_two_trials_run_at_the_same_time_and_no_more(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        began = time.time()
        time.sleep(0.3)
        report(1, {"began": began, "ended": time.time()})

    controller = ScriptedController(points=[{}] * 6, folder=tmp_path)
    RayTuneDispatcher(slots=2, scratch=tmp_path).run(controller, train)
    spans = [(r.values["began"], r.values["ended"]) for _, r in controller.reports]
    at_once = [sum(a <= began < b for a, b in spans) for began, _ in spans]
    assert max(at_once) == 2


def test_processes_are_reused_and_files_removed(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"pid": os.getpid(), "is_same_folder": float(str(Path.cwd()) == home)})

    home = str(Path.cwd())
    before = set(tmp_path.iterdir())
    trials = tmp_path / "trials"
    trials.mkdir()
    controller = ScriptedController(points=[{}] * 8, folder=trials)
    RayTuneDispatcher(slots=2, scratch=tmp_path).run(controller, train)
    assert len(set(_pids(controller))) <= 2
    assert all(report.values["is_same_folder"] for _, report in controller.reports)
    assert set(tmp_path.iterdir()) - before == {trials}
    assert not (Path.home() / "ray_results").exists()


def test_trials_shorter_than_a_start_fill_all_slots(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"pid": os.getpid()})
        time.sleep(0.1)
        report(2, {"pid": os.getpid()})

    controller = ScriptedController(points=[{}] * 30, folder=tmp_path)
    RayTuneDispatcher(slots=2, scratch=tmp_path).run(controller, train)
    pids = _pids(controller)
    shares = [pids.count(pid) / len(pids) for pid in set(pids)]
    assert len(shares) == 2, "a process was started that no slot needed"
    assert min(shares) > 0.3, "a slot stayed empty while its process was started over and over"


def test_a_failure_costs_its_process(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"pid": os.getpid()})
        if order.number == 0:
            msg = "CUDA out of memory. Tried to allocate 2 GiB"
            raise RuntimeError(msg)

    controller = ScriptedController(points=[{}] * 3, folder=tmp_path, holds_back=True)
    RayTuneDispatcher(slots=1, scratch=tmp_path).run(controller, train)
    first, second, third = _pids(controller)
    assert first != second == third
    failure = controller.ends[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.OUT_OF_MEMORY


def test_a_killed_worker_is_a_lost_worker_and_the_others_go_on(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"pid": os.getpid()})
        if order.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        report(2, {"pid": os.getpid()})

    controller = ScriptedController(points=[{}] * 3, folder=tmp_path)
    RayTuneDispatcher(slots=2, scratch=tmp_path).run(controller, train)
    failures = {end.number: end.failure for end in controller.ends}
    assert failures[0] is None
    assert failures[2] is None
    assert failures[1] is not None
    assert failures[1].kind is FailureKind.LOST_WORKER
    assert "died" in failures[1].message


def test_a_trial_that_hangs_is_ended_and_named_and_the_others_go_on(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"x": 1.0})
        time.sleep(120 if order.number == 0 else 0.1)
        report(2, {"x": 1.0})

    controller = ScriptedController(points=[{}] * 3, folder=tmp_path)
    began = time.monotonic()
    RayTuneDispatcher(slots=2, scratch=tmp_path, max_silence_s=4.0).run(controller, train)
    assert time.monotonic() - began < 60
    failures = {end.number: end.failure for end in controller.ends}
    assert failures[1] is failures[2] is None
    assert failures[0] is not None
    assert failures[0].kind is FailureKind.HUNG
    assert failures[0].message == (
        "the training reported nothing for 4 s and was ended; if its epochs take longer, "
        "raise `resources.max_silence_minutes`"
    )


def test_a_training_that_cannot_travel_is_one_line(tmp_path):
    lock = threading.Lock()

    def train(order: TrialOrder, report: Report) -> None:
        with lock:
            report(1, {"x": 1.0})

    controller = ScriptedController(points=[{}], folder=tmp_path)
    with pytest.raises(DispatchError, match=r"cannot be sent to other processes \(.*lock"):
        RayTuneDispatcher(slots=1, scratch=tmp_path).run(controller, train)
    assert controller.orders == []


def test_a_training_that_cannot_be_loaded_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "only_here_mod.py").write_text("def train(order, report): report(1, {})")
    monkeypatch.syspath_prepend(tmp_path)
    train = importlib.import_module("only_here_mod").train
    controller = ScriptedController(points=[{}], folder=tmp_path)
    RayTuneDispatcher(slots=1, scratch=tmp_path).run(controller, train)
    failure = controller.ends[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.ERROR
    assert "could not start: ModuleNotFoundError: No module named 'only_here_mod'" in (
        failure.message
    )


def test_arrays_of_the_trainable_are_shared_and_read_only(tmp_path):
    table = np.arange(4_000_000, dtype=np.float64)

    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"sum": table.sum(), "writeable": table.flags.writeable})

    controller = ScriptedController(points=[{}] * 2, folder=tmp_path)
    RayTuneDispatcher(slots=2, scratch=tmp_path).run(controller, train)
    seen = {(r.values["sum"], r.values["writeable"]) for _, r in controller.reports}
    assert seen == {(table.sum(), 0.0)}


def test_threads_follow_the_cpu_share(tmp_path):
    def train(order: TrialOrder, report: Report) -> None:
        import torch

        report(1, {"n": torch.get_num_threads(), "omp": float(os.environ["OMP_NUM_THREADS"])})

    controller = ScriptedController(
        points=[{}], folder=tmp_path, resources={"cpu": 2.0, "gpu": 0.0}
    )
    RayTuneDispatcher(scratch=tmp_path, resources=controller.resources).run(controller, train)
    assert controller.reports[0][1].values == {"n": 2.0, "omp": 2.0}


def test_a_trial_that_does_not_report_is_ended_after_the_grace(tmp_path):
    controller = ScriptedController(points=[{}] * 3, folder=tmp_path)

    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"x": 1.0})
        time.sleep(60)

    def decide(number: int, report: EpochReport) -> Decision:
        controller.stop_requested = True
        return Decision.CONTINUE

    controller.decide = decide
    began = time.monotonic()
    RayTuneDispatcher(slots=1, scratch=tmp_path, stop_grace_s=0.2).run(controller, train)
    assert time.monotonic() - began < 25
    assert controller.ends == []


def test_a_gpu_that_is_not_there_is_an_error_before_the_first_trial(tmp_path):
    with connected(LOCAL, n_cpus=0) as nodes:
        if any(node["gpu"] for node in nodes):
            pytest.skip("this machine has a GPU")
    share = {"cpu": 1.0, "gpu": 1.0}
    controller = ScriptedController(points=[{}], folder=tmp_path, resources=share)
    with pytest.raises(DispatchError, match=r"asks for 1 GPU and the largest machine has 0"):
        RayTuneDispatcher(scratch=tmp_path, resources=share).run(controller, print)
    assert controller.orders == []


def test_another_cluster_than_the_one_asked_for_is_not_used(tmp_path):
    controller = ScriptedController(points=[{}], folder=tmp_path)
    with pytest.raises(DispatchError, match=r"is connected to the Ray at .* already, not to 127"):
        RayTuneDispatcher(slots=1, scratch=tmp_path, address="127.0.0.9:6379").run(
            controller, print
        )
    assert controller.orders == []


def test_the_secret_of_the_cluster_is_for_its_owner_only():
    token = Path.home() / ".ray" / "auth_token"
    assert not token.exists() or token.stat().st_mode & 0o077 == 0


def test_an_order_that_fits_nowhere_is_an_error_and_no_hang(tmp_path):
    share = {"cpu": 4000.0, "gpu": 0.0}
    controller = ScriptedController(points=[{}], folder=tmp_path, resources=share)
    with pytest.raises(DispatchError, match=r"asks for 4000 CPUs"):
        RayTuneDispatcher(slots=1, scratch=tmp_path).run(controller, print)
