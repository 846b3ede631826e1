"""A folder that appears whole or not."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automtl.errors import DataError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder beside ``folder`` that takes its place if the block ends well.

    Args:
        folder: The new folder; an empty one is taken.

    Raises:
        DataError: If it holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = "there is something already"
        raise DataError(msg, where=str(folder), fix="Name a new folder")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield part
        part.chmod(0o755)  # mkdtemp gives 0o700, and jobs of other users may read the data
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
