"""What the trainings of questions 1, 2 and 5 say, on the test split, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automtl.analysis.delta import delta_m
from automtl.results import Objective, TrialRecord
from benchmarks.results.comparing import MEAN, Interval, interval, listed, tally, verdict
from benchmarks.results.front_arms import ALONE, DEFAULT_WAYS, front_arm
from benchmarks.results.front_costs import costs_table, sharing_words
from benchmarks.results.front_gains import gains, gains_table, rivals
from benchmarks.results.front_members import (
    chosen,
    first_knee,
    gain_line,
    gain_of_new_seeds,
    members,
    members_line,
    members_table,
    n_stay,
)
from benchmarks.results.metrics import METRICS
from benchmarks.results.overview import Pair
from benchmarks.results.trainings import Outcome

CONVENTIONS = ("delta_per_metric", "delta_per_task", "delta_primary")
HEADS = ("all metrics", "by task", "primary metrics")

Seeds = Mapping[int, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was found on one kind of data.

    Attributes:
        gains: By rival, the pick's gain in the mean of the primary metrics.
        first: The same of the searched knee, which a search picks before there are new seeds.
        stay: How many members stay on the front, and how many there are.
    """

    gains: Mapping[str, Interval]
    first: Mapping[str, Interval]
    stay: tuple[int, int]


def answered(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    outcomes: Sequence[Outcome],
) -> Answered:
    """Return what the sentence over all kinds of data is made of."""
    arms = by_arm(outcomes)
    picks = (chosen(history, objectives, arms), first_knee(history, objectives, arms))
    pick, first = (
        {name: gains(arms[front_arm(n)], one)[MEAN] for name, one in rivals(arms).items()}
        for n in picks
    )
    found = members(history, objectives, arms)
    return Answered(
        gains=pick,
        first=first,
        stay=(n_stay(found), len(found)),
    )


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
            gains_table(
                {"pick": number, "searched knee": first_knee(history, objectives, arms)}, arms
            ),
            members_table(members(history, objectives, arms)),
        )
    )


def answer(
    history: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    outcomes: Sequence[Outcome],
) -> str:
    """Return the answer on one kind of data in one sentence, once all seeds are there."""
    arms = by_arm(outcomes)
    number = chosen(history, objectives, arms)
    ours = arms[front_arm(number)]
    said = [sharing_words(history, number)]
    first = first_knee(history, objectives, arms)
    for called, n in (("pick", number), (f"searched knee (trial {first})", first)):
        verdicts = [
            verdict(gains(arms[front_arm(n)], one)[MEAN], name)
            for name, one in rivals(arms).items()
        ]
        said.append(f"in the mean of the three metrics the {called} is {'; '.join(verdicts)}")
    for against, pattern in ALONE.items():
        if all(pattern.format(task) in arms for task in METRICS):
            found = deltas(ours, arms, pattern)
            change = "undefined" if found is None else percent(found[-1]).strip("*")
            said.append(f"Δm (primary metrics) against single tasks {against} is {change}")
    said.append(members_line(members(history, objectives, arms)))
    gain = gain_of_new_seeds(history, objectives, arms)
    return "; ".join((*said, *([] if gain is None else [gain_line(gain)])))


def summary(found: Sequence[Answered]) -> str:
    """Return the answer over all kinds of data in one sentence."""
    stay, every = (sum(numbers) for numbers in zip(*(one.stay for one in found), strict=True))
    return (
        "in the mean of the three metrics, by kinds of data, the pick (made from new seeds) "
        f"{_counted([one.gains for one in found])}; the searched knee, which a search hands over "
        f"before there are any, {_counted([one.first for one in found])}; {stay} of {every} "
        "members of the fronts stay on them with new seeds"
    )


def over_all(found: Mapping[str, Answered]) -> Pair:
    """Return the gains of the pick and of the searched knee, by kind of data and rival."""
    return (
        ("the pick, made from new seeds, beyond", {k: one.gains for k, one in found.items()}),
        ("the searched knee beyond", {k: one.first for k, one in found.items()}),
    )


def _counted(found: Sequence[Mapping[str, Interval]]) -> str:
    names = dict.fromkeys(name for one in found for name in one)
    counts = {name: tally(one[name] for one in found if name in one) for name in names}
    # Commas inside a name would part the list.
    short = {name: name.partition(",")[0] for name in counts}
    beats = [f"{short[name]} on {one.better} of {one.n}" for name, one in counts.items()]
    beaten = [f"{short[name]} on {one.worse}" for name, one in counts.items() if one.worse]
    return f"beats {listed(beats)}, and is beaten by {listed(beaten) or 'none of them'}"


def by_arm(outcomes: Sequence[Outcome]) -> dict[str, dict[int, Outcome]]:
    """Return the outcomes by arm and seed."""
    found: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.arm, {})[outcome.seed] = outcome
    return found


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


def percent(found: Interval) -> str:
    """Render a change in percent, in bold where 0 lies outside its interval."""
    said = f"{found.mean:+.1f} % [{found.low:.1f}, {found.high:.1f}]"
    return f"**{said}**" if found.is_clear else said
