"""The report benchmark: its ledger is a sound study, and a page that asks somebody is caught."""

import shutil
from pathlib import Path

import pytest

from automtl.ledger.holder import this_process
from automtl.pareto import front
from automtl.space.recipe import find_recipe, load_recipe
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, opened
from benchmarks.report import fill, hosts, show


def test_the_filled_ledger_is_a_sound_study_with_a_front(tmp_path: Path) -> None:
    place = StudyFolder(tmp_path / "s")
    create(load_recipe(find_recipe("quickstart")), place, Settings())
    with opened(place) as ledger:
        ledger.acquire_lease(this_process(), ttl_s=60)
        fill(ledger, range(8))
        assert ledger.check() == []
        assert len(ledger.history()) == 8
        assert front(ledger.history(), ledger.study().objectives)


def test_hosts_are_those_of_the_network_alone() -> None:
    urls = ("https://a.example/x", "http://a.example/y", "ws://b.example", "file:///c", "data:,")
    events: list[dict[str, object]] = [
        {"params": {"url": url, "initiator": who}}
        for url, who in zip(urls, ("file://", "null", "null", "null", "null"), strict=True)
    ]
    own = [
        {"params": {"url": "https://browser.example", "initiator": "not an origin"}},
        {"params": {"url": "https://later.example"}},
    ]
    odd: list[dict[str, object]] = [{}, {"params": {"url": 3, "initiator": "null"}}]
    assert hosts({"events": [*events, *own, *odd]}) == {"a.example", "b.example"}


@pytest.mark.slow
def test_a_page_that_asks_somebody_is_caught(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium on this machine")
    page = tmp_path / "page.html"
    page.write_text(
        "<img src='http://127.0.0.1:9/x.png'><iframe src='http://127.0.0.2:9/'></iframe>"
        "<link rel='stylesheet' href='http://127.0.0.3:9/s.css'>"
        "<script>console.log('said'); new WebSocket('ws://127.0.0.4:9/')</script>"
        # A link is not asked for.
        "<a href='http://127.0.0.5:9/' target='_blank'>there</a>"
    )
    done, asked = show(browser, page, tmp_path)
    assert asked == {f"127.0.0.{i}" for i in (1, 2, 3, 4)}
    assert "CONSOLE" in done.stderr
