"""A trial's run in MLflow: under the mouse, and as a link in the trial's row."""

import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from automtl_dashboards.report import report_html
from automtl_dashboards.runs import Runs, run_cells, run_text, run_words, study_run

PAGE = "https://host:8080/mlflow/#/experiments/7/runs/"
COMMAND = "mlflow ui --backend-store-uri sqlite:///runs/demo/mlflow.db"
RUN = "4d1f0c3aa0c94d0f9f0a5e3c9d7b1e22"


class Links(HTMLParser):
    """Collects elements with their attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def targets(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]


def trials_table_of(page: str) -> str:
    return page.partition("<table class='trials")[2].partition("</table>")[0]


@given(run=st.text(min_size=1, max_size=40), page=st.text(min_size=1, max_size=40))
def test_what_a_server_says_is_shown_and_never_run(run: str, page: str) -> None:
    runs = Runs(ids={0: run}, page=page, command="<b>")
    ((cell, _, _),) = run_cells(runs, 0)
    found = Links(cell)
    assert [tag for tag, _ in found.elements] == ["a", "code"]
    # What a browser reads as the end of a line is the same to it.
    assert [str(target).split() for target in found.targets] == [(page + run).split()]
    assert not re.search(r"<(?!br>)", run_text(runs, 0))
    assert "&lt;b&gt;" in run_words(runs)


def test_trials_without_a_run_have_no_link_and_without_any_there_is_no_column() -> None:
    runs = Runs(ids={3: RUN}, page=PAGE)
    assert Links(run_cells(runs, 3)[0][0]).targets == [PAGE + RUN]
    assert (run_cells(runs, 4), run_text(runs, 4)) == ([("", "", "")], "")
    assert (run_cells(Runs(page=PAGE), 3), run_words(Runs(page=PAGE))) == ([], "")


@pytest.mark.parametrize(
    ("page", "command", "words"),
    [
        (PAGE, "", "a click opens its page."),
        (PAGE, COMMAND, f"while this runs: <code>{COMMAND}</code>."),
        ("", "", "which is named trial NUMBER there."),
    ],
)
def test_the_report_has_it_in_the_hover_and_in_the_row(
    synthetic, floors, page: str, command: str, words: str
) -> None:
    known = {r.number: f"{r.number:08x}{RUN[8:]}" for r in synthetic.history[:-1]}
    runs = Runs(ids=known, page=page, command=command)
    whole = report_html(synthetic.snapshot(floors=floors, runs=runs))
    table = trials_table_of(whole)
    assert ">MLflow<" in table
    found = re.findall(r"<tr id='trial-(\d+)'(.*?)</tr>", table, re.DOTALL)
    rows = {int(number): row for number, row in found}
    assert len(rows) == len(synthetic.history)
    for number, row in rows.items():
        expected = [page + known[number]] if page and number in known else []
        assert Links(row).targets == expected
        assert (known.get(number, "no run")[:8] in Links(row).words) == (number in known)
    assert words in whole
    front = [r.number for r in synthetic.history if r.vector(synthetic.study.objectives)]
    assert front
    shown = [f"MLflow run {known[number][:8]}" for number in front if number in known]
    assert all(text in whole for text in shown)
    assert ("and there to its run in MLflow" in whole) == bool(page)
    # Links are for a reader to follow; nothing else names an address.
    rest = re.sub(r"<a href='[^']*'", "", html.unescape(whole.split("<main>")[1]))
    assert PAGE not in rest


@pytest.mark.parametrize(
    ("page", "command"), [(PAGE, ""), (PAGE, COMMAND), ("", "")], ids=["server", "file", "unknown"]
)
def test_the_studys_own_run_is_linked_as_those_of_its_trials(
    synthetic, floors, page: str, command: str
) -> None:
    runs = Runs(ids={}, page=page, command=command)
    study = synthetic.study.model_copy(update={"mlflow_run": RUN})
    notes = {"MLflow": command} if command else {}
    shown = synthetic.snapshot(floors=floors, runs=runs, study=study, notes=notes)
    section = report_html(shown).partition("id='study'")[2].partition("</section>")[0]
    assert Links(section).targets == ([PAGE + RUN] if page else [])
    assert RUN[:8] in Links(section).words
    assert ("while the command under MLflow runs" in section) == bool(command)
    assert (f"<dt>MLflow</dt><dd><code>{COMMAND}</code>" in section) == bool(command)


@given(run=st.text(min_size=1, max_size=40), page=st.text(min_size=1, max_size=40))
def test_the_studys_run_is_shown_and_never_run(run: str, page: str) -> None:
    found = Links(study_run(Runs(page=page, command="<b>"), run))
    assert [tag for tag, _ in found.elements] == ["a", "code", "small"]


def test_a_run_makes_no_text_be_stored_twice(synthetic, floors) -> None:
    runs = Runs(ids={r.number: RUN for r in synthetic.history}, page=PAGE)
    page, plain = (
        report_html(synthetic.snapshot(floors=floors, runs=known)) for known in (runs, Runs())
    )
    assert len(texts_of(page)) == len(texts_of(plain)) > len(synthetic.history)


def texts_of(page: str) -> list[str]:
    data = page.partition('id="figure-data">')[2].partition("</script>")[0]
    texts: list[str] = json.loads(data)["texts"]
    return texts


def test_without_runs_nothing_is_said_of_them(full_page: str) -> None:
    assert ">MLflow<" not in trials_table_of(full_page)
    assert "run in MLflow" not in full_page
