"""Replicates in the ledger: trials that train the front again with new seeds."""

from automtl.controller.replication import missing_replicates
from automtl.ledger.store import Ledger
from automtl.results import Objective, TrialRecord
from automtl.space.search import Search


def seeds_wanted(search: Search, only_replicates: int | None) -> int:
    """Return with how many new seeds each member of the front is trained."""
    return search.replicates if only_replicates is None else only_replicates


def due(history: tuple[TrialRecord, ...], only_replicates: int | None) -> tuple[TrialRecord, ...]:
    """Return the trials that this controller may run: all, or the replicates alone."""
    if only_replicates is None:
        return history
    return tuple(record for record in history if record.replicate_of is not None)


def add_missing(ledger: Ledger, objectives: tuple[Objective, ...], n_seeds: int) -> bool:
    """Queue the replicates that the front lacks, and return whether there were any.

    One transaction for each: what a controller that is killed in between leaves out is missing
    still, and its successor adds it.
    """
    history = ledger.history()
    missing = missing_replicates(history, objectives, n_seeds)
    for number, replicate in enumerate(missing, start=len(history)):
        source = replicate.source
        ledger.add_trial(
            number=number,
            point=source.point,
            config=source.config,
            config_digest=source.config_digest,
            origin=replicate.origin,
            seed=replicate.seed,
        )
    return bool(missing)
