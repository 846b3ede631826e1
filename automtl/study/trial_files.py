"""What a controller does with the files of trials, wherever they lie."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from automtl.errors import StorageError
from automtl.ledger.store import Ledger
from automtl.results import Objective, TrialRecord
from automtl.space.free import FreeSearch
from automtl.space.search import Search
from automtl.storage.base import Store
from automtl.storage.names import checkpoint_of
from automtl.study.artifacts import store_of
from automtl.study.cleaning import Removable, beaten_weights, remove, useless_checkpoints
from automtl.study.folder import StudyFolder
from automtl.study.notes import record_notes
from automtl.study.observer import Observer
from automtl.training.checkpoint_files import remove_leftovers


@dataclass(slots=True, kw_only=True)
class TrialFiles:
    """The files of a study's trials.

    A store that is away costs the search nothing: it is said, and what was to be done there is
    done on another occasion.

    Attributes:
        folder: Of the study.
        artifacts: Address of the files; empty where they lie in the folder.
        observer: Told of a store that is away.
    """

    folder: StudyFolder
    artifacts: str
    observer: Observer
    _store: Store = field(init=False)

    def __post_init__(self) -> None:
        """Find the store."""
        self._store = store_of(self.folder, self.artifacts)

    def address(self, number: int) -> str:
        """Return where a trial's files are kept, empty where that is its folder, which is made."""
        if self.artifacts:
            return f"{self.artifacts}/{self.folder.trial_name(number)}"
        self.folder.trial(number).mkdir(parents=True, exist_ok=True)
        return ""

    def hold(self, search: Search, record: TrialRecord) -> bool:
        """Return whether a trial can go on where its last report left it.

        A training of a user's own keeps its state as it likes. A store that is away holds nothing
        for now: the trial then goes on from what it has when it is back.
        """
        if isinstance(search, FreeSearch):
            return True
        trial = self.folder.trial_name(record.number)
        state = f"{trial}/{checkpoint_of(record.reports[-1].epoch)}"
        names: Iterable[str] = ()
        with self._said():
            names = self._store.sizes(trial)
        return any(name.startswith(state) for name in names)

    def take_notes(self, ledger: Ledger, record: TrialRecord) -> None:
        """Record what a trial has said besides its numbers."""
        with self._said():
            name = self.folder.trial_name(record.number)
            record_notes(ledger, self.observer, record, self._store, name)

    def remove_useless(self, records: Sequence[TrialRecord]) -> None:
        """Remove the checkpoints of those trials that have ended, and what a kill left of them."""
        with self._said():
            remove(self._store, useless_checkpoints(self.folder, self._store, records))
            for record in records:
                if record.status.is_final:
                    remove_leftovers(self.folder.trial(record.number))

    def remove_beaten(
        self, ledger: Ledger, history: Sequence[TrialRecord], objectives: Sequence[Objective]
    ) -> int:
        """Remove models that others beat, and return how many bytes that was.

        Raises:
            LedgerError: If another controller has the study now: what its history says is beaten
                is not known here.
        """
        ledger.confirm_lease()
        found: list[Removable] = []
        with self._said():
            picks = ledger.picks()
            found = beaten_weights(self.folder, self._store, history, objectives, picks)
            remove(self._store, found)
        return sum(one.n_bytes for one in found)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (StorageError, OSError) as error:
            self.observer.message(str(error))
