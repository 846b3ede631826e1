"""The report as a file: whole, small, quick, and drawn by a browser without a word."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automtl_dashboards import report
from automtl_dashboards.report import report_html, write_report
from benchmarks.chromium import FLAGS


@pytest.mark.slow
def test_a_thousand_trials_are_quick_and_small(thousand, floors, notes, tmp_path: Path) -> None:
    begin = time.perf_counter()
    path = write_report(tmp_path / "report.html", thousand.snapshot(floors=floors, notes=notes))
    spent_s = time.perf_counter() - begin
    assert path.stat().st_size < 8 * 2**20
    assert spent_s < 15  # a second and a half on a calm core


def test_the_file_appears_whole_or_not_at_all(
    synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "report.html"
    assert write_report(path, synthetic.snapshot()) == path
    before = path.read_text(encoding="utf-8")
    assert before.endswith("</html>\n")
    assert path.stat().st_mode & 0o777 == 0o644

    def full_disk(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    other = synthetic.snapshot(study=synthetic.study.model_copy(update={"name": "other"}))
    with pytest.raises(OSError, match="No space left"):
        write_report(path, other)
    assert path.read_text(encoding="utf-8") == before
    assert list(path.parent.iterdir()) == [path]


def test_the_report_is_a_function_of_its_inputs(synthetic, floors, notes, full_page: str) -> None:
    assert report_html(synthetic.snapshot(floors=floors, notes=notes)) == full_page


def test_the_report_loads_nothing_heavy() -> None:
    code = (
        "import sys, automtl_dashboards.report\n"
        "print(sorted({'torch', 'ray', 'sqlalchemy', 'optuna', 'mlflow'} & set(sys.modules)))"
    )
    folder = str(Path(report.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": folder},
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_browser_draws_every_figure_and_refuses_nothing(full_page: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium on this machine")
    path = tmp_path / "report.html"
    path.write_text(full_page, encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=8000",
            "--enable-logging=stderr",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    drawn = re.findall(r'class="figure js-plotly-plot"', done.stdout)
    assert len(drawn) == full_page.count("data-figure='") > 5
    assert "CONSOLE" not in done.stderr
