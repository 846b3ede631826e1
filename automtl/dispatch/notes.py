"""What a training has to say besides its numbers: lines in its folder, for the controller."""

from pathlib import Path

from automtl.storage.base import Store
from automtl.storage.choose import text_of

NOTES = "notes.txt"
"""In the trial's folder: what its newest attempt said and the controller has not taken yet."""


def leave_note(folder: Path, text: str) -> None:
    """Add a line for the controller, which takes it with the next report or the end."""
    with (folder / NOTES).open("a", encoding="utf-8") as file:
        file.write(" ".join(text.split()) + "\n")


def read_notes(store: Store, trial: str) -> tuple[str, ...]:
    """Return the lines that were left.

    Args:
        store: Where the trial's folder is kept.
        trial: Name of that folder.
    """
    return tuple((text_of(store, f"{trial}/{NOTES}") or "").splitlines())


def drop_notes(store: Store, trial: str) -> None:
    """Forget the lines that were left, once they are recorded."""
    store.remove(f"{trial}/{NOTES}")
