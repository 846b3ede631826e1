"""What was made of a trial's bundle is a run below the trial's, and told twice it is one."""

import json
import shutil
from pathlib import Path

import pytest

from automtl.experiment_log.messages import SinkSettings
from automtl.experiment_log.sink import MlflowSink
from automtl.experiment_log.updates import RunUpdate, updates_of
from automtl.ledger.outbox import Event, EventKind

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MEASURED = {
    "validation": {"detection/mAP": 0.5, "loss/depth": None},
    "before": {"detection/mAP": 0.25},
    "epochs": [
        {"epoch": 1, "time_s": 1_700_000_001.0, "values": {"detection/mAP": 0.25}},
        {"epoch": 2, "time_s": 1_700_000_002.0, "values": {"detection/mAP": 0.5}},
    ],
}
STATED = {
    "config": {"optimizer": {"lr": 3e-4, "epochs": 2, "steps_per_epoch": 5}},
    "seed": 7,
    "config_digest": "c" * 16,
    "data": {"digest": "d" * 16},
    "parent": {"digest": "p" * 16, "frozen": ["trunk"], "added": []},
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """What of a bundle the log reads; the model itself is another test's."""
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(MEASURED))
    (folder / "config.json").write_text(json.dumps(STATED))
    return folder


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def sink(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowSink:
    monkeypatch.setattr("automtl.experiment_log.sink.is_bundle", lambda path: path.is_dir())
    monkeypatch.setattr("automtl.experiment_log.sink.log_bundle", lambda *_, **__: None)
    shutil.copy(migrated, tmp_path / "mlflow.db")
    made = MlflowSink(
        settings=SinkSettings(
            tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
            artifacts=tmp_path / "mlartifacts",
            experiment="street",
            study="street 1",
            study_tags={},
            documents={"recipe.json": {"name": "street"}},
            data_digest="0123456789abcdef",
        )
    )
    made.connect()
    return made


def tuned(bundle: Path, trial: int | None) -> RunUpdate:
    body = {"kind": "tuned", "path": str(bundle), "trial": trial}
    event = Event(id=1, kind=EventKind.ARTIFACT, body=body, time_s=1_700_000_003.0)
    (update,) = updates_of(event)
    return update


def runs_of(sink: MlflowSink) -> dict[str, object]:
    found = sink._client.search_runs([sink._experiment_id])
    return {run.info.run_name: run for run in found}


def test_a_training_from_a_trials_bundle_is_a_run_below_the_trials(sink, bundle):
    sink.apply(RunUpdate(run="trial:4", name="trial 4", params={"a": "1"}))
    for _ in range(2):
        sink.apply(tuned(bundle, 4))
    runs = runs_of(sink)
    assert set(runs) == {"street", "trial 4", "night"}
    run = runs["night"]
    assert run.data.tags["mlflow.parentRunId"] == runs["trial 4"].info.run_id
    assert run.data.tags["automtl.parent_bundle"] == "p" * 16
    assert run.data.params == {
        "optimizer.lr": "0.0003",
        "optimizer.epochs": "2",
        "optimizer.steps_per_epoch": "5",
        "frozen": "trunk",
        "seed": "7",
    }
    assert run.data.metrics == {
        "detection/mAP": 0.5,
        "before/detection/mAP": 0.25,
        "final/detection/mAP": 0.5,
    }
    curve = sink._client.get_metric_history(run.info.run_id, "detection/mAP")
    assert [(point.step, point.value) for point in curve] == [(1, 0.25), (2, 0.5)]
    assert run.info.status == "FINISHED"


def test_what_no_trial_made_is_a_run_below_the_studys(sink, bundle):
    sink.apply(tuned(bundle, None))
    runs = runs_of(sink)
    assert runs["night"].data.tags["mlflow.parentRunId"] == runs["street"].info.run_id


def test_the_studys_run_names_its_data_once(sink):
    sink.connect()
    (entry,) = runs_of(sink)["street"].inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("street", "0123456789abcdef")
    assert json.loads(entry.dataset.source) == {"name": "street"}


def test_the_experiment_says_that_it_is_one_of_training(sink):
    """MLflow's pages take any other for one of prompts and traces."""
    tags = sink._client.get_experiment(sink._experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
