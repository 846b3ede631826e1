"""The pages: links lead somewhere, commands are ones that exist, and the site asks nobody."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer

from automtl.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = (ROOT, ROOT / "automtl", ROOT / "dashboards", ROOT / "docs")
"""Pages name modules from the top, or from where all of them lie."""

VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after `automtl` of each command in a page's blocks of shell lines."""
    blocks = [text for kind, text in FENCE.findall(page.read_text("utf-8")) if kind == "bash"]
    for line in "".join(blocks).replace("\\\n", "").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["automtl"]:
            yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text)
    files = {target for target in targets if "://" not in target}
    assert sorted(file for file in files if not (page.parent / file).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_is_named_with_its_folder_exists(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    named = set(re.findall(r"`(\w[\w./]*/\w+\.py)(?:::\w+)?`", text))
    lost = [f for f in named if not any((folder / f).is_file() for folder in FOLDERS)]
    assert sorted(lost) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_the_command_line_takes(page: Path) -> None:
    for verb, *words in commands(page):
        VERBS[verb].make_context(verb, words)  # raises what its user would read


def test_the_pages_show_every_verb() -> None:
    shown = {words[0] for page in PAGES for words in commands(page)}
    assert set(VERBS) - shown <= {"demo", "schema"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser fetches for a page, besides what a reader clicks on."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        place = found.get("href") if tag == "link" else found.get("src")
        if place and found.get("rel") not in ("prev", "next"):
            self.places.append(place)


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_is_whole_by_itself(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    assert {page.stem for page in pages} >= {page.stem for page in PAGES[1:]}
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text("utf-8"))
        assert loaded.places
        away = [p for p in loaded.places if p.startswith(("http:", "https:", "//"))]
        lost = [p for p in loaded.places if not (site / p.lstrip("/").split("?")[0]).exists()]
        assert (away, lost) == ([], []), page.name


@pytest.mark.slow
def test_the_search_of_the_site_works_from_files(site: Path, chromium: Any) -> None:
    asked: list[str] = []
    page = chromium.new_page()
    try:
        page.on("console", lambda line: asked.append(line.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.click("[data-md-component=search-query]")
        page.keyboard.type("homoscedastic")
        page.wait_for_selector(".md-search-result__item")
        found = page.locator(".md-search-result__item").all_inner_texts()
    finally:
        page.close()
    assert any("uncertainty" in text for text in found)
    assert [place for place in asked if not place.startswith(("file:", "data:"))] == []


@pytest.mark.slow
def test_the_site_is_as_dark_as_its_readers_system(site: Path, chromium: Any) -> None:
    page = chromium.new_page(color_scheme="dark")
    try:
        page.goto((site / "index.html").as_uri())
        page.wait_for_selector("body[data-md-color-scheme=slate]")
        page.emulate_media(color_scheme="light")
        page.reload()
        page.wait_for_selector("body[data-md-color-scheme=default]")
    finally:
        page.close()


PAPER = {"width": 688, "height": 1016}
"""Pixels of an A4 page within its margins, at the 96 to an inch of browsers."""

TOO_WIDE = """
() => [...document.querySelectorAll("article table, article pre > code, article img")]
  .filter(e => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth)
  .map(e => e.textContent.trim().slice(0, 80) || e.src)
"""


@pytest.mark.slow
def test_nothing_of_the_site_is_wider_than_paper_and_paper_is_light(
    site: Path, chromium: Any
) -> None:
    page = chromium.new_page(color_scheme="dark", viewport=PAPER)
    try:
        page.emulate_media(media="print")
        for path in sorted(site.glob("*.html")):
            page.goto(path.as_uri())
            assert page.evaluate(TOO_WIDE) == [], path.name
            ink = page.evaluate("getComputedStyle(document.querySelector('article')).color")
            assert max(map(float, re.findall(r"[\d.]+", ink)[:3])) < 100, (path.name, ink)
    finally:
        page.close()
