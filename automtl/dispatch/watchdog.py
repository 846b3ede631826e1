"""Trials that have been silent for too long."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Watchdog:
    """Remembers when each running trial was heard of.

    Attributes:
        limit_s: Silence after which a trial counts as hung.
        clock: Seconds, monotonic.
    """

    limit_s: float
    clock: Callable[[], float]
    _heard_s: dict[str, float] = field(default_factory=dict)
    _hung: set[str] = field(default_factory=set)

    def heard(self, trial: str) -> None:
        """Note a sign of life."""
        self._heard_s[trial] = self.clock()

    def forget(self, trial: str) -> None:
        """Stop watching a trial that ended."""
        self._heard_s.pop(trial, None)

    def newly_hung(self, running: set[str]) -> list[str]:
        """Return the running trials whose silence just became too long, each once.

        Args:
            running: Those whose process is up; one that runs is watched from now on. Another one
                waits for its process, which is no silence.
        """
        now = self.clock()
        for trial in running - set(self._heard_s) - self._hung:
            self._heard_s[trial] = now
        found = [
            t for t, seen in self._heard_s.items() if t in running and now - seen > self.limit_s
        ]
        for trial in found:
            self._hung.add(trial)
            del self._heard_s[trial]
        return found

    def was_hung(self, trial: str) -> bool:
        """Whether a trial was given up for its silence."""
        return trial in self._hung
