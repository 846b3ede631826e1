"""`stop`: ask a search that runs elsewhere to end."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from automtl.cli.terminal import OK, make_console, say
from automtl.ledger.stop import Asked, Stop
from automtl.ledger.store import Ledger
from automtl.ledger.studies import open_ledger
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from automtl.study.stop import ask_to_stop, wait_for_end

HOW = {
    Stop.AFTER_RUNNING: "no trial begins any more, the running ones are trained to their end",
    Stop.NOW: "running trials save their state at their next report",
}


def stop_study(study: str, *, ledger_url: str, now: bool, wait: bool) -> int:
    """Ask the process that searches to end, and say who that is.

    Args:
        study: Folder of the study, or its name if ``ledger_url`` is given.
        ledger_url: The database, where the folder is on another machine.
        now: Whether running trials pause at their next report.
        wait: Whether to return when the search has ended.
    """
    console = make_console()
    with _opened(study, ledger_url) as ledger:
        asked = ask_to_stop(ledger, Stop.NOW if now else Stop.AFTER_RUNNING)
        if asked is None:
            say(console, f"No search runs in {study}")
            return OK
        _say_asked(console, asked)
        if wait:
            wait_for_end(ledger, asked)
            say(console, "It has ended")
    if not ledger_url:
        say(console, f"Go on afterwards: automtl resume {shlex.quote(study)}")
    return OK


@contextmanager
def _opened(study: str, ledger_url: str) -> Iterator[Ledger]:
    folder = StudyFolder(Path(study))
    # The variable for the address may be set for searches in folders, too.
    if not ledger_url or folder.settings.exists():
        with opened(folder) as ledger:
            yield ledger
    else:
        with open_ledger(ledger_url, study=study) as ledger:
            yield ledger


def _say_asked(console: Console, asked: Asked) -> None:
    word = "Asked" if asked.is_new else "Already asked"
    say(console, f"{word} {asked.holder} to stop: {HOW[asked.stop]}")
    if asked.silent_s > 0:
        say(
            console,
            f"It has not renewed its lease for {asked.silent_s:.0f} s. If it is dead: "
            "automtl resume --takeover",
        )
