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
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
from typing_extensions import override

from automtl.controller.agreement import Agreement, agreement, widened
from automtl.controller.memo import PerTrial
from automtl.controller.ordering import first_among
from automtl.controller.rungs import Arrivals, arrivals, epochs_done, is_at, losses_at
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
        coming = [epochs_done(record) for record in history if _is_busy(record)]
        by_rung = self._waiting(history, arriving)
        for epoch in sorted(by_rung, reverse=phase is not Phase.CLOSING):
            waiting = by_rung[epoch]
            found = arrivals(history, self.objectives, epoch)
            eta = self.eta_at(agreement(history, self.objectives, found))
            # Where nobody else arrives, one of a few must go on.
            is_complete = phase is not Phase.OPEN and min(coming, default=epoch) >= epoch
            n_best = (math.ceil if is_complete else math.floor)(len(found.numbers) / eta)
            if phase is Phase.OPEN and _n_went_on(history, found, waiting) >= n_best:
                continue
            chosen = first_among(
                found.losses,
                np.array([number in waiting for number in found.numbers]),
                ties=self.ties,
                n_best=n_best,
            )
            if chosen is not None:
                return found.numbers[chosen]
        return None

    def _waiting(
        self, history: Sequence[TrialRecord], arriving: int | None
    ) -> dict[int, set[int]]:
        given = (self.rungs, self.objectives)
        found: dict[int, set[int]] = {}
        for record, epoch in zip(history, _PAUSED_AT.over(history, None, given), strict=True):
            if epoch is not None:
                found.setdefault(epoch, set()).add(record.number)
        if arriving is not None and self.waits(history[arriving]):
            found.setdefault(epochs_done(history[arriving]), set()).add(arriving)
        return found


def _n_went_on(history: Sequence[TrialRecord], found: Arrivals, waiting: Set[int]) -> int:
    """Count who was trained on from a rung, or is about to be."""
    came = (history[number] for number in found.numbers if number not in waiting)
    return sum(epochs_done(record) > found.epoch or _is_busy(record) for record in came)


def _is_busy(record: TrialRecord) -> bool:
    return record.status in (TrialStatus.QUEUED, TrialStatus.RUNNING)


def _waits(record: TrialRecord, rungs: Sequence[int], objectives: Sequence[Objective]) -> bool:
    has_vector = losses_at(record, objectives, epochs_done(record)) is not None
    return has_vector and is_at(record, rungs)


def _paused_at(
    record: TrialRecord, _key: None, given: tuple[Sequence[int], Sequence[Objective]]
) -> int | None:
    is_paused = record.status is TrialStatus.PAUSED
    return epochs_done(record) if is_paused and _waits(record, *given) else None


_PAUSED_AT = PerTrial(_paused_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RungStanding:
    """What a search knows of a rung, for people.

    Attributes:
        epoch: The rung.
        n_arrived: Trials compared there.
        n_went_on: Those of them that were trained on.
        n_finished: Those that were trained to their end.
        waiting: Trials that are paused there.
        stopped: Trials that were stopped there.
        kendall: Rank correlation with the end, of the objective that agrees least; NaN where
            too few have finished.
        kendall_low: Its lower confidence bound.
        eta: One in so many goes on now.
    """

    epoch: int
    n_arrived: int
    n_went_on: int
    n_finished: int
    waiting: tuple[int, ...]
    stopped: tuple[int, ...]
    kendall: float
    kendall_low: float
    eta: float


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
    came = [record for record in history if record.number in set(found.numbers)]
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
