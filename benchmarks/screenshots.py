"""Pictures of what people see, for the documentation.

Run it as `python -m benchmarks.screenshots STUDY` on a finished study, from the folder that
it lies in, so that no path of this machine is in a picture. It takes Chromium, Playwright and
Dash. `automtl best` records its pick in the study, as always.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from rich.console import Console
from rich.text import Text

from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.chromium import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAX_BYTES = 300_000
N_COLORS = 128
SIZE = (1240, 860)
WAIT_MS = 120_000
MLFLOW_PORT = 5173
MLFLOW_VIEW = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"')
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false")
"""
"""MLflow's page as who trains models sees it, not as on a first visit that begins with a run."""


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with open_page() as page:
        for name, picture in pictures(page, options.study):
            path = options.out / f"{name}.png"
            path.write_bytes(small(picture))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def pictures(page: "Page", study: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and PNG files."""
    yield "terminal", terminal(page, study)
    yield from report(page, study)
    yield from dashboard(page, study)
    yield "mlflow", mlflow(page, study)


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
    """Yield parts of the report."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.html"
        run(["automtl", "report", str(study), "--out", str(path)])
        page.goto(path.as_uri())
        page.wait_for_selector("#figure-timeline .main-svg")
        yield "report", page.screenshot()
        for anchor in ("front", "members", "learned"):
            yield f"report-{anchor}", page.locator(f"#{anchor}").screenshot()


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


def mlflow(page: "Page", study: Path) -> bytes:
    """Return what MLflow's own page says of the study: the pick, and the front as a table."""
    place = f"http://127.0.0.1:{MLFLOW_PORT}"
    folder = StudyFolder(study)
    with opened(folder) as ledger:
        run_id = ledger.study().mlflow_run
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", folder.mlflow_uri]
    # One worker: four of them, which is the default, load MLflow four times for one page.
    place_of = ["--host", "127.0.0.1", "--port", str(MLFLOW_PORT), "--workers", "1"]
    with started([*command, *place_of]):
        wait_for(place)
        page.add_init_script(MLFLOW_VIEW)
        page.goto(f"{place}/#/experiments/1/runs/{run_id}")
        page.locator("text=shared stages").first.scroll_into_view_if_needed()
        page.get_by_text("Show more", exact=True).first.click()
        page.wait_for_timeout(2_000)
        return page.screenshot()


def wait_for(place: str) -> None:
    """Wait until a server answers.

    Raises:
        TimeoutError: If it does not.
    """
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline:
        try:
            urlopen(place).close()
        except (URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    msg = f"{place} does not answer"
    raise TimeoutError(msg)


@contextmanager
def started(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a server for as long as it is looked at."""
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def open_page() -> Iterator["Page"]:
    """Open an empty page in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_default_timeout(WAIT_MS)
        yield page
        browser.close()


if __name__ == "__main__":
    main()
