"""The pick's bundle becomes a registered model that MLflow serves; the front has a model each."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from automtl.experiment_log.messages import SinkSettings
from automtl.experiment_log.models import registered_name
from automtl.experiment_log.sink import MlflowSink
from automtl.experiment_log.updates import STUDY_RUN, MetricPoint, RunUpdate
from automtl.testing.small_bundle import INFO, write

# MLflow's own database code, and its advice on signatures: not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*"),
]
FRAMES = np.random.default_rng(1).integers(0, 256, (2, *INFO.image_size, 3), dtype=np.uint8)
PICKED = RunUpdate(
    run=STUDY_RUN, name=STUDY_RUN, tags={"automtl.pick": "4", "automtl.pick_reason": "the knee"}
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundles") / "trial-0004")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes two seconds, copying it none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def sink(migrated: Path, tmp_path: Path) -> MlflowSink:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    settings = SinkSettings(
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
        artifacts=tmp_path / "mlartifacts",
        experiment="street/night",
        study="street 1",
        study_tags={},
        documents={},
        data_digest="d1",
        objectives=("a",),
    )
    made = MlflowSink(settings=settings)
    made.connect()
    return made


def exported(number: int, path: Path) -> RunUpdate:
    return RunUpdate(run=f"trial:{number}", name=f"trial {number}", files=(path,))


def models_of(sink: MlflowSink) -> list:
    return list(sink._client.search_logged_models([sink._experiment_id]))


def ranked(number: int, *, on_front: bool) -> RunUpdate:
    point = MetricPoint(key="final/a", value=0.1 * number, step=2, time_s=5.0)
    return RunUpdate(
        run=f"trial:{number}",
        name=f"trial {number}",
        metrics=(point,),
        params={"optimizer.lr": f"0.{number}"},
        on_front=on_front,
    )


def shown_in(sink: MlflowSink, run: str) -> list[str]:
    """Ids of the models that the page of a run lists."""
    outputs = sink._client.get_run(sink._runs[run]).outputs
    return [each.model_id for each in outputs.model_outputs]


@pytest.mark.slow
def test_a_bundle_fills_the_model_that_its_trial_has_on_the_front(sink, bundle):
    sink.apply(PICKED)
    for _ in range(2):  # Sent again, nothing is stored twice.
        for update in (ranked(4, on_front=True), ranked(5, on_front=True), exported(4, bundle)):
            sink.apply(update)
    found = {model.name: model for model in models_of(sink)}
    assert (len(models_of(sink)), set(found)) == (2, {"trial-4", "trial-5"})
    files = sink._client.list_logged_model_artifacts(found["trial-4"].model_id)
    assert "MLmodel" in {file.path for file in files}
    assert sink._client.list_logged_model_artifacts(found["trial-5"].model_id) == []
    # MLflow's pages take a model's versions from this tag.
    name = registered_name(sink.settings.experiment)
    versions = json.loads(found["trial-4"].tags["mlflow.modelVersions"])
    assert versions == [{"name": name, "version": "1"}]
    assert "mlflow.modelVersions" not in found["trial-5"].tags
    assert sink._client.get_model_version(name, "1").description == "the knee"
    assert shown_in(sink, "trial:4") == shown_in(sink, STUDY_RUN) == [found["trial-4"].model_id]


@pytest.mark.slow
def test_another_bundle_of_a_trial_is_a_model_of_its_own(sink, bundle, tmp_path):
    sink.apply(exported(4, bundle))
    sink.apply(exported(4, write(tmp_path / "trial-0004", seed=10)))
    assert len({model.tags["automtl.bundle"] for model in models_of(sink)}) == 2
    assert len(models_of(sink)) == 2


@pytest.mark.slow
def test_an_upload_that_broke_off_is_taken_up_by_the_same_bundle_alone(
    sink, bundle, tmp_path, monkeypatch
):
    def breaks_off(client: object, model: str, place: str) -> None:
        msg = "gone"
        raise ConnectionError(msg)

    sink.apply(ranked(4, on_front=True))
    with monkeypatch.context() as patched:
        patched.setattr(type(sink._client), "log_model_artifacts", breaks_off)
        with pytest.raises(ConnectionError):
            sink.apply(exported(4, bundle))
    (begun,) = models_of(sink)
    sink.apply(exported(4, write(tmp_path / "trial-0004", seed=10)))
    sink.apply(exported(4, bundle))
    found = {model.model_id: model.tags["automtl.bundle"] for model in models_of(sink)}
    assert len(found) == 2
    assert found[begun.model_id] == begun.tags["automtl.bundle_begun"]


@pytest.mark.slow
def test_the_picks_bundle_is_served_under_the_alias_champion(sink, bundle, monkeypatch):
    import mlflow

    from automtl.export.bundle import load_bundle
    from automtl.export.served import Served

    sink.apply(PICKED)
    for _ in range(2):  # Sent again, nothing is stored twice.
        sink.apply(exported(4, bundle))
    assert len(models_of(sink)) == 1
    client, name = sink._client, registered_name(sink.settings.experiment)
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    mlflow.set_tracking_uri(sink.settings.tracking_uri)
    try:
        model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        assert model.predict(FRAMES) == Served(load_bundle(bundle)).predict(FRAMES)
    finally:
        mlflow.set_tracking_uri(None)


@contextmanager
def serving(uri: str, model: str, said: Path) -> Iterator[str]:
    """The address of `mlflow models serve`, on the loopback device, when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model]
    place = ["--env-manager", "local", "--host", "127.0.0.1", "--port", port]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow starts its server by name, which an environment that is not activated has not.
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }
    with (
        said.open("wb") as log,
        # Its server is a child of a shell: they are ended together, as a group of their own.
        subprocess.Popen(
            [*command, *place], env=environment, stdout=log, stderr=log, start_new_session=True
        ) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_answers(f"{address}/ping", server, said)
            yield address
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def wait_until_it_answers(address: str, server: subprocess.Popen, said: Path) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert server.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)


