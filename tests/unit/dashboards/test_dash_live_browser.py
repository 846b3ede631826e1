"""The live page in Chromium: every control does what it says, and the console stays empty."""

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from automtl.errors import LedgerError
from automtl_dashboards.gallery import Frame, Gallery
from automtl_dashboards.live import layout
from automtl_dashboards.live.compare import differences
from automtl_dashboards.live.feed import Feed, Source
from automtl_dashboards.live.filters import KINDS, filtered, traits_of
from automtl_dashboards.runs import Runs
from automtl_dashboards.snapshot import Snapshot
from tests.mouse import click_a_point

pytestmark = pytest.mark.slow

LIMIT_MS = 60_000
"""A busy machine draws slowly."""

RUNS = Runs(
    ids={number: f"{number:08d}" for number in range(20)},
    page="https://mlflow.example/#/experiments/7/runs/",
)


class Study:
    """A source whose facts a test moves on."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.first, self.snapshot, self.n_facts = snapshot, snapshot, 1
        self.error: Exception | None = None

    def pulse(self) -> int:
        if self.error is not None:
            raise self.error
        return self.n_facts

    def become(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.n_facts += 1

    @property
    def source(self) -> Source:
        return Source(pulse=self.pulse, load=lambda: self.snapshot, close=lambda: None)


def picture(color: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (12, 8), color).save(file, "webp")
    return file.getvalue()


@pytest.fixture(scope="module")
def studies(synthetic) -> dict[str, Study]:
    # Two objectives and few trials: a page of many panels takes a busy machine half a minute.
    study = synthetic.study.model_copy(update={"objectives": synthetic.study.objectives[:2]})
    history = (*synthetic.history[:8], *synthetic.history[-3:])
    whole = synthetic.snapshot(study=study, history=history)
    half = synthetic.snapshot(study=study, history=history[:4], picks=())
    frame = Frame(name="f", labels=picture("red"), seen={0: picture("blue"), 1: picture("green")})
    pictures = Gallery(frames=(frame,), trials=(0, 1))
    whole = replace(whole, gallery=pictures, runs=RUNS)
    return {"whole": Study(whole), "half": Study(half)}


@pytest.fixture(scope="module")
def address(studies: dict[str, Study]) -> Iterator[str]:
    pytest.importorskip("dash", reason="Dash is not installed")
    from werkzeug.serving import make_server

    from automtl_dashboards.live.app import make_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "REFRESH_MS", 1000)
        app = make_app(Feed(sources={name: study.source for name, study in studies.items()}))
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


class Reader:
    """Somebody who looks at the page and uses it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(LIMIT_MS)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def choose(self, control: str, option: str) -> None:
        self.page.click(f"#{control}")
        self.page.get_by_role("option", name=option, exact=True).click()
        self.page.keyboard.press("Escape")

    def trials(self) -> list[int]:
        rows = self.page.locator("#trials tbody tr").all()
        return [int(str(row.get_attribute("id")).removeprefix("trial-")) for row in rows]

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(condition, timeout=LIMIT_MS)

    def wait_for_trials(self, numbers: list[int]) -> None:
        rows = "Array.from(document.querySelectorAll('#trials tbody tr')).map(r => r.id)"
        wanted = ",".join(f"trial-{number}" for number in numbers)
        self.wait(f"() => {rows}.join() === '{wanted}'")


