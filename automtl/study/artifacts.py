"""Where a study's models, checkpoints and notes lie: its folder, or a store that it names."""

from collections.abc import Sequence
from pathlib import Path

from automtl.errors import AutomtlError, StorageError
from automtl.pareto import front
from automtl.results import Objective, Pick, TrialRecord
from automtl.storage.base import Store
from automtl.storage.choose import store_at
from automtl.storage.local import FolderStore
from automtl.storage.mirror import Mirror
from automtl.storage.names import MODEL, WEIGHTS
from automtl.study.folder import Settings, StudyFolder, load_settings
from automtl.study.observer import Observer


def store_of(folder: StudyFolder, artifacts: str) -> Store:
    """Return the place of the files of trials, for names such as ``StudyFolder.trial_name``.

    Args:
        folder: Of the study.
        artifacts: The address in its settings; empty where the folder itself is the place.
    """
    return store_at(artifacts) if artifacts else FolderStore(folder.root)


def refuse_moved(known: Settings, now: Settings) -> None:
    """Refuse another place than the one where the study's files lie.

    Raises:
        AutomtlError: If they differ.
    """
    if known.artifacts != now.artifacts:
        msg = f"the artifacts of this study lie at {known.artifacts or 'its folder'}"
        fix = "Name that place, or another folder for a new study"
        raise AutomtlError(msg, where=now.artifacts or "its folder", fix=fix)


def bring_model(folder: StudyFolder, number: int) -> Path:
    """Return the folder with a trial's model, brought from the store if it lies there.

    Raises:
        StorageError: If the store cannot be read.
    """
    place = folder.trial(number)
    artifacts = load_settings(folder).artifacts
    if artifacts:
        store = store_at(artifacts)
        for name in (MODEL, WEIGHTS):
            store.get(f"{folder.trial_name(number)}/{name}", place / name)
    return place


def lost_models(
    folder: StudyFolder,
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    picks: Sequence[Pick],
) -> list[str]:
    """Return a sentence for each trial that can be exported and whose model is gone.

    Those are the front's and the picked ones; models of other trials may have been cleaned away.
    A store that does not answer is a sentence too.
    """
    place = load_settings(folder).artifacts
    try:
        names = store_of(folder, place).sizes(folder.checkpoints.name)
    except StorageError as error:
        return [f"models could not be looked for: {error}"]
    wanted = {record.number: "on the front" for record in front(history, objectives)}
    wanted |= {pick.number: "picked" for pick in picks}
    found = []
    for number, why in sorted(wanted.items()):
        trial = folder.trial_name(number)
        gone = [name for name in (WEIGHTS, MODEL) if f"{trial}/{name}" not in names]
        if gone:
            where = f"{place or folder.root}/{trial}"
            found.append(f"trial {number} is {why}, and {', '.join(gone)} is gone from {where}")
    return found


def keep_report(folder: StudyFolder, observer: Observer) -> None:
    """Store the report, if the study has a store; say it where that cannot be written to."""
    artifacts = load_settings(folder).artifacts
    if artifacts:
        try:
            store_at(artifacts).put(folder.report, folder.report.name)
        except StorageError as error:
            observer.message(str(error))


def keep_bundle(folder: StudyFolder, bundle: Path, number: int) -> str:
    """Store a trial's bundle, in place of an earlier one, if the study has a store.

    Returns:
        Its address; empty where there is no store.

    Raises:
        StorageError: If it cannot be written to.
    """
    artifacts = load_settings(folder).artifacts
    if not artifacts:
        return ""
    address = f"{artifacts}/{folder.bundle(number).relative_to(folder.root).as_posix()}"
    mirror = Mirror(folder=bundle, store=store_at(address))
    mirror.forget()
    mirror.push()
    return address
