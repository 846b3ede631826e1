"""Models in MLflow: one for each trial of the front, and the registered one of the pick."""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from automtl.experiment_log.updates import REASON_TAG, valid_key

LOADER = "automtl.export.served"
"""The module that MLflow calls to load a bundle."""

CHAMPION = "champion"
RUN, BUNDLE = "automtl.run", "automtl.bundle"
"""Tags of a model: the id of the run it is from, and the digest of the bundle that it holds."""

FILLING = "automtl.bundle_begun"
"""The digest of the bundle whose upload began."""

VERSIONS = "mlflow.modelVersions"
"""MLflow's own tag of a model, from which its pages take the registered versions."""

READY = "READY"

NEEDED = ("automtl", "torch", "torchvision", "safetensors", "numpy", "pillow")
TYPE = "automtl"


def registered_name(study: str) -> str:
    """Return a study's name as the registry takes it.

    >>> registered_name("street/night:2")
    'street_night_2'
    """
    return re.sub(r"[/:]", "_", study)


def is_bundle(path: Path) -> bool:
    """Return whether a folder is a bundle, not its content's truth: its reader checks that."""
    return (path / "checksums.json").is_file() and (path / "model.safetensors").is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of one experiment.

    Attributes:
        client: MLflow's.
        experiment: Its id.
        objectives: Metrics whose final values a model shows.
        data: Name and digest of the data set that it is judged on; an unknown digest is empty.
    """

    client: Any
    experiment: str
    objectives: tuple[str, ...]
    data: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a model comes from.

    Attributes:
        run: Id of the run.
        key: The run's name among updates, ``trial:NUMBER``.
    """

    run: str
    key: str


def log_front_model(models: Models, source: Source, *, on_front: bool) -> None:
    """Keep a model of a trial of the front; one that is no longer on it says so.

    Args:
        models: Where it is kept.
        source: The trial.
        on_front: Whether the trial is on the front now.
    """
    found = _found(models, {RUN: source.run})
    if not found and on_front:
        found = [_created(models, source)]
    for model in found:
        _complete(models, source, model)
        says = {"automtl.on_front": str(on_front).lower()}
        models.client.set_logged_model_tags(model.model_id, says)


def log_bundle(
    models: Models, source: Source, path: Path, *, name: str, champion_of: Any | None
) -> None:
    """Upload a bundle as a model and register it. Doing it twice leaves what doing it once does.

    A trial of the front has a model without files already, which then gets them.

    Args:
        models: Where it is kept.
        source: The trial.
        path: The bundle.
        name: Of the registered model.
        champion_of: The study's run if this is its pick: the version gets the alias
            ``champion``, the pick's reason as its description, and a place on the study's page.
    """
    digest = hashlib.sha256((path / "checksums.json").read_bytes()).hexdigest()[:16]
    whole = _found(models, {BUNDLE: digest})
    model = whole[0] if whole else _filled(models, source, path, digest)
    _complete(models, source, model)
    why = "" if champion_of is None else champion_of.data.tags.get(REASON_TAG, "")
    number = _registered(models.client, name, model, source.run, digest, why)
    _show_version(models.client, model.model_id, name, number)
    if champion_of is not None:
        models.client.set_registered_model_alias(name, CHAMPION, number)
        _show_in(models.client, champion_of.info.run_id, model.model_id)


def _found(models: Models, tags: Mapping[str, str]) -> list[Any]:
    wanted = " AND ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
    return list(models.client.search_logged_models([models.experiment], filter_string=wanted))


def _created(models: Models, source: Source) -> Any:
    return models.client.create_logged_model(
        models.experiment,
        name=source.key.replace(":", "-"),
        source_run_id=source.run,
        tags={RUN: source.run},
        params=dict(models.client.get_run(source.run).data.params),
        model_type=TYPE,
    )


def _filled(models: Models, source: Source, path: Path, digest: str) -> Any:
    """Upload a bundle into a model of its run that has no files, or none but the same ones."""
    fit = (
        model
        for model in _found(models, {RUN: source.run})
        if BUNDLE not in model.tags and model.tags.get(FILLING, digest) == digest
    )
    model = next(fit, None) or _created(models, source)
    models.client.set_logged_model_tags(model.model_id, {FILLING: digest})
    _upload(models.client, model.model_id, path)
    # Last: one that was broken off is not taken for whole.
    models.client.set_logged_model_tags(model.model_id, {BUNDLE: digest})
    return model


def _complete(models: Models, source: Source, model: Any) -> None:
    """Show how good a model is, and show it on the page of its run."""
    from mlflow.entities import Metric

    name, digest = models.data
    data = {"dataset_name": name, "dataset_digest": digest} if digest else {}
    known = {metric.key for metric in model.metrics or ()}
    keys = [valid_key(f"final/{metric}") for metric in models.objectives]
    points = [
        # The point that the run has already: there it is the same one.
        Metric(key, point.value, point.timestamp, point.step, model_id=model.model_id, **data)
        for key in keys
        if key not in known
        for point in models.client.get_metric_history(source.run, key)[-1:]
    ]
    if points:
        models.client.log_batch(source.run, metrics=points)
    _show_in(models.client, source.run, model.model_id)
    if model.status != READY:
        models.client.finalize_logged_model(model.model_id, READY)


def _show_in(client: Any, run: str, model_id: str) -> None:
    """List a model on a run's page. MLflow takes each once and fails at the second time."""
    from mlflow.entities import LoggedModelOutput

    outputs = client.get_run(run).outputs
    shown = {output.model_id for output in outputs.model_outputs} if outputs else set()
    if model_id not in shown:
        client.log_outputs(run, [LoggedModelOutput(model_id, step=0)])


def _show_version(client: Any, model_id: str, name: str, number: str) -> None:
    """Name the registered version on the model's pages.

    MLflow's server writes this tag with the version, its library, which a database is written
    with, does not.
    """
    known = json.loads(client.get_logged_model(model_id).tags.get(VERSIONS, "[]"))
    if (name, number) not in {(each["name"], str(each["version"])) for each in known}:
        stated = json.dumps([*known, {"name": name, "version": number}])
        client.set_logged_model_tags(model_id, {VERSIONS: stated})


def _upload(client: Any, model_id: str, path: Path) -> None:
    from mlflow import pyfunc

    with tempfile.TemporaryDirectory() as place:
        pyfunc.save_model(
            f"{place}/model",
            loader_module=LOADER,
            data_path=str(path),
            # Stated, so that nothing is guessed by loading the model or asking a package index.
            pip_requirements=[f"{package}=={version(package)}" for package in NEEDED],
        )
        client.log_model_artifacts(model_id, f"{place}/model")


def _registered(client: Any, name: str, model: Any, run: str, digest: str, why: str) -> str:
    """Return the number of the bundle's version, which is made if there is none."""
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name)
    versions = client.search_model_versions(f"name = '{name}'")
    known = next((v for v in versions if v.tags.get(BUNDLE) == digest), None)
    # By its place: MLflow looks `models:/` up at the address that the whole process was given.
    made = known or client.create_model_version(
        name,
        model.artifact_location,
        run_id=run,
        tags={BUNDLE: digest},
        description=why,
        model_id=model.model_id,
    )
    return str(made.version)
