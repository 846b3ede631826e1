"""Which trainings a replication of the front still lacks: a pure function of the history."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from automtl.controller.budget import trained_s
from automtl.pareto import front
from automtl.results import REPLICATE, Objective, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate:
    """A configuration to train again.

    Attributes:
        source: The trial that has it.
        seed: Of the new training. The data and their splits stay as they are.
    """

    source: TrialRecord
    seed: int

    @property
    def origin(self) -> str:
        """What the ledger writes beside the trial."""
        return f"{REPLICATE}{self.source.number}"


def missing_replicates(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], n_seeds: int
) -> tuple[Replicate, ...]:
    """Return what lacks until each member of the front has ``n_seeds`` new seeds.

    One seed of every member comes before the second of any, so that an early end leaves all of
    them comparable. A replicate that failed counts: another seed in its place would hide that
    the configuration fails.
    """
    members = front(history, objectives)
    n_known = {record.number: 0 for record in members}
    for record in history:
        source = record.replicate_of
        if source is not None and source in n_known:
            n_known[source] += 1
    return tuple(
        Replicate(source=record, seed=replicate_seed(record, index))
        for index in range(n_seeds)
        for record in members
        if index >= n_known[record.number]
    )


def replicate_seed(source: TrialRecord, index: int) -> int:
    """Return the seed of a trial's new training ``index``, 31 bits.

    >>> from automtl.results import TrialRecord
    >>> source = TrialRecord(number=4, point={}, config={}, config_digest="", seed=7)
    >>> len({source.seed, *(replicate_seed(source, index) for index in range(20))})
    21
    """
    text = f"{source.seed}:{REPLICATE}{source.number}:{index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def training_s(missing: Sequence[Replicate]) -> float:
    """Return about how many seconds these trainings take, one after another.

    Each is taken to last as long as its source's did, pauses apart.
    """
    return sum(trained_s(one.source) for one in missing)
