"""`docs/results.md` and its pictures, drawn from what is kept and from nothing else."""

import statistics
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.chromium import open_page
from benchmarks.results import (
    front_section,
    further_section,
    schedule_section,
    stopping_answer,
    stopping_runs,
)
from benchmarks.results.asking import Plan
from benchmarks.results.keeping import Kept
from benchmarks.results.section import Section
from benchmarks.screenshots import small

DRAWN_OF = "drawn-of"
"""Key of a picture's text that says which table it was drawn from."""

HEAD = """# Results

What automtl's own tools say about its questions, measured on test splits that are scored once
for each arm, seed and version of the program, after all choices; question 4 is asked of recorded
validation values. This page is written by `python -m benchmarks.results`
from `benchmarks/data/results.json.gz`, which every training adds to as it ends; nothing here is
typed by hand. Negative answers are answers. An answer is given when all its seeds are there;
until then the table shows what there is, and says how much that is.

To go on where this page ends: `make results` (hours, said in advance; end it when you like, the
next run goes on), or one part of it: `python -m benchmarks.results --only schedule --data
shapes --minutes 60`. `--draw` draws this page anew and trains nothing; `--add FILE` takes over
what another machine kept. `make results QUICK=1` shows in minutes that all works, and writes
nothing here. What the questions showed to be wrong in automtl, before and after, stands in
[measurements](measurements.md#the-answers-questions).
"""


def sections(kept: Kept, plan: Plan) -> tuple[Section, ...]:
    """Return the sections in the order of the questions."""
    stopping = kept.virtual.get(stopping_runs.QUESTION)
    return (
        front_section.section(kept, plan.front_recipes, plan.front_seeds, plan.schedule),
        schedule_section.section(kept, plan.schedule),
        stopping_answer.section(stopping and stopping_runs.stopping_of(stopping)),
        further_section.section(kept, plan.further),
    )


def page(kept: Kept, plan: Plan) -> str:
    """Return the whole page."""
    found = sections(kept, plan)
    return "\n".join((HEAD, in_short(found), *(one.markdown() for one in found), took(kept)))


def in_short(found: Sequence[Section]) -> str:
    """Return the answers alone, each below its question's numbers."""
    lines = [f"- **{one.title.partition('. ')[0]}.** {one.said}" for one in found]
    return "\n".join(("## In short\n", *lines)) + "\n"


def took(kept: Kept) -> str:
    """Return, in Markdown, what was trained so far and how long that took."""
    if not kept.trainings:
        return ""
    seconds: dict[tuple[str, str], list[float]] = {}
    for one in kept.trainings:
        seconds.setdefault((one.question, one.dataset), []).append(one.seconds)
    lines = [
        "## What it took so far\n",
        "| `--only` | `--data` | trainings | seconds each, median | hours in all |",
        "|---|---|---|---|---|",
    ]
    for (question, dataset), some in sorted(seconds.items()):
        shown = f"{len(some)} | {statistics.median(some):.0f} | {sum(some) / 3600:.2f}"
        lines.append(f"| {question} | {dataset} | {shown} |")
    versions = len({one.code for one in kept.trainings})
    lines.append(
        f"\nVersions of the code that trains: {versions}; the arms of a seed are always of one. "
        "Seconds are wall time of one process with one thread, on a "
        "machine that did other work too."
    )
    return "\n".join(lines) + "\n"


def draw(kept: Kept, plan: Plan, path: Path, pictures: Path) -> Iterator[Path]:
    """Write the page, and the pictures that were drawn from other tables or not at all.

    Args:
        kept: Trainings and searches.
        plan: How much is asked.
        path: Of the page.
        pictures: Folder of the pictures.

    Yields:
        What was written.
    """
    path.write_text(page(kept, plan), encoding="utf-8")
    yield path
    pictures.mkdir(parents=True, exist_ok=True)
    for section in sections(kept, plan):
        for title, figure in section.figures.items():
            file = pictures / section.picture(title)
            if drawn_of(file) != section.drawn_of(title):
                file.write_bytes(_picture(str(figure.to_html()), section.drawn_of(title)))
                yield file


def drawn_of(file: Path) -> str | None:
    """Return the digest of the table that a picture was drawn from; None where there is none."""
    if not file.exists():
        return None
    with Image.open(file) as picture:
        said = picture.info.get(DRAWN_OF)
    return said if isinstance(said, str) else None


def _picture(page_html: str, digest: str) -> bytes:
    with open_page() as opened:
        opened.set_content(page_html)
        drawing = opened.locator(".js-plotly-plot")
        drawing.wait_for()
        shot = small(drawing.screenshot())
    words, file = PngInfo(), BytesIO()
    words.add_text(DRAWN_OF, digest)
    Image.open(BytesIO(shot)).save(file, "png", optimize=True, pnginfo=words)
    return file.getvalue()
