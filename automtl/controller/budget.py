"""How much of a budget is spent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

from automtl.controller.memo import PerTrial
from automtl.controller.rungs import competes, epochs_done, own_epochs
from automtl.controller.stopping import Phase
from automtl.results import TrialRecord, TrialStatus
from automtl.space.parts import Budget

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of a budget.

    Attributes:
        name: Its key in ``budget``.
        used: In the limit's own unit.
        most: The limit.
        phase: What a search may still begin once it is reached.
    """

    name: str
    used: float
    most: float
    phase: Phase

    @property
    def is_reached(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.most

    @property
    def text(self) -> str:
        """Say what was used.

        >>> Limit(name="gpu_hours", used=2.04, most=2, phase=Phase.OVER).text
        'budget.gpu_hours: 2.04 of 2'
        """
        return f"budget.{self.name}: {self.used:.4g} of {self.most:g}"


def is_spent(
    budget: Budget, history: Sequence[TrialRecord], elapsed_s: float, *, gpu: float = 0.0
) -> bool:
    """Return whether no more trials may be proposed.

    Every proposed trial counts from its proposal on, failed ones too, so that slots working in
    parallel do not overshoot and a search whose every trial fails still ends. Baselines and
    replicates do not.
    """
    return phase_of(budget, history, elapsed_s, gpu=gpu) is not Phase.OPEN


def phase_of(
    budget: Budget, history: Sequence[TrialRecord], elapsed_s: float, *, gpu: float = 0.0
) -> Phase:
    """Return what a search may still begin.

    A budget in trials says how many are looked at, and the good ones are finished after the last
    was proposed. The others say what training may cost. ``gpu`` is the share of one trial.
    """
    limits = limits_of(budget, history, elapsed_s, gpu=gpu)
    return next((limit.phase for limit in limits if limit.is_reached), Phase.OPEN)


def limits_of(
    budget: Budget,
    history: Sequence[TrialRecord],
    elapsed_s: float,
    *,
    gpu: float,
    epochs: int | None = None,
) -> list[Limit]:
    """Return the limits that a budget states, those that end a search at once first.

    Args:
        budget: What is stated.
        history: All trials.
        elapsed_s: Seconds spent on the study.
        gpu: Share of one trial.
        epochs: Of a full training, where the configuration of a trial does not say it.
    """
    measures: tuple[tuple[str, float | None, Callable[[], float], Phase], ...] = (
        ("minutes", budget.minutes, lambda: elapsed_s / 60, Phase.OVER),
        ("epochs", budget.epochs, lambda: sum(_EPOCHS.over(history, None, None)), Phase.OVER),
        (
            "trainings",
            budget.trainings,
            lambda: sum(_TRAINED.over(history, None, epochs)),
            Phase.OVER,
        ),
        (
            "gpu_hours",
            budget.gpu_hours,
            lambda: gpu * sum(_TRAINED_S.over(history, None, None)) / 3600,
            Phase.OVER,
        ),
        ("trials", budget.trials, lambda: sum(_COUNTS.over(history, None, None)), Phase.CLOSING),
    )
    return [
        Limit(name=name, used=used(), most=most, phase=phase)
        for name, most, used, phase in measures
        if most is not None
    ]


def share_spent(
    budget: Budget,
    history: Sequence[TrialRecord],
    elapsed_s: float,
    *,
    gpu: float = 0.0,
    epochs: int | None = None,
) -> float:
    """Return the share of the budget that is spent, in [0, 1], for a progress bar.

    A running trial counts by its epochs. The arguments are those of :func:`limits_of`.
    """
    shares = [
        sum(_DONE.over(history, None, epochs)) / limit.most
        if limit.name == "trials"
        else limit.used / limit.most
        for limit in limits_of(budget, history, elapsed_s, gpu=gpu, epochs=epochs)
    ]
    return min(max(shares), 1.0)


def remaining_s(
    budget: Budget, history: Sequence[TrialRecord], elapsed_s: float, *, gpu: float = 0.0
) -> float | None:
    """Return about how many seconds are left, or None if nothing has been done yet."""
    share = share_spent(budget, history, elapsed_s, gpu=gpu)
    return elapsed_s * (1 - share) / share if share > 0 else None


def trained_s(record: TrialRecord) -> float:
    """Return the seconds that the executions of a trial took, up to its newest report.

    The ledger's record knows when the first execution began. For another one, the time before its
    first report is taken to be that of the trial's other epochs.
    """
    if record.started_s is None:
        return 0.0
    if not record.reports:
        return (record.ended_s or record.started_s) - record.started_s
    first, *rest = record.reports
    steps = [
        (after.time_s - before.time_s, after.attempt == before.attempt)
        for before, after in pairwise(record.reports)
    ]
    within = [seconds for seconds, is_same in steps if is_same]
    known = first.time_s - record.started_s if first.attempt <= 1 else 0.0
    usual = sum(within) / len(within) if within else known
    began = known if first.attempt <= 1 else usual
    return began + sum(within) + usual * (len(rest) - len(within))


def _trained(record: TrialRecord, epochs: int | None) -> float:
    """Return how much of a full training a trial has had."""
    full = _full(record, epochs)
    if math.isinf(full):
        return float(record.status is TrialStatus.COMPLETED)
    return min(epochs_done(record) / full, 1.0)


def _done(record: TrialRecord, epochs: int | None) -> float:
    if record.status.is_final:
        return 1.0
    return min(epochs_done(record) / _full(record, epochs), 1.0)


def _full(record: TrialRecord, epochs: int | None) -> float:
    own = own_epochs(record)
    return epochs if math.isinf(own) and epochs is not None else own


def _if_counted(
    function: Callable[[TrialRecord, int | None], T],
) -> PerTrial[T | Literal[0]]:
    """Remember a function of a trial and of stated epochs; 0 for what no budget counts."""
    return PerTrial(lambda record, _, epochs: function(record, epochs) if competes(record) else 0)


_COUNTS = _if_counted(lambda _record, _: 1)
_EPOCHS = _if_counted(lambda record, _: epochs_done(record))
_TRAINED = _if_counted(_trained)
_TRAINED_S = _if_counted(lambda record, _: trained_s(record))
_DONE = _if_counted(_done)
