"""Asynchronous successive halving on several objectives, with promotion.

Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), Algorithm 2, where
"the top 1/eta" is by non-dominated rank (Schmucker et al., "Multi-objective Asynchronous
Successive Halving", 2021). A trial pauses at each rung. When a slot is free, the best paused
trial of the highest rung that is in the top share of its rung is resumed from its checkpoint;
only if there is none, a new one is proposed. A pause keeps the choice open, which a stop does not.
After the last proposal the lowest rung goes first, as in successive halving that waits for all.

While trials are proposed, no more than one in eta of those who came to a rung has ever gone on
from it ("delayed promotion": Li et al., "Hyper-Tune: Towards Efficient Hyper-parameter Tuning at
Scale", 2022). Without that, whoever was in the top share of the first few has gone on although
better ones came later, and in the end far more than the share did.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from typing_extensions import override

from automtl.analysis.rung_standing import RungStanding
from automtl.controller.agreement import Agreement, agreement, widened
from automtl.controller.memo import RowPerTrial
from automtl.controller.ordering import first_among
from automtl.controller.rungs import arrivals, epochs_done, is_at, losses_at
from automtl.controller.stopping import NeverStop, Phase, StoppingRule
from automtl.results import Decision, Objective, TrialRecord, TrialStatus
from automtl.space.early_stopping import NoStopping, PromotionStopping
from automtl.space.search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion(StoppingRule):
    """Pauses trials at rungs and resumes the best.

    Attributes:
        objectives: In order.
        rungs: Epochs, ascending.
        eta: One in so many goes on.
        ties: What orders trials of the same front.
        adapts: Whether fewer trials are left behind at a rung that says little about the end.
    """

    objectives: tuple[Objective, ...]
    rungs: tuple[int, ...]
    eta: float = 3.0
    ties: Literal["hypervolume", "spread"] = "hypervolume"
    adapts: bool = True

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Pause at a rung, unless the trial would be the next to be resumed anyway."""
        record = history[number]
        if not is_at(record, self.rungs):
            return Decision.CONTINUE
        if losses_at(record, self.objectives, epochs_done(record)) is None:
            # Without a value of every objective there is nothing to compare.
            return Decision.CONTINUE
        stays = self._next(history, Phase.OPEN, arriving=number) != number
        return Decision.PAUSE if stays else Decision.CONTINUE

    @override
    def waits(self, record: TrialRecord) -> bool:
        """Whether the trial ended at a rung and has not been resumed."""
        return _waits(record, self.rungs, self.objectives)

    @override
    def resumes(self, history: Sequence[TrialRecord], phase: Phase) -> int | None:
        """Return the best paused trial of a rung whose share is not yet used up.

        While trials are proposed the highest such rung goes first, so that some come to their end
        soon. After the last proposal it is the lowest one: who deserves it comes to a rung before
        somebody is chosen there.
        """
        if phase is Phase.OVER and any(r.is_candidate or _is_busy(r) for r in history):
            return None
        return self._next(history, phase)

    def eta_at(self, found: Agreement) -> float:
        """Return one in how many goes on from a rung."""
        return widened(self.eta, found) if self.adapts else self.eta

    def _next(
        self, history: Sequence[TrialRecord], phase: Phase, arriving: int | None = None
    ) -> int | None:
        given = (self.rungs, self.objectives)
        is_busy, done, waits_at = _PROGRESS.over(history, None, given, width=3).T
        if arriving is not None and self.waits(history[arriving]):
            waits_at = waits_at.copy()
            waits_at[arriving] = done[arriving]
        epochs = sorted({int(epoch) for epoch in waits_at[waits_at > 0]})
        for epoch in epochs if phase is Phase.CLOSING else reversed(epochs):
            found = arrivals(history, self.objectives, epoch)
            eta = self.eta_at(agreement(history, self.objectives, found))
            # Where nobody else arrives, one of a few must go on.
            is_complete = phase is not Phase.OPEN and not (done[is_busy > 0] < epoch).any()
            n_best = (math.ceil if is_complete else math.floor)(len(found.rows) / eta)
            waits = waits_at[found.rows] == epoch
            # Who was trained on from the rung, or is about to be.
            went_on = ~waits & ((done[found.rows] > epoch) | (is_busy[found.rows] > 0))
            if phase is Phase.OPEN and np.count_nonzero(went_on) >= n_best:
                continue
            chosen = first_among(found.losses, waits, ties=self.ties, n_best=n_best)
            if chosen is not None:
                return history[int(found.rows[chosen])].number
        return None


def _is_busy(record: TrialRecord) -> bool:
    return record.status in (TrialStatus.QUEUED, TrialStatus.RUNNING)


def _waits(record: TrialRecord, rungs: Sequence[int], objectives: Sequence[Objective]) -> bool:
    has_vector = losses_at(record, objectives, epochs_done(record)) is not None
    return has_vector and is_at(record, rungs)


def _progress(
    record: TrialRecord, _key: None, given: tuple[Sequence[int], Sequence[Objective]]
) -> tuple[int, int, int]:
    """Return whether a trial is busy, its epochs, and the rung it waits at, 0 for none."""
    done = epochs_done(record)
    waits = record.status is TrialStatus.PAUSED and _waits(record, *given)
    return int(_is_busy(record)), done, done if waits else 0


_PROGRESS = RowPerTrial(_progress)


def standing(search: Search, history: Sequence[TrialRecord]) -> tuple[RungStanding, ...]:
    """Return what is known of each rung, lowest first; empty without early stopping."""
    rule = stopping_rule(search)
    return rule_standing(rule, history) if isinstance(rule, Promotion) else ()


def rule_standing(rule: Promotion, history: Sequence[TrialRecord]) -> tuple[RungStanding, ...]:
    """Return what is known of each rung of a rule, lowest first."""
    return tuple(_standing_at(rule, history, epoch) for epoch in rule.rungs)


def _standing_at(rule: Promotion, history: Sequence[TrialRecord], epoch: int) -> RungStanding:
    found = arrivals(history, rule.objectives, epoch)
    agrees = agreement(history, rule.objectives, found)
    came = [history[row] for row in found.rows]
    stayed = [record for record in came if epochs_done(record) == epoch]
    return RungStanding(
        epoch=epoch,
        n_arrived=len(came),
        n_went_on=len(came) - len(stayed),
        n_finished=agrees.n,
        waiting=_numbers(stayed, TrialStatus.PAUSED),
        stopped=_numbers(stayed, TrialStatus.STOPPED),
        kendall=agrees.kendall,
        kendall_low=agrees.low,
        eta=rule.eta_at(agrees),
    )


def _numbers(records: Sequence[TrialRecord], status: TrialStatus) -> tuple[int, ...]:
    return tuple(record.number for record in records if record.status is status)


def stopping_rule(search: Search) -> StoppingRule:
    """Return the rule that a search names."""
    match search.early_stopping:
        case NoStopping():
            return NeverStop()
        case PromotionStopping(eta=eta, ties=ties):
            return Promotion(objectives=search.objectives, rungs=search.rungs, eta=eta, ties=ties)
