"""Whether the processes that are being started still come up."""

from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE_S = 30.0
"""Without another process for so long, none is expected any more. On a busy machine some dozen
processes need minutes, but not one of them so long after the one before."""


@dataclass(slots=True, kw_only=True)
class Starts:
    """Remembers when a process came up last.

    Attributes:
        clock: Seconds, monotonic.
        patience_s: How long the next one may take.
    """

    clock: Callable[[], float]
    patience_s: float = PATIENCE_S
    _running: set[str] = field(default_factory=set)
    _came_s: float | None = None

    def are_hoped_for(self, running: set[str]) -> bool:
        """Return whether one came up lately, or was asked about for the first time.

        Args:
            running: The trials that have a process now.
        """
        now = self.clock()
        if self._came_s is None or running - self._running:
            self._came_s = now
        self._running = running
        return now - self._came_s <= self.patience_s
