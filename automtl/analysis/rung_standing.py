"""What becomes of trials at a rung, and how well the rung tells the end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RungStanding:
    """What a search knows of a rung, for people.

    Attributes:
        epoch: The rung.
        n_arrived: Trials compared there.
        n_went_on: Those of them that were trained on.
        n_finished: Those that were trained to their end.
        waiting: Trials that are paused there.
        stopped: Trials that were stopped there.
        kendall: Rank correlation with the end, of the objective that agrees least; NaN where
            too few have finished.
        kendall_low: Its lower confidence bound.
        eta: One in so many goes on now.
    """

    epoch: int
    n_arrived: int
    n_went_on: int
    n_finished: int
    waiting: tuple[int, ...]
    stopped: tuple[int, ...]
    kendall: float
    kendall_low: float
    eta: float
