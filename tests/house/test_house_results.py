"""`docs/results.md` and its pictures say what the kept file says, and nothing else."""

from pathlib import Path

from benchmarks.results.asking import FULL
from benchmarks.results.keeping import KEPT, kept
from benchmarks.results.page import drawn_of, page, sections

DOCS = Path(__file__).resolve().parents[2] / "docs"
AGAIN = "python -m benchmarks.results --draw"


def test_the_page_is_drawn_from_the_kept_file() -> None:
    assert (DOCS / "results.md").read_text("utf-8") == page(kept(KEPT), FULL), AGAIN


def test_each_picture_was_drawn_from_the_table_that_it_stands_under() -> None:
    for section in sections(kept(KEPT), FULL):
        for title in section.figures:
            file = DOCS / "pictures" / section.picture(title)
            assert drawn_of(file) == section.drawn_of(title), f"{file.name}: {AGAIN}"
