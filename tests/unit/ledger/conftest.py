"""A study with two objectives in a new database, and a clock that tests move."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from automtl.ledger.holder import Holder
from automtl.ledger.store import Ledger
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import Objective, StudyInfo

INFO = StudyInfo(
    name="street",
    objectives=(
        Objective(metric="detection/mAP", goal="maximize", reference=0.0),
        Objective(metric="cost/latency_ms", goal="minimize", unit="ms", reference=100.0),
    ),
    recipe={"name": "street", "budget": {"trials": 4}},
    recipe_digest="0123456789abcdef",
    seed=7,
    created_s=1_000.25,
)


@dataclass
class Clock:
    now_s: float = 2_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A study in a new file."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    create_study(url, INFO)
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A study in a new database of each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = str(request.getfixturevalue("postgres_url"))
    create_study(url, INFO)
    return url


@pytest.fixture
def opened(url: str, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """Opens the study once more, as another process would."""
    ledgers: list[Ledger] = []

    def open_one() -> Ledger:
        ledgers.append(open_ledger(url, study="street", clock=clock))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.engine.dispose()


@pytest.fixture
def held(opened: Callable[[], Ledger]) -> Ledger:
    """The study under a lease of 60 seconds."""
    ledger = opened()
    ledger.acquire_lease(Holder(user="the writer", host="elsewhere", process=1), ttl_s=60)
    return ledger


def _holder(user: str) -> Holder:
    # On a machine that is not this one, where nobody can see whether it lives.
    return Holder(user=user, host="elsewhere", process=4711)


@pytest.fixture
def holder() -> Callable[[str], Holder]:
    return _holder


def _propose(ledger: Ledger, number: int) -> None:
    ledger.add_trial(
        number=number,
        point={"lr": 0.1 + 0.2, "block": 3, "share": True, "kind": "joint"},
        config={"optimizer": {"lr": 0.1 + 0.2}},
        config_digest=f"digest-{number}",
        origin="sampler",
        seed=2**40 + number,
    )


@pytest.fixture
def propose() -> Callable[[Ledger, int], None]:
    return _propose
