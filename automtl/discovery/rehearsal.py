"""A real search of seconds on generated clips, part by part: what breaks is named."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from automtl.discovery.findings import Finding, fine, wrong
from automtl.errors import AutomtlError, DispatchError
from automtl.ledger.store import Ledger
from automtl.results import Pick, TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.carry import Picked, export_record
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import Outcome, create, opened, run

RECIPE: dict[str, object] = {
    "name": "doctor",
    "data": {
        "train": [{"kind": "shapes", "clips": 2, "seed": 1}],
        "validation": [{"kind": "shapes", "clips": 1, "seed": 2}],
    },
    "objectives": [
        {"metric": "detection/mAP", "goal": "maximize", "reference": 0.0},
        {"metric": "segmentation/mIoU", "goal": "maximize", "reference": 0.0},
    ],
    "base": {
        "backbone": {"name": "tiny", "image_size": [64, 96], "width": 0.5},
        "heads": {"channels": 16},
        "optimizer": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 4},
    },
    "parameters": {
        "sharing.split_after.0": {"type": "int", "min": 0, "max": 4, "default": 4},
        "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "default": 3e-3},
    },
    "budget": {"trials": 2},
}

Run = Callable[[StudyFolder, str], Outcome]
"""Searches in a new folder with a dispatcher."""


def rehearse(root: Path, *, search: Run | None = None) -> Iterator[Finding]:
    """Search with Ray; where Ray does not start, in this process, to see what else works.

    Args:
        root: A temporary folder.
        search: Runs the search; the real one by default.

    Yields:
        Findings as they are known: Ray, the search, its ledger, MLflow, the report, a bundle.
    """
    searched = search or run_search
    place, began = StudyFolder(root / "ray"), time.monotonic()
    try:
        outcome = searched(place, "ray")
        yield fine("ray", f"started, and ended, in {time.monotonic() - began:.0f} s with a search")
    except DispatchError as error:
        yield wrong("ray", error.what, error.fix or "Search with --dispatcher local")
        place = StudyFolder(root / "local")
        try:
            outcome = searched(place, "local")
        except AutomtlError as again:
            yield _of_error("search", again)
            return
    except AutomtlError as error:
        yield _of_error("search", error)
        return
    yield from _of_study(place, outcome)


def run_search(place: StudyFolder, dispatcher: str) -> Outcome:
    """Search :data:`RECIPE` in a new folder."""
    settings = Settings(dispatcher=dispatcher)
    create(Recipe.model_validate(RECIPE), place, settings)
    return run(place, Silent())


def _of_study(place: StudyFolder, outcome: Outcome) -> Iterator[Finding]:
    done = [record for record in outcome.history if record.is_candidate]
    if done:
        yield fine("search", f"{len(done)} trials trained in {outcome.elapsed_s:.0f} s")
    else:
        failures = [each.failure for each in outcome.history if each.failure is not None]
        says = failures[0].message if failures else "no trial was trained to its end"
        yield wrong("search", says, "Search with --dispatcher local to see the whole error")
    yield _of_mlflow(place, outcome)
    with opened(place) as ledger:
        yield _of_ledger(ledger)
        if done:
            yield _of_bundle(place, ledger, done[0])


def _of_ledger(ledger: Ledger) -> Finding:
    problems = ledger.check()
    if problems:
        return wrong("ledger", str(problems[0]), "Is the disk a network one? Use --ledger")
    return fine("ledger", "every invariant holds")


def _of_mlflow(place: StudyFolder, outcome: Outcome) -> Finding:
    if outcome.mlflow_pending:
        says = f"{outcome.mlflow_pending} events did not arrive: {outcome.mlflow_error}"
        return wrong("mlflow", says, "Run: mlflow db upgrade, or install the version stated")
    return fine(
        "mlflow", f"every event arrived in its store ({place.mlflow_uri.partition(':')[0]})"
    )


def _of_bundle(place: StudyFolder, ledger: Ledger, record: TrialRecord) -> Finding:
    pick = Pick(number=record.number, rule="by hand", reason="The doctor's.")
    picked = Picked(study=ledger.study(), record=record, pick=pick)
    try:
        export_record(place, picked, out=place.bundle(record.number), overwrite=False)
    except AutomtlError as error:
        return _of_error("bundle", error)
    has_report = place.report.is_file()
    says = f"a model was exported and gives the same outputs{', a report' * has_report}"
    return fine("bundle", says)


def _of_error(name: str, error: AutomtlError) -> Finding:
    return wrong(name, error.what, error.fix or "Read the line above")
