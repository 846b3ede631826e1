"""Pictures of what people see, for the documentation: ``python -m benchmarks.screenshots``.

Run it from the top of the repository: it searches `benchmarks/screenshots.yaml` into
`studies/shapes`, exports the pick, and takes the pictures: 13 minutes on two cores that other
work shared (load 3 to 9), of them the pictures one and a half; broken off, the same command goes
on. A finished study of your own is taken by ``python -m benchmarks.screenshots STUDY``, from the
folder that it lies in, so that no path of this machine is in a picture; nothing is trained or
exported then, and `automtl best` records its pick in the study, as always. It takes Chromium,
Playwright and Dash.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console
from rich.text import Text

from automtl.cli import run_command
from automtl.space.stored import stored_search
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.chromium import SIZE, open_page
from benchmarks.mlflow_page import mlflow_server, open_models, open_run, started
from benchmarks.results.study import searched

if TYPE_CHECKING:
    from playwright.sync_api import Page

RECIPE = Path(__file__).with_name("screenshots.yaml")
STUDY = Path("studies/shapes")
MAX_BYTES = 300_000
N_COLORS = 128
N_SYSTEM_METRICS = 4
SHORTER_PATHS = """
folder => document.querySelectorAll(".commands code").forEach(code => {
  code.textContent = code.textContent.replace(folder, "")
})
"""
"""MLflow's command names the study from the top of the disk; from the folder it works as well."""

MODELS = (2250, 400)
"""Pixels of MLflow's table of models with all of its columns."""

PAPER = (1361, 937)
"""Pixels of a printed page without its margins, at the 96 to an inch of browsers."""


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", type=Path, help="a finished one; else it is made")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args()
    began = time.monotonic()
    study = options.study or made(STUDY)
    options.out.mkdir(parents=True, exist_ok=True)
    with open_page() as page:
        for name, picture in pictures(page, study):
            path = options.out / f"{name}.png"
            path.write_bytes(small(picture))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


def made(study: Path) -> Path:
    """Search the recipe of the pictures and export its pick, or what of it is left to do."""
    searched(RECIPE, study, root=None)
    if not StudyFolder(study).bundles.is_dir():
        run_command(["export", str(study)])
    return study


def pictures(page: "Page", study: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and PNG files."""
    yield "terminal", terminal(page, study)
    yield from report(page, study)
    yield from dashboard(page, study)
    yield from mlflow(page, study)


def small(picture: bytes) -> bytes:
    """Return a PNG file of few colours, which is enough for text and lines.

    Raises:
        ValueError: If it is too large for the repository all the same.
    """
    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(N_COLORS).save(
        file, "png", optimize=True
    )
    if file.tell() > MAX_BYTES:
        msg = f"a picture of {file.tell()} bytes is larger than {MAX_BYTES}"
        raise ValueError(msg)
    return file.getvalue()


def terminal(page: "Page", study: Path) -> bytes:
    """Return what commands print."""
    console = Console(record=True, width=118, file=io.StringIO(), force_terminal=True)
    for verb in ("status", "front", "best"):
        command = ["automtl", verb, str(study)]
        console.print(f"[bold]$ {' '.join(command)}[/bold]", highlight=False)
        console.print(Text.from_ansi(run(command)))
    page.set_content(console.export_html(inline_styles=True))
    return page.locator("pre").screenshot()


def run(command: Sequence[str]) -> str:
    """Return what a command of ours prints to a terminal 118 wide."""
    whole = ["env", "COLUMNS=118", sys.executable, "-m", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=True).stdout


def report(page: "Page", study: Path) -> Iterator[tuple[str, bytes]]:
    """Yield parts of the report, by day, by night and on paper."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.html"
        run(["automtl", "report", str(study), "--out", str(path)])
        page.goto(path.as_uri())
        page.wait_for_selector("#figure-timeline .main-svg")
        yield "report", page.screenshot()
        for anchor in ("front", "members", "learned"):
            yield f"report-{anchor}", page.locator(f"#{anchor}").screenshot()
        page.emulate_media(color_scheme="dark")
        yield "report-dark", page.locator("#front").screenshot()
        page.emulate_media(color_scheme="light", media="print")
        page.set_viewport_size({"width": PAPER[0], "height": PAPER[1]})
        page.reload()
        page.wait_for_selector("#figure-timeline .main-svg")
        page.evaluate(SHORTER_PATHS, f"{Path.cwd()}/")
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        yield "report-paper", page.screenshot()
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})


def dashboard(page: "Page", study: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the live page, and two trials of the front beside one another."""
    command = [sys.executable, "-m", "automtl", "dashboard", str(study), "--port", "0"]
    with started(command) as process:
        assert process.stdout is not None
        page.goto(process.stdout.readline().split()[1])
        page.wait_for_selector("#figure-timeline .main-svg")
        yield "dashboard", page.screenshot()
        rows = page.locator("#trials tr.is-front, #trials tr.is-pick").all()[:2]
        for side, row in zip("ab", rows, strict=True):
            number = str(row.get_attribute("id")).removeprefix("trial-")
            page.click(f"#compare-{side}")
            page.get_by_role("option", name=f"trial {number}, completed", exact=True).click()
            page.keyboard.press("Escape")
        page.wait_for_selector("#compared-curves .main-svg")
        place = "document.getElementById('compare-trials')"
        page.evaluate(f"{place}.scrollIntoView({{behavior: 'instant'}})")
        yield "dashboard-trials", page.screenshot()


def mlflow(page: "Page", study: Path) -> Iterator[tuple[str, bytes]]:
    """Yield MLflow's pages: the study and its front; its models; what the pick's training took."""
    folder = StudyFolder(study)
    with opened(folder) as ledger:
        recipe, pick = stored_search(ledger.study().recipe), ledger.picks()[-1]
    with mlflow_server(folder.mlflow_uri) as server:
        open_run(page, server, "study")
        page.locator("text=shared stages").first.scroll_into_view_if_needed()
        page.get_by_text("Show more", exact=True).first.click()
        page.wait_for_timeout(2_000)
        yield "mlflow", page.screenshot()
        yield "mlflow-models", models(page, server)
        if recipe.resources.system_metrics:
            open_run(page, server, f"trial:{pick.number}", "system-metrics")
            page.locator(".js-plotly-plot").nth(N_SYSTEM_METRICS - 1).wait_for()
            page.wait_for_timeout(2_000)
            yield "mlflow-system", page.screenshot()


def models(page: "Page", server: str) -> bytes:
    """Return MLflow's table of a study's models, without the empty page below it."""
    page.set_viewport_size({"width": MODELS[0], "height": SIZE[1]})
    open_models(page, server)
    page.get_by_text("Registered models", exact=True).wait_for()
    page.wait_for_timeout(2_000)
    picture = page.screenshot(clip={"x": 0, "y": 0, "width": MODELS[0], "height": MODELS[1]})
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    return picture


if __name__ == "__main__":
    main()
