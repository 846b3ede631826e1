"""Runs in MLflow: found again by a tag, so that no event can make a second one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from automtl.experiment_log.making import make_whole
from automtl.experiment_log.messages import RefusedError, SinkSettings
from automtl.experiment_log.models import (
    Models,
    Source,
    is_bundle,
    log_bundle,
    log_front_model,
    registered_name,
)
from automtl.experiment_log.tuned import log_training
from automtl.experiment_log.updates import PICK_TAG, STUDY_RUN, TUNED, RunUpdate

RUN_TAG = "automtl.run"
STUDY_TAG = "automtl.study"
ENTITIES_IN_A_CALL = 1000
PARAMS_IN_A_CALL = TAGS_IN_A_CALL = 100
"""MLflow's own limits; each call is a transaction of its store, which is most of what it costs."""
TAG_LIMIT = 5000
KIND = MappingProxyType({"mlflow.experimentKind": "custom_model_development"})
"""Without it MLflow's pages open as if the study were one of prompts and traces."""
SOURCE_LIMIT = 60_000
"""MLflow's own limit of a data set's source is a little above."""
HTTP_RETRIES = 1
HTTP_TIMEOUT_S = 20


@dataclass(slots=True, kw_only=True)
class MlflowSink:
    """Writes updates to one experiment.

    Attributes:
        settings: Which one, and what the study's run says.
    """

    settings: SinkSettings
    _client: Any = None
    _experiment_id: str = ""
    _runs: dict[str, str] = field(default_factory=dict)
    _knows_all: bool = False

    def connect(self) -> tuple[str, str]:
        """Find or create the experiment and the study's run. Raises what MLflow raises.

        Returns:
            Ids of the study's run and of its experiment.
        """
        self._client = _client(self.settings.tracking_uri)
        found = self._client.get_experiment_by_name(self.settings.experiment)
        if found is not None:
            self._experiment_id = found.experiment_id
        else:
            self._experiment_id = self._create_experiment()
        run = self._find(STUDY_RUN)
        if run is None:
            run = self._create_run(
                STUDY_RUN, self.settings.experiment, None, self.settings.study_tags
            )
            # Under the lease nobody else makes any: what is not among ours need not be looked for.
            self._knows_all = True
        else:
            self._client.update_run(run, status="RUNNING")
        for name, document in self.settings.documents.items():
            self._client.log_dict(run, document, name)
        # A study of an earlier version has none of them yet.
        self._log(run, RunUpdate(run=STUDY_RUN, name="", params=self.settings.study_params))
        if self.settings.data_digest:
            self._log_data(run)
        self._runs[STUDY_RUN] = run
        return run, str(self._experiment_id)

    def _log_data(self, run: str) -> None:
        """Name the data set in the run; MLflow keeps one entry, however often it is told."""
        from mlflow.entities import Dataset, DatasetInput

        source = json.dumps(self.settings.documents.get("recipe.json", {}), default=str)
        data = Dataset(
            name=self.settings.experiment,
            digest=self.settings.data_digest,
            source_type="automtl recipe",
            source=source[:SOURCE_LIMIT],
        )
        self._client.log_inputs(run, [DatasetInput(dataset=data, tags=[])])

    def apply(self, update: RunUpdate) -> str:
        """Write one update. Doing it twice leaves what doing it once leaves.

        Returns:
            Id of the run.

        Raises:
            RefusedError: If MLflow does not take a name or a value. Everything else it raises as
                it is, and the update may be written again.
        """
        from mlflow.exceptions import MlflowException

        run = self._run(update)
        try:
            self._log(run, update)
        except MlflowException as error:
            # A run that was deleted can be restored, and then takes what it is sent.
            if error.error_code != "INVALID_PARAMETER_VALUE" or "'active' state" in str(error):
                raise
            raise RefusedError(str(error)) from error
        finally:
            self._set_status(run, update)
        return run

    def finish(self, status: str, end_s: float) -> None:
        """Give the study's run its status."""
        self._client.set_terminated(self._runs[STUDY_RUN], status, round(end_s * 1000))

    def _log(self, run: str, update: RunUpdate) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(p.key, p.value, round(p.time_s * 1000), p.step) for p in update.metrics]
        params = [Param(key, value) for key, value in update.params.items()]
        tags = [RunTag(key, value[:TAG_LIMIT]) for key, value in update.tags.items()]
        while metrics or params or tags:
            some_params, params = params[:PARAMS_IN_A_CALL], params[PARAMS_IN_A_CALL:]
            some_tags, tags = tags[:TAGS_IN_A_CALL], tags[TAGS_IN_A_CALL:]
            room = ENTITIES_IN_A_CALL - len(some_params) - len(some_tags)
            some_metrics, metrics = metrics[:room], metrics[room:]
            self._client.log_batch(run, metrics=some_metrics, params=some_params, tags=some_tags)
        for name, document in update.documents.items():
            self._client.log_dict(run, document, name)
        for path in update.files:
            if is_bundle(path):
                self._log_bundle(run, path, update)
            else:
                self._log_file(run, path)
        if update.on_front is not None:
            source = Source(run=run, key=update.run)
            log_front_model(self._models, source, on_front=update.on_front)

    def _log_bundle(self, run: str, path: Path, update: RunUpdate) -> None:
        if update.run.startswith(f"{TUNED}:"):
            log_training(self._client, run, path)
        # The pick is told before what is made of it.
        study = self._client.get_run(self._runs[STUDY_RUN])
        is_pick = update.run == f"trial:{study.data.tags.get(PICK_TAG)}"
        log_bundle(
            self._models,
            Source(run=run, key=update.run),
            path,
            name=registered_name(self.settings.experiment),
            champion_of=study if is_pick else None,
        )

    @property
    def _models(self) -> Models:
        return Models(
            client=self._client,
            experiment=self._experiment_id,
            objectives=self.settings.objectives,
            data=(self.settings.experiment, self.settings.data_digest),
        )

    def _set_status(self, run: str, update: RunUpdate) -> None:
        if update.status is None:
            return
        if update.end_s is None:
            self._client.update_run(run, status=update.status)
        else:
            self._client.set_terminated(run, update.status, round(update.end_s * 1000))

    def _run(self, update: RunUpdate) -> str:
        known = self._runs.get(update.run)
        if known is None and not self._knows_all:
            known = self._find(update.run)
        if known is None:
            above = self._runs.get(update.parent) or self._find(update.parent)
            parent = {"mlflow.parentRunId": above or self._runs[STUDY_RUN]}
            # An error may come after the run was made.
            knew_all, self._knows_all = self._knows_all, False
            known = self._create_run(update.run, update.name, update.start_s, parent)
            self._knows_all = knew_all
        elif update.start_s is not None and update.status is None:
            # A later attempt of a trial goes on in the run of the first.
            self._client.update_run(known, status="RUNNING")
        self._runs[update.run] = known
        return known

    def _find(self, run: str) -> str | None:
        study = self.settings.study.replace("'", "")
        found = self._client.search_runs(
            [self._experiment_id],
            filter_string=f"tags.`{RUN_TAG}` = '{run}' and tags.`{STUDY_TAG}` = '{study}'",
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None

    def _create_run(
        self, run: str, name: str, start_s: float | None, tags: Mapping[str, str]
    ) -> str:
        # The tags come with the run, in one call: a run that cannot be found again does not exist.
        created = self._client.create_run(
            self._experiment_id,
            start_time=None if start_s is None else round(start_s * 1000),
            tags={RUN_TAG: run, STUDY_TAG: self.settings.study.replace("'", ""), **tags},
            run_name=name,
        )
        return str(created.info.run_id)

    def _create_experiment(self) -> str:
        location = None
        if not self.settings.tracking_uri.startswith(("http://", "https://")):
            self.settings.artifacts.mkdir(parents=True, exist_ok=True)
            location = self.settings.artifacts.resolve().as_uri()
        made = self._client.create_experiment(self.settings.experiment, location, tags=dict(KIND))
        return str(made)

    def _log_file(self, run: str, path: Path) -> None:
        # A file that was moved away since leaves nothing to copy; the ledger still names it.
        if path.is_dir():
            self._client.log_artifacts(run, str(path), artifact_path=path.name)
        elif path.is_file():
            self._client.log_artifact(run, str(path))


def _client(tracking_uri: str) -> Any:  # mlflow is untyped
    import logging

    from mlflow import MlflowClient
    from mlflow import environment_variables as environment

    # After the import, which sets levels of its own. The sender says by itself what fails.
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    environment.MLFLOW_DISABLE_TELEMETRY.set("true")  # type: ignore[no-untyped-call]
    # The sender tries again by itself; MLflow's own seven tries would block it for minutes.
    environment.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(HTTP_RETRIES)  # type: ignore[no-untyped-call]
    environment.MLFLOW_HTTP_REQUEST_TIMEOUT.set(HTTP_TIMEOUT_S)  # type: ignore[no-untyped-call]
    make_whole(tracking_uri)
    return MlflowClient(tracking_uri=tracking_uri)
