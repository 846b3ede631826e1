"""kill -9 at any moment: what was answered is there, and nothing is half there."""

import subprocess
import sys
import time

import pytest

from automtl.results import TrialStatus

WRITER = """
import sys
from automtl.ledger.holder import this_process
from automtl.ledger.holder import this_process
from automtl.ledger.studies import open_ledger
from automtl.results import EpochReport, TrialStatus

with open_ledger(sys.argv[1]) as ledger:
    ledger.acquire_lease(this_process(), ttl_s=60)
    for left in ledger.history():
        if left.status is TrialStatus.RUNNING:
            ledger.requeue(left.number)
    number = len(ledger.history())
    while True:
        ledger.add_trial(
            number=number, point={"x": 0.5}, config={}, config_digest="", origin="sampler", seed=1
        )
        print("added", number, flush=True)
        ledger.start_attempt(number, worker="")
        for epoch in (1, 2, 3):
            ledger.add_report(
                number,
                EpochReport(attempt=1, epoch=epoch, values={"a": epoch}, time_s=ledger.clock()),
            )
            print("reported", number, epoch, flush=True)
        ledger.end_trial(
            number, status=TrialStatus.COMPLETED, values={"a": 3.0}, best_epoch=3, failure=None
        )
        print("ended", number, flush=True)
        number += 1
"""


def killed(url, run, after_lines):
    """Start a writer, kill it in the middle of its work, and return what it had answered."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True
    )
    lines = [writer.stdout.readline() for _ in range(after_lines)]
    # Another part of a transaction each time: one takes about a millisecond.
    time.sleep(run * 0.0007)
    writer.kill()
    rest = writer.communicate(timeout=30)[0]
    assert all(lines), "the writer stopped by itself"
    # The last line may be torn by the kill.
    return [line.split() for line in (*lines, *rest.splitlines(keepends=True)) if "\n" in line]


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_answered(url, opened):
    for run in range(6):
        answered = killed(url, run, after_lines=15 + 3 * run)
        reader = opened()
        assert reader.check() == []
        history = {record.number: record for record in reader.history()}
        for kind, number, *epoch in answered:
            record = history[int(number)]
            if kind == "reported":
                assert int(epoch[0]) in [report.epoch for report in record.reports]
            if kind == "ended":
                assert record.status is TrialStatus.COMPLETED
        # At most one decision can have been committed without its answer getting out.
        assert len(history) <= 2 + max(int(number) for _, number, *_ in answered)
