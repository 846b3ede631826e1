"""What the ledger announces arrives in MLflow once, with the times of the facts."""

import json
import shutil
import threading
import time
from multiprocessing.connection import Pipe
from pathlib import Path

import pytest

from automtl.experiment_log import ExperimentLog, process
from automtl.experiment_log.remote import RemoteSink
from automtl.ledger.holder import this_process
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import (
    Failure,
    FailureKind,
    Objective,
    Pick,
    StudyInfo,
    TrialStatus,
)
from tests.unit.experiment_log.sent_log import CONFIG, live, models_of, runs_of, send

# MLflow's own database code: not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

OUT_OF_MEMORY = Failure(kind=FailureKind.OUT_OF_MEMORY, message="CUDA out of memory")


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    """Serve in a thread: importing MLflow in a new process for each test takes seconds."""

    def start(sink):
        ours, theirs = Pipe()
        sink._pipe = ours
        threading.Thread(target=process.serve, args=(theirs,), daemon=True).start()

    monkeypatch.setattr(RemoteSink, "_start", start)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes two seconds, copying it none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(migrated, tmp_path):
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def ledger(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    info = StudyInfo(
        name="street",
        objectives=(Objective(metric="a", goal="maximize"),),
        recipe={"name": "street", "seed": 3, "budget": {"trials": 4}},
        recipe_digest="feed",
        seed=3,
        created_s=1_700_000_000.0,
    )
    create_study(url, info)
    with open_ledger(url, clock=lambda: 1_700_000_100.25) as opened:
        opened.acquire_lease(this_process(), ttl_s=1e9)
        yield opened


def test_a_study_is_a_parent_run_with_a_child_for_each_trial(ledger, uri, tmp_path):
    live(ledger, 0)
    live(ledger, 1, TrialStatus.STOPPED)
    live(ledger, 2, TrialStatus.FAILED, OUT_OF_MEMORY)
    ledger.add_ranks({0: 1, 1: 0}, note="the front")
    ledger.add_pick(Pick(number=1, rule="knee", inputs={}, reason="the knee", created_s=5.0))
    log, left = send(ledger, uri, tmp_path)
    assert (left, log.last_error) == (0, "")

    runs = runs_of(uri)
    assert set(runs) == {"street", "trial 0", "trial 1", "trial 2"}
    parent, _ = runs.pop("street")
    assert parent.info.status == "FINISHED"
    assert parent.info.run_id == ledger.study().mlflow_run
    assert parent.data.tags["mlflow.note.content"] == "the front"
    assert parent.data.tags["automtl.pick"] == "1"
    assert parent.data.tags["automtl.objectives"] == "maximize a"
    assert parent.data.params == {
        "objective.a": "maximize",
        "budget.trials": "4",
        "replicates": "0",
        "seed": "3",
    }
    children = [run for run, _ in runs.values()]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}

    statuses = {name: run.info.status for name, (run, _) in runs.items()}
    assert statuses == {"trial 0": "FINISHED", "trial 1": "KILLED", "trial 2": "FAILED"}
    failed = runs["trial 2"][0].data.tags
    assert (failed["automtl.status"], failed["automtl.failure"]) == ("failed", "out_of_memory")
    stopped, points = runs["trial 1"]
    assert (stopped.info.start_time, stopped.info.end_time) == (1_700_000_100_250,) * 2
    assert points["a"] == [(1, 0.1, 1_700_000_101_500), (2, 0.2, 1_700_000_102_500)]
    assert points["final/a"] == [(1, 0.1, 1_700_000_100_250)]
    assert stopped.data.metrics["pareto.rank"] == 0
    assert stopped.data.params == {"lr": "0.003", "block": "1"}


def test_the_configuration_in_mlflow_is_the_one_in_the_ledger(ledger, uri, tmp_path):
    from mlflow import artifacts

    live(ledger, 0)
    send(ledger, uri, tmp_path)
    run, _ = runs_of(uri)["trial 0"]
    text = artifacts.load_text(f"{run.info.artifact_uri}/config.json")
    assert json.loads(text) == ledger.history()[0].config
    assert run.data.tags["automtl.config_digest"] == ledger.history()[0].config_digest


def test_sending_everything_again_stores_nothing_twice(ledger, uri, tmp_path):
    """A sender that died before it could mark anything as sent."""
    live(ledger, 0)
    live(ledger, 1, TrialStatus.FAILED, OUT_OF_MEMORY)
    ledger.add_ranks({0: 0}, note="the front", metrics={None: {"front/size": 1.0}})
    send(ledger, uri, tmp_path)
    before = runs_of(uri)
    models = models_of(uri)
    assert before["street"][0].data.metrics == {"front/size": 1.0}
    assert models == [("trial-0", {"final/a": 0.0}, ["trial 0"])]
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET sent_s = NULL")
    _, left = send(ledger, uri, tmp_path)
    after = runs_of(uri)

    assert left == 0
    assert set(after) == set(before)
    for name, (run, points) in after.items():
        assert points == before[name][1]
        assert run.info.run_id == before[name][0].info.run_id
        assert run.info.status == before[name][0].info.status
        assert run.data.params == before[name][0].data.params
        assert run.data.tags == before[name][0].data.tags
        assert run.outputs == before[name][0].outputs
    assert models_of(uri) == models


