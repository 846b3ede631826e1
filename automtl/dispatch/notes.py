"""What a training has to say besides its numbers: lines in its folder, for the controller."""

from pathlib import Path

NOTES = "notes.txt"
"""In the trial's folder: what its newest attempt said and the controller has not taken yet."""


def leave_note(folder: Path, text: str) -> None:
    """Add a line for the controller, which takes it with the next report or the end."""
    with (folder / NOTES).open("a", encoding="utf-8") as file:
        file.write(" ".join(text.split()) + "\n")


def read_notes(folder: Path) -> tuple[str, ...]:
    """Return the lines that were left."""
    try:
        text = (folder / NOTES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    return tuple(text.splitlines())


def drop_notes(folder: Path) -> None:
    """Forget the lines that were left, once they are recorded."""
    (folder / NOTES).unlink(missing_ok=True)
