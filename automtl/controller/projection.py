"""What trials that were not trained to their end would have ended with.

What a trial shows after a few epochs misleads a sampler: its training time is small, so nothing
seems to dominate it. From each rung to the next, and from the last to the end, each objective
moves as it did for the trials that went on.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from automtl.controller.memo import is_known
from automtl.controller.rungs import finished, reached
from automtl.results import Objective, TrialRecord


def projected(
    history: Sequence[TrialRecord], objectives: Sequence[Objective], rungs: Sequence[int]
) -> NDArray[np.float64]:
    """Return the losses expected at the end of each trial that is past a rung but not finished.

    Args:
        history: All trials.
        objectives: In order.
        rungs: Epochs, ascending; none means that nothing is projected.

    Returns:
        Losses, smaller is better, shape ``(n_trials, m)``; NaN for the other trials.
    """
    losses = np.full((len(history), len(objectives)), np.nan)
    if not rungs:
        return losses
    levels = [reached(history, objectives, epoch) for epoch in rungs]
    ends = finished(history, objectives)
    last_level = np.full(len(history), len(levels))
    for level, seen in enumerate(levels):
        is_here = is_known(seen) & ~is_known(ends)
        losses[is_here] = seen[is_here]
        last_level[is_here] = level
    for level, (here, there) in enumerate(pairwise([*levels, ends])):
        went_on = is_known(here) & is_known(there)
        is_moving = last_level <= level
        if went_on.any() and is_moving.any():
            losses[is_moving] = _moved(losses[is_moving], here[went_on], there[went_on])
    return losses


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
