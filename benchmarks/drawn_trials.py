"""Trials that no training made: a ledger filled by its own methods, to be measured with."""

from automtl.config import TrialConfig
from automtl.ledger.store import Ledger
from automtl.results import Point


def begin_trial(
    ledger: Ledger,
    config: TrialConfig,
    *,
    number: int,
    point: Point,
    seed: int,
    origin: str = "sampler",
) -> None:
    """Record a trial and the start of its first attempt, as a controller does."""
    ledger.add_trial(
        number=number,
        point=point,
        config=config.to_plain(),
        config_digest=config.digest,
        origin=origin,
        seed=seed,
    )
    ledger.start_attempt(number, worker="")
