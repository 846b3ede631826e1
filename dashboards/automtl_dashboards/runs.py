"""The trials' runs in MLflow: where a reader finds them. Nothing is asked of MLflow here."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

SHORT = 8
"""Digits of a run's id that are shown; as many tell the runs of a study apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of trials, as far as MLflow has them.

    Attributes:
        ids: By trial.
        page: Address of MLflow's page of a run up to the id of the run; empty if it is not known.
        command: What has to run for that page to be there; empty where a server is.
    """

    ids: Mapping[int, str] = field(default_factory=dict)
    page: str = ""
    command: str = ""


NO_RUNS = Runs()
"""Of a study that MLflow does not know."""


def run_text(runs: Runs, number: int) -> str:
    """Return the lines on a trial's run for the mouse, escaped; nothing if it has none.

    >>> run_text(Runs(ids={7: "0123456789abcdef"}), 7)
    '<br><br>MLflow run 01234567'
    """
    if number not in runs.ids:
        return ""
    return f"<br><br>MLflow run {html.escape(runs.ids[number][:SHORT])}"


def run_cells(runs: Runs, number: int) -> list[tuple[str, str, str]]:
    """Return a trial's cell in a table, with a link where there is one.

    No cell if no trial has a run: the column is left out.
    """
    if not runs.ids:
        return []
    run = runs.ids.get(number, "")
    return [(_link(runs, run) if run else "", "", "")]


def study_run(runs: Runs, run: str) -> str:
    """Return the study's own run as HTML, with a link where there is one.

    Where MLflow's page has to be started first, that is said; what starts it stands below, among
    the commands.
    """
    link = _link(runs, run)
    if not runs.page or not runs.command:
        return link
    return f"{link} <small>while the command under MLflow runs</small>"


def run_words(runs: Runs) -> str:
    """Return what a reader has to know of the links, as HTML; nothing if there are none."""
    if not runs.ids:
        return ""
    words = (
        " Under MLflow stand the first digits of the id of a trial's run, which is named "
        "trial NUMBER there"
    )
    if not runs.page:
        return f"{words}."
    if not runs.command:
        return f"{words}; a click opens its page."
    command = html.escape(runs.command)
    return (
        f"{words}; a click opens its page, on the machine of the study, while this runs: "
        f"<code>{command}</code>."
    )


def _link(runs: Runs, run: str) -> str:
    shown = f"<code title='{html.escape(run)}'>{html.escape(run[:SHORT])}</code>"
    if not runs.page:
        return shown
    address = html.escape(f"{runs.page}{run}")
    # A page of its own, which is not told where the reader came from.
    return f"<a href='{address}' target='_blank' rel='noopener noreferrer'>{shown}</a>"
