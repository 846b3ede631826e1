"""Question 5: what new seeds leave of a searched front, and what they are worth to a pick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automtl.analysis.replicates import probability_on_front
from automtl.pareto import losses_of
from automtl.picks import pick
from automtl.results import Objective, TrialRecord
from benchmarks.results.comparing import (
    MEAN,
    Interval,
    interval,
    means_of,
    text,
    verdict,
    with_mean,
)
from benchmarks.results.front_arms import front_arm
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.trainings import Outcome

STAYS = 0.5
"""Probability of being on the front from which a member is said to stay on it."""

Arms = Mapping[str, Mapping[int, Outcome]]
"""Outcomes by arm and seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of the searched front, trained again.

    Attributes:
        number: Of its trial.
        searched: By primary metric, what the search saw.
        again: By primary metric, what new seeds reach on the validation split.
        p_front: Probability that its means are on the front of all members' means (validation).
    """

    number: int
    searched: Mapping[str, float]
    again: Mapping[str, Interval]
    p_front: float


def members(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], arms: Arms
) -> tuple[Member, ...]:
    """Return the front's members with what new seeds leave of them, on the validation split."""
    some = _trained_again(history, arms)
    tables = [
        losses_of(
            [
                record.model_copy(update={"values": outcome.validation})
                for outcome in arms[front_arm(record.number)].values()
            ],
            objectives,
        )
        for record in some
    ]
    shares = probability_on_front([np.asarray(table) for table in tables])
    return tuple(
        Member(
            number=record.number,
            searched={m: record.values[m] for m in PRIMARIES if m in record.values},
            again={
                metric: interval(
                    [one.validation[metric] for one in arms[front_arm(record.number)].values()]
                )
                for metric in PRIMARIES
            },
            p_front=share,
        )
        for record, share in zip(some, shares, strict=True)
    )


def chosen(history: Sequence[TrialRecord], objectives: Sequence[Objective], arms: Arms) -> int:
    """Return the trial that the knee of the validation means over new seeds picks."""
    replicated = [
        record.model_copy(update={"values": means_of(arms[front_arm(record.number)].values())})
        for record in _trained_again(history, arms)
    ]
    return pick(replicated, objectives).number


def first_knee(history: Sequence[TrialRecord], objectives: Sequence[Objective], arms: Arms) -> int:
    """Return the trial that the knee of the searched values picks, as `search` does at its end."""
    return pick(_trained_again(history, arms), objectives).number


def gain_of_new_seeds(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], arms: Arms
) -> Interval | None:
    """Return what a pick made from new seeds reaches beyond one made from the searched values.

    In the mean of the primary metrics on the test split. No seed scores a pick that it took part
    in: for each one the pick is made from the others.

    Returns:
        None with a single seed.
    """
    first = first_knee(history, objectives, arms)
    seeds = sorted(arms[front_arm(first)])
    if len(seeds) < 2:
        return None
    gains = []
    for seed in seeds:
        others = {
            arm: {number: one for number, one in by_seed.items() if number != seed}
            for arm, by_seed in arms.items()
        }
        again = chosen(history, objectives, others)
        picks = (arms[front_arm(number)][seed] for number in (again, first))
        ours, theirs = (one.test[MEAN] for one in with_mean(picks, PRIMARIES))
        gains.append(ours - theirs)
    return interval(gains)


def members_table(found: Sequence[Member]) -> str:
    """Return, in Markdown, what the search saw of each member and what new seeds reach."""
    heads = ("member", *(f"{metric}: searched, new seeds" for metric in PRIMARIES), "on the front")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in found:
        seen = (one.searched.get(metric) for metric in PRIMARIES)
        cells = [
            f"{'-' if value is None else f'{value:.3f}'}, {text(one.again[metric])}"
            for metric, value in zip(PRIMARIES, seen, strict=True)
        ]
        lines.append(f"| trial {one.number} | {' | '.join(cells)} | {one.p_front:.0%} |")
    return "\n".join(lines) + "\n"


def members_line(found: Sequence[Member]) -> str:
    """Say how many members stay on the front, and how many are expected to."""
    expected = sum(member.p_front for member in found)
    return (
        f"{n_stay(found)} of {len(found)} members stay on the front with new seeds (probability "
        f"of at least {STAYS:.0%}; {expected:.1f} expected)"
    )


def n_stay(found: Sequence[Member]) -> int:
    """Return how many members are rather on the front than not."""
    return sum(member.p_front >= STAYS for member in found)


def gain_line(gain: Interval) -> str:
    """Say what new seeds are worth to a pick."""
    said = verdict(gain, "the knee of the searched values")
    return f"the knee of the other seeds' means is, on a seed that it did not see, {said}"


def _trained_again(history: Sequence[TrialRecord], arms: Arms) -> list[TrialRecord]:
    return [record for record in history if front_arm(record.number) in arms]
