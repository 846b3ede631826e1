"""What a study of the chaos benchmark suffers: a pure function of the seed and its number."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Target = Literal["controller", "worker", "raylet", "gcs", "mlflow", "database"]

LONGEST_DELAY_S: Mapping[Target, float] = {
    "controller": 20.0,
    "worker": 4.0,
    "raylet": 8.0,
    "gcs": 8.0,
    "mlflow": 5.0,
    "database": 8.0,
}
"""A process is killed at most this long after it was first seen, in its start or its work."""

LONGEST_OUTAGE_S = 4.0
"""A database that was killed is started again after at most this long."""

EVERYWHERE: tuple[Target, ...] = (
    *("controller", "controller", "worker", "worker"),
    *("raylet", "gcs", "mlflow", "mlflow"),
)
"""Kills of each study, in a random order: no kind can crowd out another."""

WITH_A_SERVER: tuple[Target, ...] = ("database", "database")
"""Further kills where the ledger is in a database server."""

A_SERVER_IN = 3
"""Every third study has its ledger in PostgreSQL, the others in SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill -9.

    Attributes:
        target: Which process.
        delay_s: How long after it was first seen.
        outage_s: After how long a database is started again.
    """

    target: Target
    delay_s: float
    outage_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What happens to one study.

    Attributes:
        study: Its number.
        has_server: Whether its ledger is in a database server.
        kills: In order.
    """

    study: int
    has_server: bool
    kills: tuple[Kill, ...]


def plan_of(seed: int, study: int) -> Plan:
    """Return the plan of one study; the others' do not matter."""
    rng = random.Random(f"{seed}:{study}")
    has_server = study % A_SERVER_IN == A_SERVER_IN - 1
    targets = [*EVERYWHERE, *(WITH_A_SERVER if has_server else ())]
    rng.shuffle(targets)
    kills = tuple(
        Kill(
            target=target,
            delay_s=rng.uniform(0.0, LONGEST_DELAY_S[target]),
            outage_s=rng.uniform(0.0, LONGEST_OUTAGE_S),
        )
        for target in targets
    )
    return Plan(study=study, has_server=has_server, kills=kills)
