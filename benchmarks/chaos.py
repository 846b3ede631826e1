"""Kill -9 at random, resume, and compare with a study that nobody disturbed.

Run it as `python -m benchmarks.chaos --kills 100 --seed 0 --json`, or `--quick` for six. With
`--record FILE` each study that has ended is a line there, and the next run goes on after it.

Small studies are searched by the real command line on Ray with one slot, so that their course
does not depend on speed. One after another, in an order that the seed says, their processes are
killed: the controller, the process of a trial, Ray's raylet and its GCS, the process that writes
to MLflow, and where the ledger is in PostgreSQL (every third study) the database server. Each kind
has its share of the kills, at a moment that the seed says, counted from when the process is there.
Whenever the command has ended with work left, `automtl resume` goes on. Then, against an
undisturbed study:

- lost: trials that are missing, have no values or no run in MLflow
- doubled: trials, epochs or MLflow runs that exist twice
- stuck: studies, trials or processes that did not end, wrong status in MLflow, broken invariants
- hypervolume_equal: whether every study has the same points, values and hypervolume, to the bit
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from automtl.results import TrialRecord
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.chaos_check import damage_of
from benchmarks.chaos_plan import LONGEST_DELAY_S, Plan, plan_of
from benchmarks.chaos_study import Server, StudyUnderFire
from benchmarks.record import Goal, print_record

RECIPE = """\
name: chaos
data:
  train: [{kind: shapes, clips: 6, seed: 1}]
  validation: [{kind: shapes, clips: 1, frames: 4, seed: 2}]
objectives:
  - {metric: detection/mAP_50, goal: maximize, reference: 0.0}
  - {metric: segmentation/mIoU, goal: maximize, reference: 0.0}
base:
  sharing: {order: [detection, segmentation], split_after: [4]}
  backbone: {name: tiny, image_size: [64, 96], width: 0.5}
  heads: {channels: 16}
  optimizer: {epochs: 6, steps_per_epoch: 10, batch_size: 4}
parameters:
  sharing.split_after.0: {type: int, min: 0, max: 4, default: 4}
  schedule.kind: {type: categorical, values: [joint, alternating], default: joint}
  weighting.kind: {type: categorical, values: [fixed, uncertainty, pcgrad], default: fixed}
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true, default: 3e-3}
budget: {trials: 6}
"""

QUICK_KILLS = 6
LIMIT_S = 2400.0
"""A study that has not ended by then, kills included, is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What became of one study.

    Attributes:
        seed: Of the run.
        study: Its number.
        kills: By target.
        lost: See :class:`benchmarks.chaos_check.Damage`, as for the next four.
        doubled: Likewise.
        stuck: Likewise; and 1 if it did not end, and 1 for each process left behind.
        unequal: Likewise.
        lost_workers: Likewise.
        wall_s: Seconds.
        notes: What went wrong, a line for each.
    """

    seed: int
    study: int
    kills: dict[str, int]
    lost: int
    doubled: int
    stuck: int
    unequal: int
    lost_workers: int
    wall_s: float
    notes: tuple[str, ...]


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record alone")
    parser.add_argument("--quick", action="store_true", help="six kills")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, help="one line for each study; is continued")
    options = parser.parse_args()
    n_kills = QUICK_KILLS if options.quick else options.kills
    with tempfile.TemporaryDirectory() as folder:
        survived = torment(Path(folder), n_kills=n_kills, seed=options.seed, record=options.record)
    for one in survived:
        for note in one.notes:
            print(f"study {one.study}: {note}", file=sys.stderr)
    figures = figures_of(survived)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:20} {value:g}")
    goals = {name: Goal(figures[name], 0, "<=") for name in ("lost", "doubled", "stuck")}
    goals["hypervolume_equal"] = Goal(figures["hypervolume_equal"], 1, ">=")
    print_record(figures, goals)


def figures_of(survived: Sequence[Survived]) -> dict[str, float]:
    """Add up what became of all studies."""
    kills = sum((Counter(one.kills) for one in survived), Counter[str]())
    sums = {
        name: float(sum(getattr(one, name) for one in survived))
        for name in ("lost", "doubled", "stuck", "lost_workers", "wall_s")
    }
    return {
        **sums,
        "hypervolume_equal": float(not any(one.unequal for one in survived)),
        "studies": float(len(survived)),
        "kills": float(kills.total()),
        **{f"kills_{target}": float(kills[target]) for target in LONGEST_DELAY_S},
    }


def torment(root: Path, *, n_kills: int, seed: int, record: Path | None = None) -> list[Survived]:
    """Kill ``n_kills`` times in as many studies as it takes.

    Args:
        root: Empty folder for the studies.
        n_kills: Those in ``record`` are among them.
        seed: Of all plans.
        record: Where each study becomes a line.
    """
    survived = _recorded(record, seed)
    n_done = sum(sum(one.kills.values()) for one in survived)
    if n_done >= n_kills:
        return survived
    recipe = root / "chaos.yaml"
    recipe.write_text(RECIPE)
    expected = undisturbed(recipe, root / "calm")
    while n_done < n_kills:
        plan = plan_of(seed, len(survived))
        folder = root / f"study-{plan.study}"
        one = survive(recipe, folder, plan, expected, most=n_kills - n_done, seed=seed)
        survived.append(one)
        n_done += sum(one.kills.values())
        if record is not None:
            with record.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
    return survived


def undisturbed(recipe: Path, folder: Path) -> tuple[TrialRecord, ...]:
    """Run a study that nobody disturbs and return its trials."""
    study = StudyUnderFire(recipe=recipe, folder=folder)
    _let_end(study, time.monotonic() + LIMIT_S)
    with opened(StudyFolder(folder)) as ledger:
        return ledger.history()


def survive(
    recipe: Path,
    folder: Path,
    plan: Plan,
    expected: Sequence[TrialRecord],
    *,
    most: int,
    seed: int,
) -> Survived:
    """Let one study suffer its plan, or the first ``most`` kills of it, and then end."""
    began = time.monotonic()
    server = Server.start(folder.with_suffix(".postgres")) if plan.has_server else None
    study = StudyUnderFire(recipe=recipe, folder=folder, server=server)
    kills: Counter[str] = Counter()
    try:
        for kill in plan.kills[:most]:
            if study.strike(kill, began + LIMIT_S):
                kills[kill.target] += 1
        has_ended = _let_end(study, began + LIMIT_S)
        left = study.left_behind()
        damage = damage_of(folder, expected)
    finally:
        study.end()
        if server is not None:
            server.stop()
    notes = [*damage.notes, *(f"left behind: {name}" for name in left)]
    if not has_ended:
        notes.append("did not end; its last words: " + " | ".join(_last_words(study.log)))
    return Survived(
        seed=seed,
        study=plan.study,
        kills=dict(kills),
        lost=damage.lost,
        doubled=damage.doubled,
        stuck=damage.stuck + len(left) + int(not has_ended),
        unequal=damage.unequal,
        lost_workers=damage.lost_workers,
        wall_s=time.monotonic() - began,
        notes=tuple(notes),
    )


def _let_end(study: StudyUnderFire, deadline_s: float) -> bool:
    while study.goes_on():
        if time.monotonic() > deadline_s:
            study.end()
            return False
        time.sleep(0.2)
    return True


def _last_words(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-5:]


def _recorded(record: Path | None, seed: int) -> list[Survived]:
    if record is None or not record.exists():
        return []
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return [
        Survived(**{**line, "notes": tuple(line["notes"])})
        for line in lines
        if line["seed"] == seed
    ]


if __name__ == "__main__":
    main()
