"""Kill -9 at random, resume, and compare with a study that nobody disturbed.

Run it as `python -m benchmarks.chaos --kills 100 --seed 0 --json`, or `--quick` for six kills.

A small study is searched by the real command line on Ray with one slot, so that its course does
not depend on speed. At random moments one of its processes is killed: the controller, the process
of a trial, one of Ray's own, the process that writes to MLflow. Whenever the command has ended
with work left, `automtl resume` goes on; after `KILLS_A_STUDY` kills the study is left in peace.
Then, against an undisturbed study of the same recipe:

- lost: trials of the undisturbed study that are missing or have no values
- doubled: trials, epochs or MLflow runs that exist twice
- stuck: studies that did not end, or trials that did not, and broken invariants
- hypervolume_equal: whether every front has the same hypervolume, to the last bit
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from automtl.pareto import front, hypervolume, losses_of
from automtl.results import TrialRecord, TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.record import Goal, print_record

RECIPE = """\
name: chaos
data:
  train: [{kind: shapes, clips: 6, seed: 1}]
  validation: [{kind: shapes, clips: 2, seed: 2}]
objectives:
  - {metric: detection/mAP_50, goal: maximize, reference: 0.0}
  - {metric: segmentation/mIoU, goal: maximize, reference: 0.0}
  - {metric: tracking/IDF1, goal: maximize, reference: 0.0}
base:
  backbone: {name: tiny, image_size: [64, 96], width: 0.5}
  heads: {channels: 16}
  optimizer: {epochs: 3, steps_per_epoch: 12, batch_size: 4}
parameters:
  sharing.split_after.0: {type: int, min: 0, max: 4, default: 4}
  schedule.kind: {type: categorical, values: [joint, alternating], default: joint}
  weighting.kind: {type: categorical, values: [fixed, uncertainty, pcgrad], default: fixed}
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true, default: 3e-3}
budget: {trials: 6}
"""

KILLS_A_STUDY = 5
LONGEST_WAIT_S = 14.0
"""A kill comes at most this long after its study's command began, or after the kill before."""

LIMIT_S = 420.0
"""A study that has not ended by then, kills included, is stuck."""

TARGETS = ("controller", "worker", "ray", "mlflow")


@dataclass(slots=True)
class Damage:
    """What went wrong over all studies.

    Attributes:
        lost: Trials without values.
        doubled: Trials, epochs or runs that exist twice.
        stuck: Studies or trials that did not end, and broken invariants.
        unequal: Studies whose front differs from the undisturbed one.
        kills: By target.
        notes: A line for each.
    """

    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    unequal: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record alone")
    parser.add_argument("--quick", action="store_true", help="six kills")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    n_kills = 6 if arguments.quick else arguments.kills
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        damage = torment(Path(folder), n_kills=n_kills, seed=arguments.seed)
    for note in damage.notes:
        print(note, file=sys.stderr)
    figures = {
        "lost": damage.lost,
        "doubled": damage.doubled,
        "stuck": damage.stuck,
        "hypervolume_equal": float(damage.unequal == 0),
        "kills": damage.kills.total(),
        **{f"kills_{target}": damage.kills[target] for target in TARGETS},
        "wall_s": time.monotonic() - began,
    }
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:20} {value:g}")
    goals = {
        "lost": Goal(damage.lost, 0, "<="),
        "doubled": Goal(damage.doubled, 0, "<="),
        "stuck": Goal(damage.stuck, 0, "<="),
        "hypervolume_equal": Goal(figures["hypervolume_equal"], 1, ">="),
    }
    print_record(figures, goals)


