"""What `automtl dashboard` reads: read-only, all studies of a ledger, errors in one line."""

import importlib.util
import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from automtl.cli.dashboard import feed_of, show_dashboard
from automtl.errors import AutomtlError, LedgerError
from automtl.ledger.database import writing
from automtl.ledger.holder import this_process
from automtl.ledger.studies import create_study, open_ledger, studies_of
from automtl.results import Objective, StudyInfo
from automtl.space.free import FreeSearch
from automtl.study.folder import Settings, StudyFolder, save_settings


def info(name: str) -> StudyInfo:
    search = FreeSearch.model_validate(
        {
            "name": name,
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "parameters": {"x": {"type": "float", "min": 0, "max": 1}},
            "budget": {"trials": 3},
        }
    )
    return StudyInfo(
        name=name,
        objectives=(Objective(metric="loss", goal="minimize"),),
        recipe=search.to_plain(),
        recipe_digest="",
        seed=0,
        created_s=1.0,
    )


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def place(tmp_path: Path, url: str) -> StudyFolder:
    place = StudyFolder(tmp_path / "mine")
    for name in ("mine", "other"):
        create_study(url, info(name))
    save_settings(place, Settings(study="mine", ledger=url))
    return place


def test_all_studies_of_the_ledger_are_shown_and_a_running_one_is_not_held_up(
    place: StudyFolder, url: str
) -> None:
    feed = feed_of([place])
    feed.clock = lambda: 0.0  # no reading takes time, so none is followed by a rest
    assert feed.names == ("mine", "other")
    assert studies_of(url) == ("mine", "other")
    assert feed.snapshot("mine").notes
    assert feed.snapshot("other").notes == {}
    before = feed.pulse("mine")
    with open_ledger(url, study="mine") as writer:
        writer.acquire_lease(this_process(), ttl_s=60)
        writer.add_trial(
            number=0, point={"x": 0.5}, config={}, config_digest="d", origin="sampler", seed=1
        )
        assert feed.snapshot("mine").history == ()
        writer.start_attempt(0, worker="")
        assert feed.pulse("mine") > before
        assert [record.number for record in feed.snapshot("mine").history] == [0]
        assert feed.pulse("other") == 0
    feed.close()
    feed.close()


def test_the_database_itself_refuses_to_write(place: StudyFolder, url: str) -> None:
    with (
        open_ledger(url, study="mine", read_only=True) as ledger,
        pytest.raises(LedgerError, match=r"read.?only"),
        writing(ledger.engine) as connection,
    ):
        connection.execute(text("DELETE FROM outbox"))


def test_a_missing_dash_is_one_line_with_the_way_out(
    place: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AutomtlError, match="needs Dash") as caught:
        show_dashboard([place.root], host="127.0.0.1", port=0)
    assert "automtl[dashboard]" in str(caught.value)


def test_a_port_in_use_is_one_line(place: StudyFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AutomtlError, match="nothing can listen"):
            show_dashboard([place.root], host="127.0.0.1", port=taken.getsockname()[1])
