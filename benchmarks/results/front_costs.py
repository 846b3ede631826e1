"""What the networks of questions 1, 2 and 5 are, and what they cost."""

import statistics
from collections.abc import Mapping, Sequence

from automtl.config import TrialConfig
from automtl.model.backbones import build_stages
from automtl.results import TrialRecord
from benchmarks.results.front_arms import ALONE, DEFAULT_WAYS, front_arm
from benchmarks.results.metrics import METRICS
from benchmarks.results.trainings import Outcome

HEADS = (
    "parameters",
    "FLOPs of a frame, million",
    "forward FLOPs in training, of the pick's",
    "latency, ms",
)

Arms = Mapping[str, Mapping[int, Outcome]]


def sharing_words(history: Sequence[TrialRecord], number: int) -> str:
    """Say how much of the backbone the tasks of a trial share, neighbour by neighbour."""
    record = next(one for one in history if one.number == number)
    config = TrialConfig.from_plain(record.config)
    # Of the network without its weights, which whoever draws the page need not have.
    n_stages = len(build_stages(config.backbone.model_copy(update={"weights": "none"})).modules)
    order, splits = config.sharing.order, config.sharing.split_after
    pairs = [
        f"{one} and {other} share {_stages(min(split, n_stages), n_stages)}"
        for one, other, split in zip(order, order[1:], splits, strict=False)
    ]
    return f"in the pick (trial {number}) {', '.join(pairs)}"


def costs_table(pick_number: int, arms: Arms, n_steps: Mapping[str, int]) -> str:
    """Return, in Markdown, size, computation and latency of the pick and of its rivals.

    Three networks of a single task count together.

    Args:
        pick_number: Trial of the pick.
        arms: Outcomes by arm and seed.
        n_steps: Optimizer steps of each arm.
    """
    rows: dict[str, tuple[str, ...]] = {f"pick (trial {pick_number})": (front_arm(pick_number),)}
    for against, pattern in ALONE.items():
        names = tuple(pattern.format(task) for task in METRICS)
        if all(name in arms for name in names):
            rows[f"single tasks {against}"] = names
    rows |= {way: (way,) for way in DEFAULT_WAYS.values() if way in arms}
    whole = _training((front_arm(pick_number),), arms, n_steps)
    heads = ("", *HEADS)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for label, names in rows.items():
        size, flops, latency = (
            sum(_median(arms[name], f"cost/{key}") for name in names)
            for key in ("parameters", "flops", "latency_ms")
        )
        share = _training(names, arms, n_steps) / whole
        lines.append(
            f"| {label} | {size:,.0f} | {flops / 1e6:.0f} | {share:.2f} | {latency:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _training(names: Sequence[str], arms: Arms, n_steps: Mapping[str, int]) -> float:
    return sum(_median(arms[name], "cost/flops") * n_steps[name] for name in names)


def _median(seeds: Mapping[int, Outcome], metric: str) -> float:
    return statistics.median(one.validation[metric] for one in seeds.values())


def _stages(n_shared: int, n_stages: int) -> str:
    if n_shared == 0:
        return "no stage"
    return f"all {n_stages} stages" if n_shared == n_stages else f"{n_shared} of {n_stages} stages"
