"""MLflow's SQLite database: whole, or not there."""

import os
import time
from pathlib import Path

SQLITE = "sqlite:///"
LEFT_S = 3600.0
"""What a maker left behind that was killed is removed after so long."""


def make_whole(tracking_uri: str) -> None:
    """Make MLflow's database where it is to be a SQLite file that does not exist.

    MLflow makes its tables in many steps, and never again opens a database in which some of them
    are missing. So it makes them under another name; only what is whole gets its own.

    Args:
        tracking_uri: Any; what is no SQLite file is left to MLflow.
    """
    path = _file_of(tracking_uri)
    if path is None or path.exists():
        return
    from mlflow import MlflowClient

    _remove_old(path)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        MlflowClient(tracking_uri=f"{SQLITE}{new}").search_experiments(max_results=1)
        _give_name(new, path)
    finally:
        new.unlink(missing_ok=True)


def _file_of(tracking_uri: str) -> Path | None:
    name = tracking_uri.removeprefix(SQLITE)
    is_file = name != tracking_uri and name and name[0] != ":" and "?" not in name
    return Path(name) if is_file else None


def _give_name(new: Path, path: Path) -> None:
    with new.open("rb") as file:
        os.fsync(file.fileno())
    try:
        # Unlike a rename, a link does not replace what another search has made in the meantime.
        path.hardlink_to(new)
    except FileExistsError:
        return
    except OSError:  # a file system without such links
        new.replace(path)


def _remove_old(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}.*.new*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            left.unlink(missing_ok=True)
