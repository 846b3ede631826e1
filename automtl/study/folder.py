"""Where the outputs of a study live: one folder, one owner of its names."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automtl.errors import AutomtlError


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Names of the files of one study."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The SQLite ledger, unless the study uses another database."""
        return self.root / "ledger.db"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's database of this study."""
        return f"sqlite:///{self.root.resolve() / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "mlartifacts"

    @property
    def checkpoints(self) -> Path:
        """One folder for each trial."""
        return self.root / "checkpoints"

    @property
    def report(self) -> Path:
        """The static report."""
        return self.root / "report.html"

    @property
    def pictures(self) -> Path:
        """Held-out frames as members of the front see them, for the report."""
        return self.root / "pictures"

    @property
    def bundles(self) -> Path:
        """Exported models."""
        return self.root / "bundles"

    @property
    def floors(self) -> Path:
        """What trivial predictors reach on the validation split."""
        return self.root / "floors.json"

    @property
    def kept_baselines(self) -> Path:
        """What the studies of one folder have in common."""
        return self.root.resolve().parent / ".baselines"

    @property
    def settings(self) -> Path:
        """What belongs to this machine and not to the study: paths and addresses."""
        return self.root / "settings.json"

    @property
    def making(self) -> Path:
        """When a study was begun to be made; there only until it is whole."""
        return self.root / ".making"

    def trial(self, number: int) -> Path:
        """Folder of one trial."""
        return self.checkpoints / f"trial-{number:04d}"

    def trial_name(self, number: int) -> str:
        """Name of that folder in whatever holds the study's files."""
        return self.trial(number).relative_to(self.root).as_posix()

    def bundle(self, number: int) -> Path:
        """Folder of the exported model of one trial."""
        return self.bundles / f"trial-{number:04d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this machine runs a study.

    Attributes:
        study: Name of the study in its ledger, filled in when it is created.
        data: Root of the data's paths, or None for generated data.
        ledger: URL of the ledger, or empty for the file in the folder.
        mlflow: Tracking URI, or empty for the database in the folder.
        dispatcher: ``ray`` or ``local``.
        slots: Trials at a time, or None for as many as fit.
        ray_address: Address of a running cluster, or empty.
        artifacts: Address of what trials leave; empty for the folder.
        cache: Whether baselines that other studies trained are reused.
    """

    study: str = ""
    data: str | None = None
    ledger: str = ""
    mlflow: str = ""
    dispatcher: str = "ray"
    slots: int | None = None
    ray_address: str = ""
    artifacts: str = ""
    cache: bool = True


def save_settings(folder: StudyFolder, settings: Settings) -> None:
    """Write the settings, whole or not at all, for the owner's eyes: a URL may hold a password."""
    plain = {name: getattr(settings, name) for name in Settings.__slots__}
    write_text(folder.settings, json.dumps(plain, indent=2) + "\n", mode=0o600)


def note_making(folder: StudyFolder, created_s: float) -> float | None:
    """Note that a study is being made, before its ledger knows it.

    The settings are its last file. Where a killed process left a study without them, its folder
    cannot be gone on with; by this note the next one knows that study for its own unfinished work,
    also in a database where other studies are.

    Returns:
        The moment that an earlier process noted and did not get beyond; None if there is none.
    """
    earlier = None
    if folder.making.exists():
        with contextlib.suppress(ValueError):
            earlier = float(folder.making.read_text(encoding="utf-8"))
    write_text(folder.making, repr(created_s))
    return earlier


def load_settings(folder: StudyFolder) -> Settings:
    """Read the settings of an existing study.

    Raises:
        AutomtlError: If the folder holds no study, or one that this version does not understand.
    """
    if not folder.settings.is_file():
        msg = f"no study lies in {folder.root}"
        raise AutomtlError(
            msg,
            fix="Name the folder that `automtl search` printed, or start: automtl search RECIPE",
        )
    plain = _read_settings(folder.settings)
    if unknown := sorted(set(plain) - set(Settings.__slots__)):
        msg = (
            f"the study in {folder.root} was written by another version of automtl: "
            f"its settings have {', '.join(unknown)}"
        )
        raise AutomtlError(msg, fix="Use the version that wrote it, or begin a new study")
    return Settings(**plain)


def _read_settings(path: Path) -> dict[str, Any]:
    wrong = AutomtlError(
        f"{path} holds no settings of a study",
        fix="Restore it from a copy; the trials are in the ledger",
    )
    try:
        plain = json.loads(path.read_bytes())
    except ValueError as error:
        raise wrong from error
    if not isinstance(plain, dict):
        raise wrong
    return plain


def read_floors(folder: StudyFolder) -> dict[str, dict[str, float]]:
    """Return what trivial predictors reached on the validation split."""
    if not folder.floors.is_file():
        return {}
    found: dict[str, dict[str, float]] = json.loads(folder.floors.read_text())
    return found


def write_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old or the new text, never a part.

    Args:
        path: The file.
        text: All of it.
        mode: Who may read it, less what the user's mask forbids.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
