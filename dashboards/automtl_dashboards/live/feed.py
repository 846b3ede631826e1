"""What the live page reads: studies by name, each read again only when something happened."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from automtl_dashboards.snapshot import Snapshot

REST = 10.0
"""A reading that took a second is followed by ten without: trainings need the machine more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One study.

    Attributes:
        pulse: Returns a number that grows with every fact of the study; cheap.
        load: Reads all of it.
        close: Lets go of what it reads from.
    """

    pulse: Callable[[], int]
    load: Callable[[], Snapshot]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A study as it was read; until ``rests_until``, by the feed's clock, it is not read again."""

    pulse: int
    snapshot: Snapshot
    rests_until: float


@dataclass(slots=True, kw_only=True)
class Feed:
    """The studies of a page. Requests come in several threads: one reads, the others wait.

    Attributes:
        sources: By name, in the order in which they are offered.
        clock: Seconds that only grow.
    """

    sources: Mapping[str, Source]
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Reading] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def names(self) -> tuple[str, ...]:
        """The studies."""
        return tuple(self.sources)

    def close(self) -> None:
        """Let go of all studies."""
        for source in self.sources.values():
            source.close()

    def pulse(self, name: str) -> int:
        """Return what grows with every fact of a study, as far as it may be read now."""
        known = self._known.get(name)
        if known is not None and self.clock() < known.rests_until:
            return known.pulse
        return self.sources[name].pulse()

    def snapshot(self, name: str) -> Snapshot:
        """Return a study as it is now; the same object while nothing happens."""
        with self._lock:
            # Before the facts: one that comes in between is read twice and never missed.
            pulse = self.pulse(name)
            known = self._known.get(name)
            if known is not None and known.pulse == pulse:
                return known.snapshot
            began = self.clock()
            snapshot = self.sources[name].load()
            ended = self.clock()
            self._known[name] = _Reading(
                pulse=pulse, snapshot=snapshot, rests_until=ended + REST * (ended - began)
            )
            return snapshot
