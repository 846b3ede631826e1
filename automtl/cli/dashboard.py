"""The verb that shows studies live in a browser."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from automtl.cli.terminal import OK, make_console, say
from automtl.errors import AutomtlError
from automtl.ledger.store import Ledger
from automtl.ledger.studies import open_ledger, studies_of
from automtl.study.conclude import facts_of, snapshot_of
from automtl.study.folder import StudyFolder, load_settings
from automtl.study.search import ledger_url

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from automtl_dashboards.live.feed import Feed, Source

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def show_dashboard(folders: Sequence[Path], *, host: str, port: int) -> int:
    """Serve the live page until Ctrl-C.

    Raises:
        AutomtlError: If Dash is missing, a folder holds no study, or the port is taken.
    """
    _check_installed()
    from automtl_dashboards.live.app import make_app

    # It would print a line for each request, several in a second.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    feed = feed_of([StudyFolder(folder) for folder in folders])
    try:
        _serve(make_app(feed, only_loopback=host in LOOPBACK).server, host, port)
    finally:
        feed.close()
    return OK


def _serve(application: "WSGIApplication", host: str, port: int) -> None:
    from werkzeug.serving import make_server

    try:
        server = make_server(host, port, application, threaded=True)
    except (OSError, SystemExit) as error:
        msg = f"nothing can listen at {host}:{port} ({error})"
        raise AutomtlError(msg, fix="Name another one with --port, or --port 0 for any") from error
    console = make_console()
    if host not in LOOPBACK:
        say(
            console,
            f"Everybody who reaches {host} can read these studies: the page asks for no password. "
            "Leave --host out to show it on this machine alone.",
        )
    shown = f"[{host}]" if ":" in host else host
    say(console, f"Dashboard: http://{shown}:{server.server_port}/  (Ctrl-C ends it)")
    # Ctrl-C ends it: Werkzeug takes the interrupt, and lets go of the port.
    server.serve_forever()
    say(console, "The page is closed; nothing in the studies was changed.")


def feed_of(folders: Sequence[StudyFolder]) -> "Feed":
    """Return the studies of the folders, and the others of their ledgers."""
    from automtl_dashboards.live.feed import Feed

    sources: dict[str, Source] = {}
    others: dict[str, str] = {}
    for folder in folders:
        settings = load_settings(folder)
        url = ledger_url(folder, settings)
        ledger = open_ledger(url, study=settings.study, read_only=True)
        # Two folders may hold studies of one name, each in a ledger of its own.
        name = ledger.name if ledger.name not in sources else f"{ledger.name} ({folder.root})"
        sources[name] = _source(ledger, folder)
        others |= {other: url for other in studies_of(url) if other != ledger.name}
    for name, url in others.items():
        if name not in sources:
            sources[name] = _source(open_ledger(url, study=name, read_only=True), None)
    return Feed(sources=sources)


def _source(ledger: Ledger, folder: StudyFolder | None) -> "Source":
    from automtl_dashboards.live.feed import Source

    load = partial(facts_of, ledger) if folder is None else partial(snapshot_of, folder, ledger)
    return Source(pulse=ledger.outbox.pulse, load=load, close=ledger.engine.dispose)


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("dash") is None:
        msg = "the live page needs Dash, which is not installed"
        raise AutomtlError(msg, fix="pip install 'automtl[dashboard]'")
