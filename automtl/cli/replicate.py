"""`replicate`: train the front again with new seeds, and show what is left of it."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from automtl.analysis.replicates import (
    Replicated,
    Replication,
    is_trained_once,
    replication_of,
)
from automtl.cli.progress import Progress
from automtl.cli.show import plain_table, print_pick
from automtl.cli.terminal import INTERRUPTED, OK, make_console, say
from automtl.controller.replication import Replicate, missing_replicates, training_s
from automtl.errors import AutomtlError
from automtl.pareto import front
from automtl.results import Objective, TrialRecord
from automtl.space.stored import stored_search
from automtl.study.folder import StudyFolder
from automtl.study.search import opened, run
from automtl.study.words import number, short

PROPOSED_SEEDS = 3


def replicate_front(folder: Path, *, seeds: int, takeover: bool) -> int:
    """Say what it costs, train what lacks, and print means, intervals and the pick."""
    place = StudyFolder(folder)
    with opened(place) as ledger:
        search, history = stored_search(ledger.study().recipe), ledger.history()
    if not front(history, search.objectives):
        raise nothing_yet(folder)
    console = make_console()
    say(console, cost_line(history, missing_replicates(history, search.objectives, seeds)))
    with Progress(search, console) as progress:
        outcome = run(place, progress, takeover=takeover, only_replicates=seeds)
    again = replication_of(outcome.history, search.objectives)
    if again is not None:
        print_replication(console, again, search.objectives)
    if outcome.interrupted:
        root = shlex.quote(str(folder))
        say(console, f"Stopped. Continue: automtl replicate {root} --seeds {seeds}")
        return INTERRUPTED
    with opened(place) as ledger:
        picks = ledger.picks()
    print_pick(console, picks[-1])
    return OK


def cost_line(history: Sequence[TrialRecord], missing: Sequence[Replicate]) -> str:
    """Say what a replication costs before it begins."""
    unfinished = sum(
        r.replicate_of is not None and not r.status.is_final and bool(r.attempts) for r in history
    )
    begun = f" and {unfinished} that were begun" if unfinished else ""
    if not missing:
        return f"Every member of the front has its replicates{begun}"
    sources = sorted({one.source.number for one in missing})
    return (
        f"{len(missing)} trainings of the front (trials {', '.join(map(str, sources))}){begun}: "
        f"about {training_s(missing) / 60:.1f} minutes, one after another"
    )


def once_line(
    folder: Path, history: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> str:
    """Say what to run where a choice rests on one training of each; empty where it does not."""
    if not is_trained_once(history, objectives):
        return ""
    minutes = training_s(missing_replicates(history, objectives, PROPOSED_SEEDS)) / 60
    root = shlex.quote(str(folder))
    return (
        "The pick rests on one training of each. To choose by the means of new seeds, about "
        f"{minutes:.1f} minutes: automtl replicate {root} --seeds {PROPOSED_SEEDS}"
    )


def print_replication(
    console: Console, again: Replication, objectives: Sequence[Objective]
) -> None:
    """Print the mean of each member with its interval, and how much of the front was luck."""
    table = plain_table("New seeds: means \u00b1 half the 95 % interval")
    table.add_column("trial", justify="right")
    table.add_column("seeds", justify="right")
    for objective in objectives:
        arrow = " ↑" if objective.maximize else " ↓"
        table.add_column(short(objective.metric) + arrow, justify="right")
    table.add_column("on the front", justify="right")
    for member in again.members:
        cells = (mean_text(member, objective) for objective in objectives)
        table.add_row(str(member.number), _seeds(member), *cells, f"{member.p_front:.0%}")
    console.print(table)
    say(console, optimism_line(again))
    if not again.is_whole:
        say(console, "The replication is not complete: picks still use the search's values")


def mean_text(member: Replicated, objective: Objective) -> str:
    """Render a mean and half its interval; no interval stands behind a single seed."""
    mean, half = number(member.means[objective.metric]), member.half[objective.metric]
    return mean if math.isnan(half) else f"{mean} ± {number(half)}"


def optimism_line(again: Replication) -> str:
    """Say how much of the hypervolume was luck."""
    found = again.optimism
    share = f" ({found.share:.0%} of it was luck)" if found.share > 0 else ""
    return (
        f"Hypervolume of these trials: {found.searched:.4g} by the search's values, "
        f"{found.replicated:.4g} by the means{share}"
    )


def replicated_json(record: TrialRecord, again: Replication | None) -> dict[str, object]:
    """Return what new seeds say of a trial; nothing where there are none."""
    member = None if again is None else again.of(record.number)
    if member is None:
        return {}
    half = {key: None if math.isnan(value) else value for key, value in member.half.items()}
    return {
        "replicates": {
            "trials": list(member.seeds),
            "lost": list(member.lost),
            "means": dict(member.means),
            "half_interval_95": half,
            "p_front": member.p_front,
        }
    }


def nothing_yet(folder: Path) -> AutomtlError:
    """Return the error for a study that has no front."""
    return AutomtlError(
        f"no trial in {folder} has been trained to the end within the study's constraints",
        fix=f"See why: automtl status {folder} - or go on: automtl resume {folder}",
    )


def _seeds(member: Replicated) -> str:
    lost = f" ({len(member.lost)} lost)" if member.lost else ""
    return f"{len(member.seeds)}{lost}"
