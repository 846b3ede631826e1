"""What was made of a study's bundle: recorded in the study, shown under the trial in MLflow."""

from pathlib import Path

from automtl.errors import LedgerError
from automtl.export.bundle import load_manifest
from automtl.study.folder import StudyFolder
from automtl.study.search import deliver, opened, record_if_free

KIND = "tuned"
"""Kind of the artifact in the ledger."""


def study_of(bundle: Path) -> StudyFolder | None:
    """Return the study in whose ``bundles`` a bundle lies, if it lies in one."""
    place = StudyFolder(bundle.resolve().parent.parent)
    is_ours = place.bundles == bundle.resolve().parent and place.settings.exists()
    return place if is_ours else None


def record_tuned(parent: Path, tuned: Path) -> str:
    """Record a bundle that was trained further from another one, and tell MLflow.

    Args:
        parent: Where it began. A bundle outside of a study is recorded nowhere.
        tuned: The new bundle.

    Returns:
        What to tell the user; empty where there is no study.
    """
    place = study_of(parent)
    if place is None:
        return ""
    trial = load_manifest(parent).trial
    path = str(tuned.resolve())
    with opened(place) as ledger:
        why = record_if_free(
            ledger, lambda: ledger.add_artifact(kind=KIND, path=path, trial=trial)
        )
    if why:
        return f"The training was not recorded in {place.root}: {why}"
    try:
        n_waiting, why = deliver(place), ""
    except LedgerError as error:
        n_waiting, why = 1, f" ({error})"
    if n_waiting:
        return f"MLflow has not got it yet{why}; `automtl resume {place.root}` sends it"
    shown = "the study" if trial is None else f"trial {trial}"
    return f"MLflow shows it under {shown}"
