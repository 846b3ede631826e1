"""What early stopping did: who came to each rung and went on, and how well it tells the end."""

import math
from collections.abc import Iterator

from automtl.analysis.rung_standing import RungStanding
from automtl_dashboards.labels import MISSING, number
from automtl_dashboards.page import Section
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.tables import Cell, table_html

HEAD = [
    ("epoch", "", "num"),
    ("came", "trials that were compared here", "num"),
    ("went on", "", "num"),
    ("wait", "paused here", "num"),
    ("stopped", "", "num"),
    ("one goes on in", "now; more go on from a rung that says little about the end", "num"),
    ("finished", "of those who came, trained to their end", "num"),
    ("rank correlation", "Kendall's, with the end, of the objective that agrees least", "num"),
    ("at least", "its lower confidence bound", "num"),
]


def rungs_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the table of the rungs, if trials are stopped early at all."""
    if not snapshot.rungs:
        return
    yield Section(
        anchor="rungs",
        title="Early stopping",
        intro="At each of these epochs a trial pauses and is compared, by Pareto rank, with all "
        "who came there; the best go on. The rank correlation says how well an epoch tells the "
        "end, as far as trials have been trained to it.",
        body=table_html(HEAD, [("", _cells(rung)) for rung in snapshot.rungs], css="rungs"),
    )


def _cells(rung: RungStanding) -> list[Cell]:
    counts = (rung.epoch, rung.n_arrived, rung.n_went_on, len(rung.waiting), len(rung.stopped))
    # A bound of what was not measured is only what was believed before.
    is_known = math.isfinite(rung.kendall)
    tells = [number(rung.kendall), number(rung.kendall_low)] if is_known else [MISSING] * 2
    texts = [*map(str, counts), f"{rung.eta:.1f}", str(rung.n_finished), *tells]
    return [(text, "", "num") for text in texts]