def torment(root: Path, *, n_kills: int, seed: int) -> Damage:
    """Kill ``n_kills`` times in as many studies as it takes; return what went wrong."""
    recipe = root / "chaos.yaml"
    recipe.write_text(RECIPE)
    calm = root / "calm"
    command = _start("search", recipe, "--folder", calm, "--slots", "1")
    if command.wait(LIMIT_S) != 0:
        msg = "the undisturbed study did not end well"
        raise RuntimeError(msg)
    expected = _history(calm)
    damage = Damage()
    rng = random.Random(seed)
    study = 0
    while damage.kills.total() < n_kills:
        folder = root / f"study-{study}"
        left = min(KILLS_A_STUDY, n_kills - damage.kills.total())
        if _disturbed(recipe, folder, damage, rng, left):
            _compare(folder, expected, damage)
        study += 1
    return damage


def _disturbed(
    recipe: Path, folder: Path, damage: Damage, rng: random.Random, n_kills: int
) -> bool:
    """Run one study to its end with kills; return whether it ended."""
    deadline = time.monotonic() + LIMIT_S
    command = _start("search", recipe, "--folder", folder, "--slots", "1")
    while time.monotonic() < deadline:
        if n_kills:
            with contextlib.suppress(subprocess.TimeoutExpired):
                command.wait(rng.uniform(0.0, LONGEST_WAIT_S))
            target = rng.choice(TARGETS)
            if _kill(command, target):
                damage.kills[target] += 1
                n_kills -= 1
                continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = command.wait(0.5)
            if code == 0:
                return True
            known = (folder / "settings.json").exists()
            again = ("resume", folder) if known else ("search", recipe, "--folder", folder)
            command = _start(*again, *(() if known else ("--slots", "1")))
    command.kill()
    damage.stuck += 1
    damage.notes.append(f"{folder.name} did not end")
    return False


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "automtl", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _kill(command: subprocess.Popen[bytes], target: str) -> bool:
    """Kill the controller or one of its processes; return whether there was one."""
    if command.poll() is not None:
        return False
    if target == "controller":
        command.kill()
        return True
    for process in psutil.Process(command.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if _is(process, target):
                process.kill()
                return True
    return False


def _is(process: psutil.Process, target: str) -> bool:
    line = " ".join(process.cmdline())
    match target:
        case "worker":
            return line.startswith("ray::") and "TrialWorker" in line
        case "ray":
            return process.name() in ("raylet", "gcs_server")
        case _:
            return "automtl.experiment_log.process" in line


def _history(folder: Path) -> tuple[TrialRecord, ...]:
    with opened(StudyFolder(folder)) as ledger:
        return ledger.history()


def _compare(folder: Path, expected: Sequence[TrialRecord], damage: Damage) -> None:
    with opened(StudyFolder(folder)) as ledger:
        found, broken = ledger.history(), ledger.check()
        objectives = ledger.study().objectives
    whole = [r for r in found if r.status is TrialStatus.COMPLETED and r.values]
    damage.lost += len(expected) - len(whole)
    digests = Counter(record.config_digest for record in found)
    epochs = [Counter(p.epoch for p in record.reports) for record in found]
    runs = _runs(folder)
    damage.doubled += sum(n - 1 for n in digests.values())
    damage.doubled += sum(n - 1 for counted in epochs for n in counted.values())
    damage.doubled += max(0, len(runs) - len(found) - 1)
    damage.lost += max(0, len(found) + 1 - len(runs))
    damage.stuck += sum(not record.status.is_final for record in found) + len(broken)
    volumes = [
        hypervolume(losses_of(front(records, objectives), objectives), [0.0] * len(objectives))
        for records in (found, expected)
    ]
    is_same = volumes[0] == volumes[1] and [r.point for r in found] == [r.point for r in expected]
    damage.unequal += not is_same
    if not is_same or broken or len(whole) != len(expected):
        damage.notes.append(f"{folder.name}: hypervolumes {volumes}, {broken or 'in order'}")


def _runs(folder: Path) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=StudyFolder(folder).mlflow_uri)
    experiment = client.get_experiment_by_name("chaos")
    if experiment is None:
        return []
    return [run.info.run_name for run in client.search_runs([experiment.experiment_id])]


if __name__ == "__main__":
    main()