def test_a_resumed_trial_goes_on_in_its_run(ledger, uri, tmp_path):
    ledger.add_trial(number=0, point={}, config=CONFIG, config_digest="", origin="sampler", seed=0)
    ledger.start_attempt(0, worker="")
    send(ledger, uri, tmp_path)
    ledger.requeue(0)
    send(ledger, uri, tmp_path)
    assert runs_of(uri)["trial 0"][0].info.status == "SCHEDULED"
    ledger.start_attempt(0, worker="")
    send(ledger, uri, tmp_path)
    assert runs_of(uri)["trial 0"][0].info.status == "RUNNING"
    ledger.end_trial(
        0, status=TrialStatus.FAILED, values={}, best_epoch=None, failure=OUT_OF_MEMORY
    )
    send(ledger, uri, tmp_path)
    run, _ = runs_of(uri)["trial 0"]
    assert (run.info.status, run.data.tags["automtl.attempt"]) == ("FAILED", "2")


def test_a_trial_that_waits_as_a_whole_is_written_in_one_batch(ledger, uri, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    batches = []
    log_batch = MlflowClient.log_batch

    def counted(client, run, **parts):
        batches.append({name: len(some) for name, some in parts.items()})
        return log_batch(client, run, **parts)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    live(ledger, 0)
    live(ledger, 1)
    send(ledger, uri, tmp_path)
    _of_study, *of_trials = batches
    assert [(b["metrics"], b["params"]) for b in of_trials] == [(5, 2), (5, 2)]
    assert {run.info.status for run, _ in runs_of(uri).values()} == {"FINISHED"}


def test_a_run_whose_making_seemed_to_fail_is_found_again(ledger, uri, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    create_run, lost = MlflowClient.create_run, []

    def answer_is_lost(client, *args, **parts):
        made = create_run(client, *args, **parts)
        if "mlflow.parentRunId" in parts["tags"] and not lost:
            lost.append(made.info.run_id)
            msg = "the answer was lost"
            raise ConnectionError(msg)
        return made

    monkeypatch.setattr(MlflowClient, "create_run", answer_is_lost)
    live(ledger, 0)
    live(ledger, 1)
    log, left = send(ledger, uri, tmp_path)
    assert (left, log.last_error, len(lost)) == (0, "", 1)
    assert runs_of(uri)["trial 0"][0].info.run_id == lost[0]


def test_while_mlflow_is_away_events_wait_and_nothing_is_held_up(ledger, uri, tmp_path):
    away = ExperimentLog(
        tracking_uri="http://127.0.0.1:9", artifacts=tmp_path / "mlartifacts", ledger=ledger
    )
    away.start()
    began = time.monotonic()
    live(ledger, 0)
    assert time.monotonic() - began < 1.0
    n_events = ledger.outbox.count_pending()
    assert away.close(timeout_s=0.5) == n_events == 4
    assert time.monotonic() - began < 4.0

    log, left = send(ledger, uri, tmp_path)
    assert (left, log.last_error) == (0, "")
    _, points = runs_of(uri)["trial 0"]
    assert [step for step, _, _ in points["a"]] == [1, 2]


def test_files_of_the_study_and_of_a_trial_become_artifacts(ledger, uri, tmp_path):
    from mlflow import MlflowClient

    live(ledger, 0)
    (tmp_path / "report.html").write_text("<p>report</p>")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    ledger.add_artifact(kind="report", path=str(tmp_path / "report.html"))
    ledger.add_artifact(kind="bundle", path=str(bundle), trial=0)
    send(ledger, uri, tmp_path)
    runs = runs_of(uri)
    client = MlflowClient(tracking_uri=uri)

    def names(name, folder=None):
        return {f.path for f in client.list_artifacts(runs[name][0].info.run_id, folder)}

    assert {"report.html", "recipe.json"} <= names("street")
    assert names("trial 0", "bundle") == {"bundle/bundle.json"}


def test_two_studies_of_one_name_on_one_server_stay_apart(ledger, uri, tmp_path):
    from mlflow import MlflowClient

    url = f"sqlite:///{tmp_path / 'other.db'}"
    create_study(url, ledger.study().model_copy(update={"created_s": 1_700_000_050.0}))
    with open_ledger(url) as other:
        other.acquire_lease(this_process(), ttl_s=60)
        for one in (ledger, other):
            live(one, 0)
            assert send(one, uri, tmp_path)[1] == 0
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("street")
    runs = client.search_runs([experiment.experiment_id])
    parents = {run.info.run_id for run in runs if run.info.run_name == "street"}
    children = {run.data.tags.get("mlflow.parentRunId") for run in runs} - {None}
    assert len(runs) == 4
    assert children == parents


def test_why_events_wait_is_said_without_the_password(ledger, tmp_path):
    live(ledger, 0)
    log, left = send(ledger, "http://me:sEcret@127.0.0.1:9", tmp_path, timeout_s=4.0)
    assert left == 4
    assert "127.0.0.1" in log.last_error
    assert "sEcret" not in log.last_error


def test_what_mlflow_never_takes_is_named_and_holds_up_nothing(ledger, uri, tmp_path):
    live(ledger, 0)
    with ledger.engine.begin() as connection:
        # A later start with another point: MLflow keeps the first value of a parameter.
        connection.exec_driver_sql(
            "INSERT INTO outbox (study, kind, body, time_s) SELECT study, kind, "
            'replace(body, \'"lr":0.003,"block"\', \'"lr":0.5,"block"\'), time_s '
            "FROM outbox WHERE kind = 'trial_started'"
        )
    live(ledger, 1)
    log, left = send(ledger, uri, tmp_path)
    assert left == 0
    assert [line for line in log.refused if line.startswith("trial 0: ") and "lr" in line]
    runs = runs_of(uri)
    assert runs["trial 1"][0].info.status == "FINISHED"
    assert "trial 0" in runs["street"][0].data.tags["automtl.refused"]