@pytest.mark.slow
@pytest.mark.frames
def test_mlflow_serves_the_champion_over_http(sink, bundle, real_data, tmp_path):
    from automtl.export.bundle import load_bundle
    from automtl.export.served import Served

    sink.apply(PICKED)
    sink.apply(exported(4, bundle))
    frame = min((real_data / "camvid/val").iterdir()).read_bytes()
    content = json.dumps({"inputs": [base64.b64encode(frame).decode()]}).encode()
    model = f"models:/{registered_name(sink.settings.experiment)}@champion"
    with serving(sink.settings.tracking_uri, model, tmp_path / "said.txt") as address:
        request = urllib.request.Request(
            f"{address}/invocations", content, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            (found,) = json.load(answer)["predictions"]
    assert found["boxes"]
    assert [found] == Served(load_bundle(bundle)).predict([frame])


@pytest.mark.slow
def test_a_bundle_that_was_not_picked_is_a_version_without_the_alias(sink, bundle, tmp_path):
    sink.apply(PICKED)
    sink.apply(exported(4, bundle))
    other = write(tmp_path / "trial-0005", seed=10)
    sink.apply(exported(5, other))
    name = registered_name(sink.settings.experiment)
    versions = {v.version: v for v in sink._client.search_model_versions(f"name = '{name}'")}
    assert len(versions) == 2
    champion = sink._client.get_model_version_by_alias(name, "champion")
    run = sink._client.get_run(champion.run_id)
    assert run.info.run_name == "trial 4"


def test_each_trial_of_the_front_has_one_model_that_says_when_it_left(sink):
    for update in (ranked(1, on_front=True), ranked(2, on_front=True), ranked(3, on_front=False)):
        sink.apply(update)
    for _ in range(2):
        sink.apply(ranked(1, on_front=False))
    found = {model.name: model for model in models_of(sink)}
    assert set(found) == {"trial-1", "trial-2"}
    assert found["trial-1"].tags["automtl.on_front"] == "false"
    assert found["trial-2"].tags["automtl.on_front"] == "true"
    assert found["trial-2"].params == {"optimizer.lr": "0.2"}
    (value,) = found["trial-2"].metrics
    assert (value.key, value.value, value.step) == ("final/a", 0.2, 2)
    assert (value.dataset_name, value.dataset_digest) == ("street/night", "d1")
    assert shown_in(sink, "trial:2") == [found["trial-2"].model_id]


def test_a_folder_that_is_no_bundle_is_copied_as_it_is(sink, tmp_path):
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "front.json").write_text("{}")
    sink.apply(exported(1, folder))
    run = sink._runs["trial:1"]
    assert [f.path for f in sink._client.list_artifacts(run)] == ["figures"]
    assert models_of(sink) == []
    shutil.rmtree(folder)
