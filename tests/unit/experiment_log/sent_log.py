"""A ledger in which trials come to life, and what of it has come to MLflow."""

from automtl.experiment_log import ExperimentLog
from automtl.results import (
    EpochReport,
    TrialStatus,
)

CONFIG = {
    "sharing": {"order": ["detection", "tracking"], "split_after": [3]},
    "weighting": {"kind": "upgrad"},
    "schedule": {"kind": "alternating", "block": 2},
    "optimizer": {"lr": 0.003},
}


def live(ledger, number, status=TrialStatus.COMPLETED, failure=None):
    """Let a trial report 0.1 and 0.2 times its number, and end."""
    ledger.add_trial(
        number=number,
        point={"lr": 0.003, "block": number},
        config=CONFIG,
        config_digest=f"digest-{number}",
        origin="sampler",
        seed=number,
    )
    ledger.start_attempt(number, worker="")
    for epoch in (1, 2):
        time_s = 1_700_000_100.5 + epoch
        values = {"a": epoch * 0.1 * number, "loss/detection": 1.0 / epoch}
        ledger.add_report(
            number, EpochReport(attempt=1, epoch=epoch, values=values, time_s=time_s)
        )
    ended = status in (TrialStatus.COMPLETED, TrialStatus.STOPPED)
    ledger.end_trial(
        number,
        status=status,
        values={"a": 0.1 * number} if ended else {},
        best_epoch=1 if ended else None,
        failure=failure,
    )


def send(ledger, uri, tmp_path, timeout_s=30.0):
    log = ExperimentLog(tracking_uri=uri, artifacts=tmp_path / "mlartifacts", ledger=ledger)
    log.start()
    left = log.close(timeout_s=timeout_s)
    return log, left


def runs_of(uri):
    """All runs by name, with all points of their curves."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("street")
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        points = {
            key: [
                (m.step, m.value, m.timestamp)
                for m in client.get_metric_history(run.info.run_id, key)
            ]
            for key in run.data.metrics
        }
        assert run.info.run_name not in found, "a run was made twice"
        found[run.info.run_name] = (run, points)
    return found


def models_of(uri):
    """Name and metrics of all models, and the runs whose pages list them."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("street").experiment_id
    runs = client.search_runs([experiment])
    return [
        (
            model.name,
            {metric.key: metric.value for metric in model.metrics},
            [
                run.info.run_name
                for run in runs
                if run.outputs
                and model.model_id in {o.model_id for o in run.outputs.model_outputs}
            ],
        )
        for model in client.search_logged_models([experiment])
    ]
