"""Where a study's models, checkpoints and notes lie: its folder, or a store that it names."""

from pathlib import Path

from automtl.errors import AutomtlError, StorageError
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
