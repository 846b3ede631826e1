"""What a report is drawn from is of one piece, though a search goes on while it is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automtl.ledger.holder import this_process
from automtl.ledger.store import Ledger
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import Note, Objective, Pick, StudyInfo
from automtl.space.free import FreeSearch
from automtl.study import conclude
from automtl_dashboards.report import report_html

SEARCH = {
    "name": "mine",
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "parameters": {"x": {"type": "float", "min": 0, "max": 1}},
    "budget": {"trials": 100},
}


@pytest.fixture
def held(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    info = StudyInfo(
        name="mine",
        objectives=(Objective(metric="loss", goal="minimize"),),
        recipe=FreeSearch.model_validate(SEARCH).to_plain(),
        recipe_digest="",
        seed=0,
        created_s=1.0,
    )
    create_study(url, info)
    with open_ledger(url, study="mine") as ledger:
        ledger.acquire_lease(this_process(), ttl_s=600)
        yield ledger


def go_on(ledger: Ledger, n_trials: int) -> None:
    """Start a trial, say something of it, and pick it."""
    ledger.add_trial(
        number=n_trials, point={"x": 0.5}, config={}, config_digest="", origin="sampler", seed=1
    )
    ledger.start_attempt(n_trials, worker="w")
    ledger.add_note(Note(number=n_trials, attempt=1, text="slow"))
    ledger.add_pick(Pick(number=n_trials, rule="", inputs={}, reason="", created_s=1.0))


@pytest.fixture
def busy(held: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger whose search is a trial further after each thing that is read."""
    n_trials = iter(range(100))
    go_on(held, next(n_trials))

    def read_then_go_on(read: Callable[..., Any]) -> Callable[..., Any]:
        def both(*words: Any) -> Any:
            found = read(*words)
            go_on(held, next(n_trials))
            return found

        return both

    for name in ("study", "history", "picks", "notes"):
        monkeypatch.setattr(Ledger, name, read_then_go_on(getattr(Ledger, name)))
    for name in ("read_attempts", "lessons_of"):
        monkeypatch.setattr(conclude, name, read_then_go_on(getattr(conclude, name)))
    return held


def test_nothing_is_said_of_a_trial_that_is_not_there(busy: Ledger) -> None:
    facts = conclude.facts_of(busy)
    numbers = {record.number for record in facts.history}
    said = (*facts.attempts, *facts.picks, *facts.trial_notes)
    assert {one.number for one in said} <= numbers
    assert "trial-0" in report_html(facts)


def test_a_pick_that_counts_already_is_not_recorded_again(held: Ledger) -> None:
    def picked(number: int, created_s: float) -> None:
        chosen = Pick(number=number, rule="knee", reason="", created_s=created_s)
        conclude.keep_pick(held, chosen)

    for moment, number in enumerate((3, 3, 4, 3, 3)):
        picked(number, float(moment))
    assert [(p.number, p.created_s) for p in held.picks()] == [(3, 0.0), (4, 2.0), (3, 3.0)]
    assert held.outbox.count_pending() == 3
