"""What the live page reads: studies by name, each read again only when something happened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from automtl_dashboards.snapshot import Snapshot


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


@dataclass(slots=True, kw_only=True)
class Feed:
    """The studies of a page. Requests come in several threads: one reads, the others wait.

    Attributes:
        sources: By name, in the order in which they are offered.
    """

    sources: Mapping[str, Source]
    _known: dict[str, tuple[int, Snapshot]] = field(default_factory=dict)
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
        """Return what grows with every fact of a study."""
        return self.sources[name].pulse()

    def snapshot(self, name: str) -> Snapshot:
        """Return a study as it is now; the same object while nothing happens."""
        source = self.sources[name]
        with self._lock:
            # Before the facts: one that comes in between is read twice and never missed.
            pulse = source.pulse()
            known = self._known.get(name)
            if known is not None and known[0] == pulse:
                return known[1]
            snapshot = source.load()
            self._known[name] = (pulse, snapshot)
            return snapshot
