"""`clean`: remove files of a study that nobody needs."""

from pathlib import Path

from automtl.cli.terminal import OK, make_console, say
from automtl.ledger.store import Ledger
from automtl.storage.base import Store
from automtl.study.artifacts import store_of
from automtl.study.cleaning import (
    Removable,
    beaten_weights,
    remove,
    useless_checkpoints,
    useless_views,
)
from automtl.study.disk import size
from automtl.study.folder import StudyFolder, load_settings
from automtl.study.search import held, opened


def clean_study(folder: Path, *, dry_run: bool) -> int:
    """Remove checkpoints of ended trials, weights off the front, and views no trial waits for.

    Raises:
        LedgerError: If a search runs.
    """
    place = StudyFolder(folder)
    console = make_console()
    store = store_of(place, load_settings(place).artifacts)
    with opened(place) as ledger:
        if dry_run:
            found = _removable(place, store, ledger)
        else:
            # No search may begin meanwhile: it could resume what is being removed.
            with held(ledger):
                found = _removable(place, store, ledger)
                remove(store, found)
    for one in found:
        say(console, f"{one.name}  {size(one.n_bytes)}  {one.reason}")
    total = size(sum(one.n_bytes for one in found))
    say(console, f"{len(found)} files, {total}{' would be' if dry_run else ''} removed")
    return OK


def _removable(place: StudyFolder, store: Store, ledger: Ledger) -> list[Removable]:
    study, history = ledger.study(), ledger.history()
    return [
        *useless_checkpoints(place, store, history),
        *beaten_weights(place, store, history, study.objectives, ledger.picks()),
        *useless_views(place, store, history),
    ]
