"""Runs in MLflow: found again by a tag, so that no event can make a second one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automtl.experiment_log.updates import STUDY_RUN, RunUpdate

RUN_TAG = "automtl.run"
METRICS_IN_A_CALL = 1000
PARAMS_IN_A_CALL = 100
TAG_LIMIT = 5000
HTTP_RETRIES = 1
HTTP_TIMEOUT_S = 20


@dataclass(slots=True, kw_only=True)
class MlflowSink:
    """Writes updates to one experiment.

    Attributes:
        tracking_uri: Where MLflow's server or database is.
        artifacts: Where artifacts go, if this process creates the experiment.
        experiment: Name of the experiment and of the parent run.
        study_tags: Tags of the parent run.
        documents: JSON artifacts of the parent run by file name.
    """

    tracking_uri: str
    artifacts: Path
    experiment: str
    study_tags: Mapping[str, str]
    documents: Mapping[str, object]
    _client: Any = None
    _experiment_id: str = ""
    _runs: dict[str, str] = field(default_factory=dict)

    def connect(self) -> None:
        """Find or create the experiment and the study's run. Raises what MLflow raises."""
        if self._experiment_id:
            return
        self._client = _client(self.tracking_uri)
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            self._experiment_id = found.experiment_id
        else:
            location = None
            if not self.tracking_uri.startswith(("http://", "https://")):
                self.artifacts.mkdir(parents=True, exist_ok=True)
                location = self.artifacts.resolve().as_uri()
            self._experiment_id = self._client.create_experiment(self.experiment, location)
        known = self._find(STUDY_RUN)
        self._runs[STUDY_RUN] = known or self._create_study_run()

    def apply(self, update: RunUpdate) -> None:
        """Write one update. Doing it twice leaves what doing it once leaves."""
        from mlflow.entities import Metric, Param, RunTag

        run = self._run(update)
        metrics = [Metric(p.key, p.value, round(p.time_s * 1000), p.step) for p in update.metrics]
        for start in range(0, len(metrics), METRICS_IN_A_CALL):
            self._client.log_batch(run, metrics=metrics[start : start + METRICS_IN_A_CALL])
        params = [Param(key, value) for key, value in update.params.items()]
        for start in range(0, len(params), PARAMS_IN_A_CALL):
            self._client.log_batch(run, params=params[start : start + PARAMS_IN_A_CALL])
        if update.tags:
            tags = [RunTag(key, value[:TAG_LIMIT]) for key, value in update.tags.items()]
            self._client.log_batch(run, tags=tags)
        for name, document in update.documents.items():
            self._client.log_dict(run, document, name)
        for path in update.files:
            self._log_file(run, path)
        if update.status is not None and update.end_s is not None:
            self._client.set_terminated(run, update.status, round(update.end_s * 1000))

    def finish(self, status: str, end_s: float) -> None:
        """Give the study's run its status."""
        if self._experiment_id:
            run = self._runs[STUDY_RUN]
            self._client.set_terminated(run, status, round(end_s * 1000))

    def _run(self, update: RunUpdate) -> str:
        known = self._runs.get(update.run) or self._find(update.run)
        if known is None:
            tags = {
                RUN_TAG: update.run,
                "mlflow.parentRunId": self._runs[STUDY_RUN],
            }
            start = None if update.start_s is None else round(update.start_s * 1000)
            created = self._client.create_run(
                self._experiment_id, start_time=start, tags=tags, run_name=update.name
            )
            known = str(created.info.run_id)
        elif update.start_s is not None:
            # A later attempt of a trial goes on in the run of the first.
            self._client.update_run(known, status="RUNNING")
        self._runs[update.run] = known
        return known

    def _find(self, run: str) -> str | None:
        found = self._client.search_runs(
            [self._experiment_id], filter_string=f"tags.`{RUN_TAG}` = '{run}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _create_study_run(self) -> str:
        created = self._client.create_run(
            self._experiment_id,
            tags={RUN_TAG: STUDY_RUN, **self.study_tags},
            run_name=self.experiment,
        )
        run = str(created.info.run_id)
        for name, document in self.documents.items():
            self._client.log_dict(run, document, name)
        return run

    def _log_file(self, run: str, path: Path) -> None:
        if path.is_dir():
            self._client.log_artifacts(run, str(path), artifact_path=path.name)
        elif path.is_file():
            self._client.log_artifact(run, str(path))


def _client(tracking_uri: str) -> Any:  # mlflow is untyped
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    from mlflow import MlflowClient
    from mlflow import environment_variables as environment

    environment.MLFLOW_DISABLE_TELEMETRY.set("true")  # type: ignore[no-untyped-call]
    # The sender tries again by itself; MLflow's own seven tries would block it for minutes.
    environment.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(HTTP_RETRIES)  # type: ignore[no-untyped-call]
    environment.MLFLOW_HTTP_REQUEST_TIMEOUT.set(HTTP_TIMEOUT_S)  # type: ignore[no-untyped-call]
    return MlflowClient(tracking_uri=tracking_uri)
