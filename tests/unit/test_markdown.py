"""Foreign text is text on every page that reads Markdown."""

import html
import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from automtl.markdown import as_code, as_text

PAGE = MarkdownIt("commonmark", {"html": True}).enable("table")
HOSTILE = st.text(alphabet="ab1 <>/[]()!`*_|\\#-+.:&;=~\n\t\"'", max_size=30)


@given(HOSTILE)
@example("<script>alert(1)</script>")
@example("[a](javascript:b) ![a](b) <https://a> &lt;")
def test_a_text_within_a_sentence_is_shown_as_it_is(text: str) -> None:
    page = PAGE.render(f"Said: {as_text(text)}.")
    shown = re.sub(r"</?(p|em)>", "", page)
    assert not re.search(r"<", shown)
    if "_" not in text:
        assert html.unescape(shown).strip() == f"Said: {' '.join(text.split())}."


@given(HOSTILE, HOSTILE)
def test_a_text_in_a_cell_adds_no_column(one: str, other: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {as_text(one)} | {as_text(other)} |"
    assert PAGE.render(table).count("<td") == 2
    assert PAGE.render(f"| {as_code('x' + one)} |\n| --- |").count("</code></th>") == 1


@given(HOSTILE)
def test_code_ends_where_it_should(text: str) -> None:
    page = PAGE.render(f"By {as_code('x' + text)} alone")
    assert re.fullmatch(r"<p>By <code>[^<]*</code> alone</p>\n", page)


def test_a_text_that_begins_a_line_is_no_heading_and_no_list() -> None:
    for begin in ("# a", "- a", "+ a", "> a", "=== a", "* a"):
        assert PAGE.render(as_text(begin)).startswith("<p>")
