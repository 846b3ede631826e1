"""Association parameters, tuned after training on the outputs of the validation split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from automtl.fusion.association import Association
from automtl.fusion.instances import Instances
from automtl.fusion.scoring import Truth, score_tracked
from automtl.fusion.tracker import track_clips

BUDGET = 40
"""Candidates that a tuning tries; each costs a tracking of the split, no network."""

SHOWN_SCORE = 0.3
"""Objects from this score on count: what prediction shows by default is what is tuned."""

EXPLORING = 0.3
"""Share of the budget that is drawn at random; the rest is drawn near the best so far."""

NEAR = 0.15
"""Spread of a draw near the best, in units of a parameter's range."""

N_MOVED = 4
"""Parameters that move in a draw near the best, on average: moving all at once seldom helps."""

RANGES: Mapping[str, tuple[float, float]] = {
    "embedding_weight": (0.0, 1.0),
    "motion_weight": (0.0, 1.0),
    "mask_weight": (0.0, 1.0),
    "max_cosine_distance": (0.05, 1.0),
    "min_iou": (0.01, 0.6),
    "min_mask_iou": (0.05, 0.8),
    "buffer": (0.0, 0.8),
    "class_penalty": (0.0, 1.0),
    "high_score": (0.15, 0.8),
    "low_score": (0.05, 0.6),
    "max_age": (0.0, 12.0),
    "velocity_gain": (0.0, 1.0),
    "memory": (0.0, 0.9),
    "support_weight": (0.0, 12.0),
    "box_share": (0.0, 1.0),
}
"""Smallest and largest value that is tried of each parameter."""

MASKS = frozenset({"mask_weight", "min_mask_iou", "support_weight", "box_share"})
EMBEDDINGS = frozenset({"embedding_weight", "max_cosine_distance", "memory"})
BESIDE_BOXES = MASKS | EMBEDDINGS | {"motion_weight"}
"""What a tuning of boxes alone must not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a tuning found.

    Attributes:
        association: The best parameters.
        value: HOTA with them on the tuning's own frames: it flatters them.
        n_candidates: Parameters tried.
    """

    association: Association
    value: float
    n_candidates: int


def tune(
    frames: Sequence[Instances],
    truth: Truth,
    *,
    rng: np.random.Generator,
    starts: Sequence[Association],
    fixed: frozenset[str] = frozenset(),
    budget: int = BUDGET,
) -> Tuned:
    """Search the parameters with the largest HOTA: at random, then near the best.

    Args:
        frames: Instances of each frame of ``truth``.
        truth: What should be found.
        rng: The search's random stream.
        starts: Tried first, at least one; on a tie the earliest is kept.
        fixed: Parameters that keep the value that they have in the best of ``starts``.
        budget: Candidates in all, ``starts`` included.

    Returns:
        The best of all candidates.
    """

    def value_of(candidate: Association) -> float:
        return score_with(frames, truth, candidate)["HOTA"]

    values = [value_of(start) for start in starts]
    best_value = max(values)
    best = starts[values.index(best_value)]
    free = [name for name in RANGES if name not in fixed | _without_effect(frames)]
    n_drawn = max(0, budget - len(starts))
    for number in range(n_drawn):
        draw = _anywhere if number < EXPLORING * n_drawn else _nearby(len(free))
        candidate = _drawn(best, free, rng, draw)
        value = value_of(candidate)
        if value > best_value:
            best, best_value = candidate, value
    return Tuned(association=best, value=best_value, n_candidates=len(starts) + n_drawn)


def score_with(
    frames: Sequence[Instances], truth: Truth, association: Association
) -> dict[str, float]:
    """Return how well what prediction shows is tracked; see ``score_tracks``."""
    tracked = track_clips(frames, truth.clip, truth.frame, association)
    return score_tracked(tracked, truth, min_score=SHOWN_SCORE)


def _without_effect(frames: Sequence[Instances]) -> frozenset[str]:
    masks = MASKS if all(each.pixels is None for each in frames) else frozenset()
    vectors = EMBEDDINGS if all(each.embeddings is None for each in frames) else frozenset()
    return masks | vectors


Draw = Callable[[float, float, float, np.random.Generator], float]
"""From a value and its range to another value."""


def _drawn(
    best: Association, free: Sequence[str], rng: np.random.Generator, draw: Draw
) -> Association:
    values = asdict(best)
    for name in free:
        low, high = RANGES[name]
        values[name] = draw(float(values[name]), low, high, rng)
    values["max_age"] = round(values["max_age"])
    values["low_score"] = min(values["low_score"], values["high_score"])
    return Association(**values)


def _anywhere(value: float, low: float, high: float, rng: np.random.Generator) -> float:
    del value
    return float(rng.uniform(low, high))


def _nearby(n_free: int) -> Draw:
    share = min(1.0, N_MOVED / max(1, n_free))

    def draw(value: float, low: float, high: float, rng: np.random.Generator) -> float:
        if rng.random() > share:
            return value
        return float(np.clip(rng.normal(value, NEAR * (high - low)), low, high))

    return draw
