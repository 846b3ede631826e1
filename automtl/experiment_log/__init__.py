"""The experiment log: what the ledger announces, as runs in MLflow."""

from automtl.experiment_log.sender import ExperimentLog

__all__ = ["ExperimentLog"]
