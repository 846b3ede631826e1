"""How long the report of many trials takes to build, how large it is, what a browser says of it.

Run it as `python -m benchmarks.report --json`, or `--quick` for a tenth of the trials.

The ledger is filled through the store's own methods. All that `automtl report` does is timed,
reading the ledger included, once the libraries are loaded.

- build_s, size_mb: of the report
- requests: hosts that the page asked while it was drawn; what the browser asks for by itself is
  told apart by what its log says of who asked
- console_errors: lines on its console, warnings included
- figures_drawn, figures_stored: in that page
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from automtl.config import TrialConfig
from automtl.ledger.holder import this_process
from automtl.ledger.store import Ledger
from automtl.results import EpochReport, TrialStatus
from automtl.space.recipe import find_recipe, load_recipe
from automtl.study.conclude import conclude, write_study_report
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import create, opened
from benchmarks.chromium import FLAGS
from benchmarks.drawn_trials import begin_trial
from benchmarks.record import Goal, print_record

TASKS = ("detection", "segmentation", "tracking")
METRICS = ("detection/mAP", "segmentation/mIoU", "tracking/IDF1")
N_EPOCHS = 5
N_STAGES = 4
BROWSER = "not an origin"
"""Who asked, in Chromium's log, where no page did. Only the first event of a request says who."""

LOOK_MS = 20_000
"""Virtual time that the page gets; Chromium ends when nothing is left to do in it."""


def main() -> None:
    """Print the figures, and as the last line all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the last line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name), 100 if options.quick else 1000)
    if not options.json:
        for key, value in figures.items():
            print(f"{key:16s} {value:g}")
    limits = {"build_s": 5.0, "size_mb": 8.0, "requests": 0.0, "console_errors": 0.0}
    print_record(
        figures,
        {key: Goal(figures[key], limit, "<=") for key, limit in limits.items() if key in figures},
    )


def measure(root: Path, n_trials: int) -> dict[str, float]:
    """Fill a study, write its report, and look at it; without Chromium, no look."""
    place = StudyFolder(root / "study")
    create(load_recipe(find_recipe("quickstart")), place, Settings())
    with opened(place) as ledger:
        lease = ledger.acquire_lease(this_process(), ttl_s=3600)
        # Of one trial: it loads the libraries.
        fill(ledger, range(1))
        conclude(place, ledger)
        fill(ledger, range(1, n_trials))
        link(ledger, range(n_trials))
        lease.release()
    with opened(place) as ledger:
        began = time.perf_counter()
        path = write_study_report(place, ledger, root / "report.html")
        build_s = time.perf_counter() - began
    figures = {
        "trials": float(n_trials),
        "build_s": round(build_s, 3),
        "size_mb": round(path.stat().st_size / 1e6, 3),
    }
    browser = shutil.which("chromium")
    return figures if browser is None else figures | look(browser, path, root)


def fill(ledger: Ledger, numbers: range) -> None:
    """Add trials as a search would have left them."""
    for number in numbers:
        rng = np.random.default_rng(number)
        splits = rng.integers(0, N_STAGES + 1, 2).tolist()
        kind = str(rng.choice(["fixed", "uncertainty", "upgrad", "pcgrad"]))
        schedule = str(rng.choice(["joint", "alternating"]))
        lr = float(np.exp(rng.uniform(np.log(1e-3), np.log(8e-3))))
        config = TrialConfig.from_plain(
            {
                "sharing": {"order": list(TASKS), "split_after": splits},
                "weighting": {"kind": kind},
                "schedule": {"kind": schedule},
                "optimizer": {"lr": lr, "epochs": N_EPOCHS, "steps_per_epoch": 200},
            }
        )
        point = {
            "sharing.split_after.0": splits[0],
            "sharing.split_after.1": splits[1],
            "weighting.kind": kind,
            "schedule.kind": schedule,
            "optimizer.lr": lr,
        }
        origin = "sampler" if number else "default"
        begin_trial(ledger, config, number=number, point=point, seed=number, origin=origin)
        _run(ledger, number, rng)


def link(ledger: Ledger, numbers: range) -> None:
    """Let MLflow have a run for each trial, as who sends to it writes down."""
    ledger.set_mlflow_run(_run_id(-1), "1")
    events = [event.id for event in ledger.outbox.pending(1)]
    runs = {number: _run_id(number) for number in numbers}
    ledger.outbox.mark_sent(events, ledger.clock(), runs)


def _run_id(number: int) -> str:
    return np.random.default_rng(number + 1).bytes(16).hex()


def _run(ledger: Ledger, number: int, rng: np.random.Generator) -> None:
    ends = dict(zip(METRICS, rng.uniform(0.2, 0.8, len(METRICS)).tolist(), strict=True))
    n_epochs = N_EPOCHS if number % 3 == 0 else int(rng.integers(1, N_EPOCHS + 1))
    values: dict[str, float] = {}
    for epoch in range(1, n_epochs + 1):
        values = {key: end * (1 - 0.6**epoch) for key, end in ends.items()}
        values |= {f"loss/{task}": 2.0 * 0.7**epoch for task in TASKS}
        values |= {f"weight/{task}": 1.0 + 0.1 * epoch for task in TASKS}
        values |= {f"cost/optimizer_steps/{task}": 200.0 * epoch for task in TASKS}
        report = EpochReport(attempt=1, epoch=epoch, values=values, time_s=ledger.clock())
        ledger.add_report(number, report)
    status = TrialStatus.COMPLETED if n_epochs == N_EPOCHS else TrialStatus.STOPPED
    ledger.end_trial(number, status=status, values=values, best_epoch=n_epochs, failure=None)


def look(browser: str, page: Path, root: Path) -> dict[str, float]:
    """Let Chromium draw a page, and count what it asked for and said."""
    done, asked = show(browser, page, root)
    stored = re.search(r'id="figure-data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert stored is not None, "the page holds its figures"
    return {
        "requests": float(len(asked)),
        "console_errors": float(done.stderr.count("CONSOLE")),
        "figures_drawn": float(done.stdout.count('class="figure js-plotly-plot"')),
        "figures_stored": float(len(json.loads(stored[1])["figures"])),
    }


def show(
    browser: str, page: Path, root: Path
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Let Chromium draw a page with a new profile; return what it said, and whom it asked."""
    log = root / f"{page.stem}.net.json"
    done = subprocess.run(
        [
            browser,
            *FLAGS,
            "--enable-logging=stderr",
            f"--user-data-dir={root / f'profile-{page.stem}'}",
            f"--virtual-time-budget={LOOK_MS}",
            f"--log-net-log={log}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    return done, hosts(json.loads(log.read_text(encoding="utf-8")))


def hosts(log: dict[str, list[dict[str, object]]]) -> set[str]:
    """Return the hosts that a page asked, by a browser's log of its network.

    >>> hosts({"events": [{"params": {"url": "ws://a.example", "initiator": "file://"}}, {}]})
    {'a.example'}
    """
    found = set()
    for event in log["events"]:
        params = event.get("params")
        if not isinstance(params, dict) or params.get("initiator", BROWSER) == BROWSER:
            continue
        url = params.get("url")
        if isinstance(url, str) and url.startswith(("http:", "https:", "ws:", "wss:")):
            found.add(str(urlsplit(url).hostname))
    return found


if __name__ == "__main__":
    main()
