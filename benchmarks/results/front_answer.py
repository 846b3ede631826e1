"""What the trainings of questions 1, 2 and 5 say, on the test split, paired by seed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automtl.analysis.delta import delta_m
from automtl.analysis.replicates import probability_on_front
from automtl.pareto import losses_of
from automtl.picks import pick
from automtl.results import Objective, TrialRecord
from benchmarks.results.comparing import Interval, difference, interval, means_of, text, verdict
from benchmarks.results.front_arms import ALONE, DEFAULT_WAYS, METRICS, front_arm
from benchmarks.results.front_costs import costs_table, sharing_words
from benchmarks.results.section import waiting
from benchmarks.results.trainings import Outcome

CONVENTIONS = ("delta_per_metric", "delta_per_task", "delta_primary")
HEADS = ("all metrics", "by task", "primary metrics")

Seeds = Mapping[int, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of the searched front, trained again.

    Attributes:
        number: Of its trial.
        p_front: Probability that its means are on the front of all members' means (validation).
    """

    number: int
    p_front: float


def tables(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    outcomes: Sequence[Outcome],
    n_seeds: int,
    n_steps: Mapping[str, int],
) -> str:
    """Return the answers in Markdown: costs, single tasks, the defaults, what stays.

    Args:
        history: The search's trials.
        objectives: Of the search.
        outcomes: Whole seeds, at least one.
        n_seeds: How many there are to be.
        n_steps: Optimizer steps of each arm.
    """
    arms = by_arm(outcomes)
    number = chosen(history, objectives, arms)
    n_done = len(arms[front_arm(number)])
    return "\n".join(
        (
            f"{n_done} of {n_seeds} seeds. {sharing_words(history, number).capitalize()}.\n",
            costs_table(number, arms, n_steps),
            alone_table(number, arms),
            default_table(number, arms),
            members_line(members(history, objectives, arms)),
        )
    )


def answer(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    outcomes: Sequence[Outcome],
    n_seeds: int,
) -> str:
    """Return the answer in one sentence, once all seeds are there."""
    arms = by_arm(outcomes)
    n_done = min((len(seeds) for seeds in arms.values()), default=0)
    if n_done < n_seeds:
        return waiting(n_done, n_seeds)
    number = chosen(history, objectives, arms)
    said = [sharing_words(history, number)]
    for against, pattern in ALONE.items():
        if all(pattern.format(task) in arms for task in METRICS):
            found = deltas(arms[front_arm(number)], arms, pattern)
            change = "undefined" if found is None else percent(found[-1]).strip("*")
            said.append(
                f"against single tasks {against} the pick's Δm (primary metrics) is {change}"
            )
    ours = arms[front_arm(number)]
    for way in DEFAULT_WAYS.values():
        if way in arms:
            gain = interval([_mean(ours[seed]) - _mean(one) for seed, one in arms[way].items()])
            said.append(f"in the mean of the three metrics it is {verdict(gain, way)}")
    said.append(members_line(members(history, objectives, arms)))
    return "; ".join(said)


def by_arm(outcomes: Sequence[Outcome]) -> dict[str, dict[int, Outcome]]:
    """Return the outcomes by arm and seed."""
    found: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.arm, {})[outcome.seed] = outcome
    return found


def members(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    arms: Mapping[str, Seeds],
) -> tuple[Member, ...]:
    """Return the front's members with what new seeds leave of them, on the validation split."""
    some = [record for record in history if front_arm(record.number) in arms]
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
        Member(number=record.number, p_front=share)
        for record, share in zip(some, shares, strict=True)
    )


def chosen(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], arms: Mapping[str, Seeds]
) -> int:
    """Return the trial that the knee of the validation means over new seeds picks."""
    replicated = [
        record.model_copy(update={"values": means_of(arms[front_arm(record.number)].values())})
        for record in history
        if front_arm(record.number) in arms
    ]
    return pick(replicated, objectives).number


def deltas(ours: Seeds, arms: Mapping[str, Seeds], pattern: str) -> tuple[Interval, ...] | None:
    """Return delta-m in the three conventions, test values paired by seed.

    None where a single-task network reached 0 with some seed: no change is a percentage of that.

    Args:
        ours: The network for all tasks.
        arms: All arms.
        pattern: The name of the single-task arms, with the task's place.
    """
    found: list[list[float]] = [[] for _ in CONVENTIONS]
    for seed, outcome in sorted(ours.items()):
        rivals = {task: arms[pattern.format(task)][seed].test for task in METRICS}
        one = delta_m(outcome.test, rivals, METRICS)
        if one is None:
            return None
        for place, name in enumerate(CONVENTIONS):
            found[place].append(one.as_values()[name])
    return tuple(interval(values) for values in found)


def alone_table(pick_number: int, arms: Mapping[str, Seeds]) -> str:
    """Return, in Markdown, delta-m of pick and defaults against single-task networks."""
    lines = [
        "| network | against single tasks | " + " | ".join(f"Δm, {head}" for head in HEADS) + " |",
        "|---|---|" + "---|" * len(HEADS),
    ]
    names = {f"pick (trial {pick_number})": front_arm(pick_number)}
    names |= {way: way for way in DEFAULT_WAYS.values() if way in arms}
    for label, arm in names.items():
        for against, pattern in ALONE.items():
            if all(pattern.format(task) in arms for task in METRICS):
                found = deltas(arms[arm], arms, pattern)
                cells = ["undefined"] * len(HEADS) if found is None else map(percent, found)
                lines.append(f"| {label} | {against} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def default_table(pick_number: int, arms: Mapping[str, Seeds]) -> str:
    """Return, in Markdown, what the pick reaches and how far that is from the defaults."""
    primaries = [of.metrics[0] for of in METRICS.values()]
    ours = arms[front_arm(pick_number)]
    reached = [text(interval([one.test[m] for one in ours.values()])) for m in primaries]
    lines = [
        "| | " + " | ".join(primaries) + " |",
        "|---|" + "---|" * len(primaries),
        f"| pick (trial {pick_number}) | " + " | ".join(reached) + " |",
    ]
    for way in DEFAULT_WAYS.values():
        if way in arms:
            gains = [
                interval([ours[seed].test[m] - one.test[m] for seed, one in arms[way].items()])
                for m in primaries
            ]
            lines.append(f"| beyond {way} | " + " | ".join(map(difference, gains)) + " |")
    return "\n".join(lines) + "\n"


def _mean(outcome: Outcome) -> float:
    return statistics.mean(outcome.test[of.metrics[0]] for of in METRICS.values())


def members_line(found: Sequence[Member]) -> str:
    """Say how many members stay on the front."""
    stay = sum(member.p_front >= 0.5 for member in found)
    shares = ", ".join(f"trial {member.number} {member.p_front:.0%}" for member in found)
    return f"{stay} of {len(found)} members stay on the front with new seeds ({shares})"


def percent(found: Interval) -> str:
    """Render a change in percent, in bold where 0 lies outside its interval."""
    said = f"{found.mean:+.1f} % [{found.low:.1f}, {found.high:.1f}]"
    return f"**{said}**" if found.is_clear else said
