"""How long `automtl resume` takes until a trial runs, in a study of a thousand trials."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import event, func, select

from automtl.controller.chance import uniform
from automtl.ledger import tables
from automtl.ledger.database import reading
from automtl.ledger.store import Ledger
from automtl.results import EpochReport, TrialStatus
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.folder import Settings, StudyFolder, load_settings, write_text
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from automtl.study.vision import prepare
from benchmarks.drawn_trials import begin_trial

EPOCHS = 9
N_FURTHER = 30
POLL_S = 0.05
LONGEST_S = 300.0


def measure_resume(root: Path, n_trials: int, *, dispatcher: str) -> float:
    """Return the seconds from the command until a trial runs.

    Args:
        root: Where the study is made.
        n_trials: Half of them completed, others paused at a rung, stopped, failed; one was
            running when its controller was killed.
        dispatcher: ``local`` trains in the command's own process; with ``ray`` the start of Ray
            and of a worker is in the figure.
    """
    folder = StudyFolder(root)
    recipe = recipe_of(n_trials)
    create(recipe, folder, Settings(study=recipe.name, dispatcher=dispatcher, slots=1))
    with opened(folder) as ledger:
        _hurry(ledger)
        with held(ledger):
            fill(ledger, folder, recipe, n_trials)
    # As whoever began the search has left it.
    floors = prepare(recipe, load_settings(folder), Silent()).floors()
    write_text(folder.floors, json.dumps(floors))
    return _first_trial_s(folder, is_ray=dispatcher == "ray")


def recipe_of(n_trials: int) -> Recipe:
    """Return the quickstart recipe with early stopping, nine epochs and room for more trials."""
    plain: dict[str, Any] = load_recipe(find_recipe("quickstart")).to_plain()
    plain["base"]["optimizer"]["epochs"] = EPOCHS
    plain |= {"budget": {"trials": n_trials + 100}, "early_stopping": {"kind": "promotion"}}
    return Recipe.model_validate(plain)


def fill(ledger: Ledger, folder: StudyFolder, recipe: Recipe, n_trials: int) -> None:
    """Record trials through the ledger's own methods, and tell that MLflow has got them all."""
    rng = random.Random(0)
    for number in range(n_trials):
        point = uniform(recipe.space, rng.random)
        config = recipe.space.config_of(point)
        begin_trial(ledger, config, number=number, point=point, seed=number)
        folder.trial(number).mkdir(parents=True)
        (folder.trial(number) / "weights.safetensors").write_bytes(b"")
        is_last = number == n_trials - 1
        if is_last:
            break  # Its controller was killed.
        _let_end(ledger, recipe, number, rng)
    while waiting := ledger.outbox.pending():
        ledger.outbox.mark_sent([one.id for one in waiting], time.time())


def _let_end(ledger: Ledger, recipe: Recipe, number: int, rng: random.Random) -> None:
    status = TrialStatus.COMPLETED if number % 2 else TrialStatus.STOPPED
    is_paused = number % 8 == 0
    n_epochs = EPOCHS if status is TrialStatus.COMPLETED else recipe.rungs[0]
    values: dict[str, float] = {}
    for epoch in range(1, n_epochs + 1):
        values = {o.metric: rng.random() for o in recipe.objectives}
        values |= {f"further/{i}": rng.random() for i in range(N_FURTHER)}
        report = EpochReport(attempt=1, epoch=epoch, values=values, time_s=time.time())
        ledger.add_report(number, report)
    if is_paused:
        ledger.pause(number)
        return
    ledger.end_trial(number, status=status, values=values, best_epoch=n_epochs, failure=None)


def _hurry(ledger: Ledger) -> None:
    """Let the filling not wait for the disk at each of its thousands of commits."""

    @event.listens_for(ledger.engine, "connect")
    def _unsafe(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    ledger.engine.dispose()


def _first_trial_s(folder: StudyFolder, *, is_ray: bool) -> float:
    before = _n_attempts(folder)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "automtl", "resume", str(folder.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        while _n_attempts(folder) == before or (is_ray and not _has_worker(process.pid)):
            spent_s = time.perf_counter() - began
            if process.poll() is not None or spent_s > LONGEST_S:
                msg = f"no trial ran after {spent_s:.0f} s (exit status {process.poll()})"
                raise RuntimeError(msg)
            time.sleep(POLL_S)
        return time.perf_counter() - began
    finally:
        _end(process)


def _n_attempts(folder: StudyFolder) -> int:
    with opened(folder) as ledger, reading(ledger.engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.attempt)).scalar_one()


def _has_worker(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                # Ray names the process of an actor after its class and method.
                if " ".join(child.cmdline()).startswith("ray::_Inner.train"):
                    return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
