"""MLflow in a process of its own: what happens when it, or what it talks to, goes away."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automtl.experiment_log import ExperimentLog
from automtl.experiment_log.messages import UnreachableError
from automtl.experiment_log.remote import RemoteSink
from automtl.ledger.holder import this_process
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import Objective, StudyInfo

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    info = StudyInfo(
        name="street",
        objectives=(Objective(metric="a", goal="maximize"),),
        recipe={"name": "street"},
        recipe_digest="feed",
        seed=3,
        created_s=1_700_000_000.0,
    )
    create_study(url, info)
    with open_ledger(url) as opened:
        opened.acquire_lease(this_process(), ttl_s=1e9)
        yield opened


def log_to(ledger, uri, tmp_path):
    return ExperimentLog(tracking_uri=uri, artifacts=tmp_path / "mlartifacts", ledger=ledger)


def announce(ledger, *notes):
    for note in notes:
        ledger.add_ranks({}, note=note)


def note_of(uri):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("street")
    (run,) = client.search_runs([experiment.experiment_id])
    return run.data.tags["mlflow.note.content"], run.info.status


def eventually(is_true, within_s=60.0):
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def process_of(log):
    eventually(lambda: log._sink is not None and log._sink._process is not None)
    return log._sink._process


def test_a_writer_that_is_killed_is_started_again_and_nothing_is_lost(ledger, tmp_path, capfd):
    uri = f"sqlite:///{tmp_path / 'new.db'}"
    announce(ledger, "first")
    log = log_to(ledger, uri, tmp_path)
    log.start()
    eventually(lambda: ledger.outbox.count_pending() == 0)
    first = process_of(log)
    first.kill()
    announce(ledger, "second", "third")
    assert log.close(timeout_s=60) == 0
    assert (log.last_error, log.refused) == ("", [])
    assert note_of(uri) == ("third", "FINISHED")
    assert "".join(capfd.readouterr()) == "", "MLflow's database talks while it is made"


def test_nothing_secret_is_in_the_arguments_and_ctrl_c_does_not_reach_it(ledger, tmp_path):
    log = log_to(ledger, "http://me:sEcret@127.0.0.1:9", tmp_path)
    log.start()
    process = process_of(log)
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"automtl.experiment_log.process" in arguments
    assert b"sEcret" not in arguments
    assert os.getsid(process.pid) != os.getsid(0)
    log.close(timeout_s=0.0)
    assert process.poll() is not None


def test_a_server_that_never_answers_holds_up_the_end_no_longer_than_asked(ledger, tmp_path):
    announce(ledger, "first")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        log = log_to(ledger, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        log.start()
        process = process_of(log)
        connection, _ = silent.accept()
        began = time.monotonic()
        assert log.close(timeout_s=0.5) == 1
        assert time.monotonic() - began < 4
        connection.close()
    assert process.poll() is not None, "the process stayed behind"
    assert log.last_error == "MLflow gave no answer in time"


def test_no_writer_outlives_a_controller_that_is_killed(tmp_path):
    script = (
        "import time\n"
        "from automtl.experiment_log.remote import RemoteSink\n"
        "sink = RemoteSink(settings=None)\n"
        "sink._start()\n"
        "print(sink._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    controller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert controller.stdout is not None
    writer = int(controller.stdout.readline())
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    controller.stdout.close()
    eventually(lambda: not is_running(writer))


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_sink_that_was_closed_says_so():
    sink = RemoteSink(settings=None)
    with pytest.raises(UnreachableError, match="has ended"):
        sink.finish("FINISHED", 0.0)
