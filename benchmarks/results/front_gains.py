"""Questions 1 and 2 in the metrics themselves: the pick beyond each of its rivals."""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.results.comparing import MEAN, Interval, difference, interval, text, with_mean
from benchmarks.results.front_arms import ALONE, DEFAULT_WAYS, front_arm
from benchmarks.results.metrics import METRICS, PRIMARIES
from benchmarks.results.trainings import Outcome

Seeds = Mapping[int, Outcome]
SHOWN = (*PRIMARIES, MEAN)


def rivals(arms: Mapping[str, Seeds]) -> dict[str, Seeds]:
    """Return by name what the pick is compared with; three networks of one task each are one."""
    found: dict[str, Seeds] = {}
    for against, pattern in ALONE.items():
        parts = [arms.get(pattern.format(task)) for task in METRICS]
        if all(parts):
            found[f"single tasks {against}"] = _together([part for part in parts if part])
    return found | {way: arms[way] for way in DEFAULT_WAYS.values() if way in arms}


def _together(parts: list[Seeds]) -> Seeds:
    first = parts[0]
    return {
        seed: replace(
            one, test={metric: v for part in parts for metric, v in part[seed].test.items()}
        )
        for seed, one in first.items()
    }


def gains(ours: Seeds, theirs: Seeds) -> dict[str, Interval]:
    """Return by primary metric, and for their mean, the test values' differences by seed."""
    seeds = sorted(ours)
    left, right = (with_mean((side[s] for s in seeds), PRIMARIES) for side in (ours, theirs))
    return {
        metric: interval(
            [a.test[metric] - b.test[metric] for a, b in zip(left, right, strict=True)]
        )
        for metric in SHOWN
    }


def gains_table(picks: Mapping[str, int], arms: Mapping[str, Seeds]) -> str:
    """Return, in Markdown, what each pick reaches, and how far that is from each rival.

    Args:
        picks: Trials by what they are called.
        arms: All arms.
    """
    lines = ["| | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for called, number in picks.items():
        lines += _rows(f"{called} (trial {number})", arms[front_arm(number)], arms)
    return "\n".join(lines) + "\n"


def _rows(called: str, ours: Seeds, arms: Mapping[str, Seeds]) -> list[str]:
    own = with_mean(ours.values(), PRIMARIES)
    reached = [text(interval([one.test[metric] for one in own])) for metric in SHOWN]
    lines = [f"| {called} | " + " | ".join(reached) + " |"]
    for name, theirs in rivals(arms).items():
        cells = map(difference, gains(ours, theirs).values())
        lines.append(f"| - beyond {name} | " + " | ".join(cells) + " |")
    return lines
