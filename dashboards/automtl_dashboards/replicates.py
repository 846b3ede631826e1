"""What new seeds say about the front, in words and as a table."""

import html
import math
from collections.abc import Sequence

from automtl.analysis.replicates import Replicated, Replication
from automtl.results import Objective
from automtl_dashboards.labels import number, short_names
from automtl_dashboards.standing import Standing
from automtl_dashboards.tables import Cell, table_html


def replicates_words(again: Replication) -> str:
    """Say how much of the front's hypervolume was luck, as HTML."""
    found = again.optimism
    luck = ""
    if found.share > 0:
        luck = f": <b>{found.share:.0%}</b> of what the search believed to have is not there again"
    partial = (
        ""
        if again.is_whole
        else " Not all members have been trained again yet; picks still use the search's values."
    )
    return (
        f"<p>The hypervolume of these configurations was {number(found.searched)} by the values "
        f"that the search saw and is {number(found.replicated)} by the means{luck}.{partial}</p>"
    )


def once_words(command: str) -> str:
    """Say, as HTML, that nothing was trained again, and what does that."""
    return (
        "Each member of the front was trained once, and some of their values are luck. "
        f"<code>{html.escape(command)}</code> trains them again with new seeds; picks are then "
        "made from the means."
    )


def replicates_table(again: Replication, standing: Standing) -> str:
    """Return each configuration's means with intervals and its probability of the front."""
    names = short_names(o.metric for o in standing.objectives)
    head: list[Cell] = [
        ("trial", "", "num"),
        ("seeds", "", "num"),
        *(
            (names[o.metric] + (" ↑" if o.maximize else " ↓"), o.metric, "num")
            for o in standing.objectives
        ),
        ("on the front", "probability, by drawing seeds again", "num"),
    ]
    rows = [
        ("is-pick" if m.number == standing.pick else "", _row(m, standing.objectives))
        for m in again.members
    ]
    return table_html(head, rows, css="sortable")


def _row(member: Replicated, objectives: Sequence[Objective]) -> list[Cell]:
    lost = f" <small>{len(member.lost)} lost</small>" if member.lost else ""
    cells: list[Cell] = [
        (str(member.number), str(member.number), "num"),
        (f"{len(member.seeds)}{lost}", str(len(member.seeds)), "num"),
    ]
    for objective in objectives:
        mean, half = member.means[objective.metric], member.half[objective.metric]
        spread = "" if math.isnan(half) else f" <small>± {number(half)}</small>"
        cells.append((f"{number(mean)}{spread}", repr(mean), "num"))
    return [*cells, (f"{member.p_front:.0%}", repr(member.p_front), "num")]
