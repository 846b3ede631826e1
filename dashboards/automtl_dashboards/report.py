"""The report of a study: one static HTML file that works without any network."""

import html
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from automtl_dashboards.lessons import learned_line
from automtl_dashboards.page import Section, render_page
from automtl_dashboards.rungs import rungs_sections
from automtl_dashboards.sections import (
    choices_section,
    curve_sections,
    failures_section,
    front_section,
    gallery_sections,
    glance_section,
    hypervolume_section,
    lessons_section,
    members_sections,
    parallel_section,
    replicates_sections,
    study_section,
    timeline_section,
    trials_section,
)
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import Standing, standing_of
from automtl_dashboards.summary import description_of, headline

ANCHORS = (
    "glance",
    "study",
    "front",
    "replicates",
    "members",
    "pictures",
    "hypervolume",
    "rungs",
    "parallel",
    "choices",
    "learned",
    "curves",
    "losses",
    "trials",
    "failures",
    "timeline",
)
"""Of all sections there may be, in their order."""


def write_report(path: Path, snapshot: Snapshot) -> Path:
    """Write the report of a study, running or ended, and return its path.

    The file appears whole or not at all: a reader never sees half of one.

    Args:
        path: Where to write; the folder is made if it is missing.
        snapshot: What the ledger says.
    """
    text = report_html(snapshot)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # A temporary file is private; a report is as readable as any file of the user.
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def report_html(snapshot: Snapshot) -> str:
    """Return the report as text; see :func:`write_report`."""
    study, history, picks = snapshot.study, snapshot.history, snapshot.picks
    standing = standing_of(history, study.objectives, picks, snapshot.floors)
    learned = learned_line(snapshot.lessons, standing.objectives)
    header = (
        f"<p class='kicker'>automtl study</p><h1>{html.escape(study.name)}</h1>"
        f"{description_of(study)}"
        f"<div class='verdict'>{headline(history, standing, picks)}"
        f"{learned}</div>"
    )
    footer = "<p>This file needs no network and connects to nothing.</p>"
    return render_page(
        title=f"{study.name} · automtl",
        header=header,
        sections=list(sections_of(snapshot, standing)),
        footer=footer,
    )


def sections_of(snapshot: Snapshot, standing: Standing) -> Iterator[Section]:
    """Yield what was asked for first: the answer, then why, then what was done for it."""
    yield from answer_sections(snapshot, standing)
    yield from evidence_sections(snapshot, standing)


def answer_sections(snapshot: Snapshot, standing: Standing) -> Iterator[Section]:
    """Yield what the study as a whole says, and its facts."""
    yield glance_section(snapshot, standing)
    yield study_section(snapshot, standing)


def evidence_sections(snapshot: Snapshot, standing: Standing) -> Iterator[Section]:
    """Yield what is seen of trials, which may be some of a study's."""
    yield front_section(snapshot, standing)
    yield from replicates_sections(snapshot, standing)
    yield from members_sections(snapshot, standing)
    yield from gallery_sections(snapshot, standing)
    yield hypervolume_section(snapshot)
    yield from rungs_sections(snapshot)
    yield parallel_section(snapshot, standing)
    yield choices_section(snapshot, standing)
    yield lessons_section(snapshot, standing)
    yield from curve_sections(snapshot, standing)
    yield trials_section(snapshot, standing)
    yield failures_section(snapshot)
    yield timeline_section(snapshot)