@pytest.fixture(scope="module")
def reader(chromium, address: str) -> Iterator[Reader]:
    """One page for all tests: drawing it takes seconds. Each test leaves it as it was."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    reader = Reader(page)
    page.goto(address)
    page.wait_for_selector("#figure-front .main-svg")
    page.wait_for_selector("#trial-0")
    yield reader
    page.close()
    assert reader.said == []
    assert {url.split(":")[0] for url in reader.asked} <= {"http", "data", "blob"}
    assert all(url.startswith(address) for url in reader.asked if url.startswith("http"))


def numbers(snapshot: Snapshot) -> list[int]:
    return [record.number for record in snapshot.history]


def test_every_section_of_the_report_is_there_and_every_figure_drawn(reader: Reader) -> None:
    page = reader.page
    for anchor in ("front", "members", "hypervolume", "parallel", "curves", "losses", "timeline"):
        page.wait_for_selector(f"#figure-{anchor} .main-svg")
    assert "Data digest" in page.inner_text("#study")
    assert "Take trial" in page.inner_text("#live-headline")
    assert page.locator("#pictures img").count() == 3
    page.locator("#live-nav a", has_text="Workers").click()
    assert page.evaluate("location.hash") == "#timeline"


def test_filters_add_up_and_another_study_begins_anew(
    reader: Reader, studies: dict[str, Study]
) -> None:
    snapshot = studies["whole"].snapshot
    headline = reader.page.inner_text("#live-headline")
    wanted: dict[str, list[str]] = {}
    for kind, value in traits_of(snapshot.history[0]).items():
        reader.choose(f"filter-{kind}", value)
        wanted[kind] = [value]
        reader.wait_for_trials(numbers(filtered(snapshot, wanted)))
    assert list(wanted) == list(KINDS)
    assert reader.page.inner_text("#live-headline") == headline
    reader.choose("live-study", "half")
    reader.wait_for_trials(numbers(studies["half"].snapshot))
    assert "none has been picked yet" in reader.page.inner_text("#live-headline")
    reader.choose("live-study", "whole")
    reader.wait_for_trials(numbers(snapshot))


def test_two_trials_side_by_side(reader: Reader, studies: dict[str, Study]) -> None:
    page, records = reader.page, studies["whole"].snapshot.history
    assert "Choose two trials" in page.inner_text("#live-comparison")
    reader.choose("compare-a", f"trial 0, {records[0].status.value}")
    reader.choose("compare-b", f"trial 3, {records[3].status.value}")
    page.wait_for_selector("#compared-curves .main-svg")
    page.wait_for_selector("#compared-members .main-svg")
    rows = page.locator("table.differences tbody tr").all()
    shown = [tuple(row.locator("td").all_inner_texts()) for row in rows]
    assert shown == differences(records[0], records[3])
    assert page.locator("#live-comparison .gallery img").count() == 2  # labels, and trial 0
    legend = page.locator("#compared-curves .legendtext").all_text_contents()
    assert {"trial 0", "trial 3"} <= set(legend)
    page.locator("#live-comparison .gallery img").first.click()
    assert page.locator("#live-comparison .gallery img.large").count() == 1
    page.locator("#live-comparison .gallery img.large").click()
    assert page.locator("#live-comparison .gallery img.large").count() == 0


def test_studies_are_compared_and_one_can_be_left_out(reader: Reader) -> None:
    page = reader.page
    names = "Array.from(document.querySelectorAll('#studies-figure .legendtext'))"
    reader.wait(f"() => {names}.map(t => t.textContent).join() === 'whole,half'")
    reader.choose("live-compared", "whole")
    page.wait_for_selector("#studies-figure .main-svg")
    reader.wait("() => document.querySelectorAll('#studies-figure .scatter').length === 2")


def test_what_happens_is_shown_and_what_a_reader_did_stays(
    reader: Reader, studies: dict[str, Study]
) -> None:
    study, page = studies["whole"], reader.page
    study.become(replace(study.first, history=study.first.history[:5], attempts=()))
    reader.wait_for_trials([0, 1, 2, 3, 4])
    page.locator("#trials th").first.click()
    page.locator("#trials th").first.click()
    reader.wait_for_trials([4, 3, 2, 1, 0])
    page.evaluate("document.querySelector('#figure-front .js-plotly-plot').isTheSame = true")
    study.become(replace(study.first, history=study.first.history[:7], attempts=()))
    reader.wait_for_trials([6, 5, 4, 3, 2, 1, 0])
    assert page.evaluate("document.querySelector('#figure-front .js-plotly-plot').isTheSame")
    page.locator("#trials th").first.click()
    study.become(study.first)
    reader.wait_for_trials(numbers(study.first))


def test_a_click_on_a_trial_leads_to_its_row_and_its_run_in_mlflow(reader: Reader) -> None:
    page = reader.page
    shown, row = click_a_point(page, page.locator("#figure-front .points path").first)
    number = int(row.removeprefix("#trial-"))
    assert f"MLflow run {RUNS.ids[number]}" in shown
    assert page.locator(f"{row} a").get_attribute("href") == f"{RUNS.page}{RUNS.ids[number]}"


def test_a_ledger_that_does_not_answer_is_told_until_it_does(
    reader: Reader, studies: dict[str, Study]
) -> None:
    studies["whole"].error = LedgerError("the database is gone", where="the ledger", fix="Wait")
    reader.wait("() => document.getElementById('live-notice').textContent.includes('is gone')")
    assert reader.page.locator("#trial-0").count() == 1
    studies["whole"].error = None
    reader.wait("() => document.getElementById('live-notice').textContent === ''")
