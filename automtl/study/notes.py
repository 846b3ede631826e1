"""What trainings say besides their numbers: from their folders into the ledger."""

from automtl.dispatch.notes import drop_notes, read_notes
from automtl.ledger.store import Ledger
from automtl.results import Note, TrialRecord
from automtl.storage.base import Store
from automtl.study.observer import Observer


def record_notes(
    ledger: Ledger, observer: Observer, record: TrialRecord, store: Store, trial: str
) -> None:
    """Record what the trial's attempt has said, and say it.

    Args:
        ledger: Held under a lease.
        observer: Told of each note.
        record: The trial.
        store: Where the trial's folder is kept.
        trial: Name of that folder.
    """
    texts = read_notes(store, trial)
    if not texts:
        return
    known = ledger.notes()
    for text in texts:
        note = Note(number=record.number, attempt=record.attempts, text=text)
        if note not in known:  # a controller may have been killed before it dropped the file
            ledger.add_note(note)
            observer.message(note_line(note))
    drop_notes(store, trial)


def note_line(note: Note) -> str:
    """Say what an attempt said."""
    return f"Trial {note.number}, attempt {note.attempt}: {note.text}"
