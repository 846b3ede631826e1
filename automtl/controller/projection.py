"""What trials that were not trained to their end would have ended with.

What a trial shows after a few epochs misleads a sampler: its training time is small, so nothing
seems to dominate it. From each rung to the next, and from the last to the end, each objective
moves as it did for the trials that went on.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automtl.controller.rungs import finished, reached
from automtl.results import Objective, TrialRecord


def projected(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], rungs: Sequence[int]
) -> dict[int, tuple[float, ...]]:
    """Return the losses expected at the end of each trial that is past a rung but not finished.

    Args:
        history: All trials.
        objectives: In order.
        rungs: Epochs, ascending; none means that nothing is projected.

    Returns:
        Losses, smaller is better, by trial number.
    """
    if not rungs:
        return {}
    levels = [reached(history, objectives, epoch) for epoch in rungs]
    ends = finished(history, objectives)
    last = {
        number: level for level, seen in enumerate(levels) for number in seen if number not in ends
    }
    losses = np.array([levels[level][number] for number, level in last.items()])
    last_level = np.array(list(last.values()))
    for level, (here, there) in enumerate(zip(levels, [*levels[1:], ends], strict=True)):
        both = sorted(here.keys() & there.keys())
        is_moving = last_level <= level
        if not both or not is_moving.any():
            continue
        before = np.array([here[number] for number in both])
        after = np.array([there[number] for number in both])
        losses[is_moving] = _moved(losses[is_moving], before, after)
    return dict(zip(last, map(tuple, losses.tolist()), strict=True))


def _moved(
    losses: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move each column by the median difference or the median ratio, whichever fits better.

    A time grows by a factor, an error rather by a difference.
    """
    shift = np.median(after - before, axis=0)
    is_positive = ((before * after) > 0).all(axis=0)
    ratios = np.where(is_positive, after, 1.0) / np.where(is_positive, before, 1.0)
    factor = np.median(ratios, axis=0)
    missed_by_shift = np.median(np.abs(after - before - shift), axis=0)
    missed_by_factor = np.median(np.abs(after - before * factor), axis=0)
    scales = is_positive & (missed_by_factor < missed_by_shift)
    return np.asarray(np.where(scales, losses * factor, losses + shift))
