"""Association parameters, tuned after training on the outputs of the validation split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automtl.data.table import FrameTable
from automtl.fusion.association import Association
from automtl.fusion.instances import Instances
from automtl.fusion.scoring import score_tracked
from automtl.fusion.tracker import track_clips

BUDGET = 120
"""Candidates that a tuning tries; each costs a tracking of the split, no network."""

EXPLORING = 0.5
"""Share of the budget that is drawn at random; the rest is drawn near the best so far."""

NEAR = 0.15
"""Spread of a draw near the best, in units of a parameter's range."""

RANGES: Mapping[str, tuple[float, float]] = {
    "embedding_weight": (0.0, 1.0),
    "motion_weight": (0.0, 1.0),
    "mask_weight": (0.0, 1.0),
    "max_cost": (0.1, 0.8),
    "class_penalty": (0.0, 0.5),
    "high_score": (0.15, 0.8),
    "low_score": (0.05, 0.6),
    "max_age": (0.0, 12.0),
    "velocity_gain": (0.0, 1.0),
    "memory": (0.0, 0.9),
    "support_weight": (0.0, 1.5),
    "box_share": (0.0, 1.0),
}
"""Smallest and largest value that is tried of each parameter."""

MASKS = frozenset({"mask_weight", "support_weight", "box_share"})
EMBEDDINGS = frozenset({"embedding_weight", "memory"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a tuning found.

    Attributes:
        association: The best parameters.
        value: HOTA with them on the tuning's own frames: it flatters them.
        default_value: HOTA there with the parameters that it began from.
        n_candidates: Parameters tried, those it began from included.
    """

    association: Association
    value: float
    default_value: float
    n_candidates: int


def tune(
    frames: Sequence[Instances],
    table: FrameTable,
    *,
    rng: np.random.Generator,
    start: Association | None = None,
    fixed: frozenset[str] = frozenset(),
    budget: int = BUDGET,
) -> Tuned:
    """Search the parameters with the largest HOTA: at random, then near the best.

    Args:
        frames: Instances of each frame of ``table``.
        table: Frames with boxes and ids.
        rng: The search's random stream.
        start: Tried first; by default :class:`Association` as it is.
        fixed: Parameters that keep their value of ``start``.
        budget: Candidates, at least one.

    Returns:
        The best of all candidates; ``start`` if none is better.
    """
    first = start or Association()
    free = [name for name in RANGES if name not in fixed | _without_effect(frames)]

    def value_of(candidate: Association) -> float:
        tracked = track_clips(frames, table.clip, table.frame, candidate)
        return score_tracked(tracked, table)["HOTA"]

    best, best_value = first, value_of(first)
    default_value = best_value
    for number in range(1, budget):
        is_exploring = number < EXPLORING * budget
        candidate = _drawn(best, free, rng, _anywhere if is_exploring else _nearby)
        value = value_of(candidate)
        if value > best_value:
            best, best_value = candidate, value
    return Tuned(
        association=best, value=best_value, default_value=default_value, n_candidates=budget
    )


def boxes_alone() -> tuple[Association, frozenset[str]]:
    """Return where a tuning of motion alone begins, and what it must not touch."""
    start = Association(embedding_weight=0, mask_weight=0)
    return start, MASKS | EMBEDDINGS | {"motion_weight"}


def _without_effect(frames: Sequence[Instances]) -> frozenset[str]:
    masks = MASKS if all(each.masks is None for each in frames) else frozenset()
    vectors = EMBEDDINGS if all(each.embeddings is None for each in frames) else frozenset()
    return masks | vectors


def _drawn(
    best: Association,
    free: Sequence[str],
    rng: np.random.Generator,
    draw: Callable[[float, float, float, np.random.Generator], float],
) -> Association:
    values = best.model_dump()
    for name in free:
        low, high = RANGES[name]
        values[name] = draw(float(values[name]), low, high, rng)
    values["max_age"] = round(values["max_age"])
    values["low_score"] = min(values["low_score"], values["high_score"])
    return Association(**values)


def _anywhere(value: float, low: float, high: float, rng: np.random.Generator) -> float:
    del value
    return float(rng.uniform(low, high))


def _nearby(value: float, low: float, high: float, rng: np.random.Generator) -> float:
    """Keep every other parameter: moving all of them at once seldom helps."""
    if rng.random() < 0.5:
        return value
    return float(np.clip(rng.normal(value, NEAR * (high - low)), low, high))
