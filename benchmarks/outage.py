"""What an outage of MLflow costs: the delay of a report, and the replay of what piled up.

Run it as `python -m benchmarks.outage --json`, or `--quick` for a tenth of the events.

While nothing answers at MLflow's address, a study reports; then a real MLflow store answers, all
waiting events are sent, and sent once more as after a crash that forgot what had arrived.

- delay_ms: median time of a report that the sender's retries add, against no sender at all
- events_per_s: of the replay
- doubled: metric values and runs that the second replay added
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from sqlalchemy import create_engine, text

from automtl.experiment_log import ExperimentLog
from automtl.ledger.holder import this_process
from automtl.ledger.lease import Lease
from automtl.ledger.store import Ledger
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import EpochReport, Objective, StudyInfo, TrialStatus
from benchmarks.record import Goal, print_record

EPOCHS = 48
"""Reports of a trial; with its start and its end that makes 50 events."""

NOTHING_THERE = "http://127.0.0.1:9"
LONGEST_S = 3600.0


def main() -> None:
    """Print the figures, and as the last line all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the last line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    options = parser.parse_args()
    n_trials = 20 if options.quick else 200
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name), n_trials)
    if not options.json:
        for key, value in figures.items():
            print(f"{key:16s} {value:g}")
    goals = {
        "delay_ms": Goal(figures["delay_ms"], 5.0, "<="),
        "doubled": Goal(figures["doubled"], 0.0, "<="),
    }
    print_record(figures, goals)


def measure(root: Path, n_trials: int) -> dict[str, float]:
    """Report under an outage, replay, replay again."""
    quiet = report_times(root / "quiet", n_trials, with_sender=False)
    outage = report_times(root / "outage", n_trials, with_sender=True)
    store = root / "mlflow.db"
    uri = f"sqlite:///{store}"
    n_events, spent_s = replay(root / "outage", uri)
    before = stored(uri)
    forget(root / "outage")
    replay(root / "outage", uri)
    after = stored(uri)
    shutil.rmtree(root / "quiet")
    return {
        "events": float(n_events),
        "report_ms": 1000 * median(outage),
        "delay_ms": 1000 * (median(outage) - median(quiet)),
        "replay_s": spent_s,
        "events_per_s": n_events / spent_s,
        "doubled": float(sum(after) - sum(before)),
        "runs": float(after[0]),
    }


def report_times(folder: Path, n_trials: int, *, with_sender: bool) -> list[float]:
    """Run a study without training and return the seconds that each report took."""
    folder.mkdir()
    objective = Objective(metric="q", goal="maximize", reference=0.0)
    create_study(
        url(folder),
        StudyInfo(
            name="outage",
            objectives=(objective,),
            recipe={},
            recipe_digest="0" * 16,
            seed=0,
            created_s=time.time(),
        ),
    )
    spent = []
    with open_ledger(url(folder), study="outage") as ledger:
        lease = ledger.acquire_lease(this_process(), ttl_s=LONGEST_S, takeover=False)
        log = sender(ledger, NOTHING_THERE) if with_sender else None
        for number in range(n_trials):
            spent += trial(ledger, number)
        if log is not None:
            log.close(timeout_s=0.0)
        lease.release()
    return spent


def trial(ledger: Ledger, number: int) -> list[float]:
    """Record a whole trial."""
    ledger.add_trial(
        number=number, point={}, config={}, config_digest=str(number), origin="sampler", seed=0
    )
    ledger.start_attempt(number, worker="")
    spent = []
    for epoch in range(1, EPOCHS + 1):
        values = {"q": epoch / EPOCHS, "loss/a": 1 / epoch, "cost/train_s": float(epoch)}
        report = EpochReport(attempt=1, epoch=epoch, values=values, time_s=time.time())
        began = time.perf_counter()
        ledger.add_report(number, report)
        spent.append(time.perf_counter() - began)
    ledger.end_trial(
        number,
        status=TrialStatus.COMPLETED,
        values={"q": 1.0},
        best_epoch=EPOCHS,
        failure=None,
    )
    return spent


def replay(folder: Path, uri: str) -> tuple[int, float]:
    """Send all that waits; return how many events there were and the seconds it took."""
    with open_ledger(url(folder), study="outage") as ledger:
        lease: Lease = ledger.acquire_lease(this_process(), ttl_s=LONGEST_S, takeover=False)
        n_events = ledger.outbox.count_pending()
        began = time.perf_counter()
        left = sender(ledger, uri).close(timeout_s=LONGEST_S)
        spent_s = time.perf_counter() - began
        lease.release()
    assert left == 0, f"{left} events were not sent"
    return n_events, spent_s


def sender(ledger: Ledger, uri: str) -> ExperimentLog:
    """Start to send."""
    artifacts = Path(ledger.engine.url.database or "").parent / "artifacts"
    log = ExperimentLog(tracking_uri=uri, artifacts=artifacts, ledger=ledger)
    log.start()
    return log


def forget(folder: Path) -> None:
    """Forget what was sent, as a crash between sending and marking would."""
    with create_engine(url(folder)).begin() as connection:
        connection.execute(text("UPDATE outbox SET sent_s = NULL"))


def stored(uri: str) -> tuple[int, int]:
    """Return how many runs and metric values MLflow's store holds."""
    with create_engine(uri).begin() as connection:
        runs = connection.execute(text("SELECT COUNT(*) FROM runs")).scalar_one()
        values = connection.execute(text("SELECT COUNT(*) FROM metrics")).scalar_one()
    return int(runs), int(values)


def url(folder: Path) -> str:
    """Return the address of the ledger in a folder."""
    return f"sqlite:///{folder / 'ledger.db'}"


if __name__ == "__main__":
    main()
