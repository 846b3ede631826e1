"""A training of a known length, in a module that loads nothing a worker has not loaded already."""

import time
from dataclasses import dataclass

from automtl.dispatch.base import Report
from automtl.results import TrialOrder


@dataclass(frozen=True, slots=True)
class SleepTraining:
    """A training of a known length that reports twice."""

    metrics: tuple[str, ...]
    length_s: float

    def __call__(self, order: TrialOrder, report: Report) -> None:
        """Sleep and report values that differ from trial to trial."""
        for epoch in (1, 2):
            time.sleep(self.length_s / 2)
            values = {m: (order.seed >> i) % 97 / 97 for i, m in enumerate(self.metrics)}
            report(epoch, values)
