"""Models in MLflow: one for each trial of the front, and the registered one of the pick."""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

LOADER = "automtl.export.served"
"""The module that MLflow calls to load a bundle."""

CHAMPION = "champion"
RUN, BUNDLE = "automtl.run", "automtl.bundle"
"""Tags of a model: the id of the run it is from, and the digest of the bundle that it holds."""

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


def log_front_model(client: Any, experiment: str, run: str, *, key: str, on_front: bool) -> None:
    """Keep a model of a trial of the front; one that is no longer on it says so.

    Args:
        client: MLflow's.
        experiment: Its id.
        run: Id of the trial's run.
        key: The run's name among updates, ``trial:NUMBER``.
        on_front: Whether the trial is on the front now.
    """
    found = _found(client, experiment, {RUN: run})
    if found is None:
        if not on_front:
            return
        found = _created(client, experiment, run, key)
        client.finalize_logged_model(found.model_id, "READY")
    client.set_logged_model_tags(found.model_id, {"automtl.on_front": str(on_front).lower()})


def log_bundle(
    client: Any,
    experiment: str,
    run: str,
    path: Path,
    *,
    key: str,
    name: str,
    is_champion: bool,
) -> None:
    """Upload a bundle as a model and register it. Doing it twice leaves what doing it once does.

    Args:
        client: MLflow's.
        experiment: Its id.
        run: Id of the trial's run.
        path: The bundle.
        key: The run's name among updates, ``trial:NUMBER``.
        name: Of the registered model.
        is_champion: Whether the version gets the alias ``champion``.
    """
    digest = hashlib.sha256((path / "checksums.json").read_bytes()).hexdigest()[:16]
    model = _found(client, experiment, {BUNDLE: digest})
    if model is None:
        model = _created(client, experiment, run, key)
        _upload(client, model.model_id, path)
        client.finalize_logged_model(model.model_id, "READY")
        # Last: a model that was broken off is not found by it, and made anew.
        client.set_logged_model_tags(model.model_id, {BUNDLE: digest})
    number = _registered(client, name, model, run, digest)
    if is_champion:
        client.set_registered_model_alias(name, CHAMPION, number)


def _found(client: Any, experiment: str, tags: Mapping[str, str]) -> Any:
    wanted = " AND ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
    models = client.search_logged_models([experiment], filter_string=wanted, max_results=1)
    return models[0] if models else None


def _created(client: Any, experiment: str, run: str, key: str) -> Any:
    return client.create_logged_model(
        experiment,
        name=key.replace(":", "-"),
        source_run_id=run,
        tags={RUN: run},
        params=dict(client.get_run(run).data.params),
        model_type=TYPE,
    )


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


def _registered(client: Any, name: str, model: Any, run: str, digest: str) -> str:
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
        model_id=model.model_id,
    )
    return str(made.version)
