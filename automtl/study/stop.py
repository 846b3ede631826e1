"""How a search is asked to end: by Ctrl-C in its terminal, by `automtl stop` in another one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from automtl.ledger.lease import Lease
from automtl.ledger.stop import Asked, Stop, ask_stop, is_held, stop_asked
from automtl.ledger.store import Ledger

SAID = {
    Stop.AFTER_RUNNING: "Asked to stop: no trial begins any more, the running ones are trained "
    "to their end",
    Stop.NOW: "Asked to stop now: running trials save their state at their next report",
}

POLL_S = 0.5
"""How often somebody who waits for the end looks."""


def nobody_asks() -> Stop | None:
    """Know of nobody who could ask."""
    return None


@dataclass(slots=True, kw_only=True)
class StopWatch:
    """What the controller looks at before each decision.

    Attributes:
        ask: Returns what the ledger says.
        wanted: How the search is to end; None while it goes on.
    """

    ask: Callable[[], Stop | None] = nobody_asks
    wanted: Stop | None = None

    @classmethod
    def of(cls, lease: Lease) -> "StopWatch":
        """Look at a lease that this process holds."""
        return cls(ask=partial(stop_asked, lease.engine, lease.study, lease.token))

    @property
    def is_now(self) -> bool:
        """Whether running trials pause at their next report."""
        return self.wanted is Stop.NOW

    def look(self, say: Callable[[str], None]) -> Stop | None:
        """Return how the search is to end, and say once that somebody asked."""
        if not self.is_now:
            asked = self.ask()
            if asked is not None and asked is not self.wanted:
                self.wanted = asked
                say(SAID[asked])
        return self.wanted


def ask_to_stop(ledger: Ledger, stop: Stop) -> Asked | None:
    """Ask whoever searches to end; None if nobody does."""
    return ask_stop(ledger.engine, ledger.name, stop, clock=ledger.clock)


def wait_for_end(ledger: Ledger, asked: Asked) -> None:
    """Return when the process that was asked has ended."""
    while is_held(ledger.engine, ledger.name, asked.token):
        time.sleep(POLL_S)
