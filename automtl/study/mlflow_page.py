"""Where people see a study in MLflow: a command or an address, and no password in it."""

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from automtl.ledger.redaction import redacted
from automtl.ledger.runs import read_runs
from automtl.ledger.store import Ledger
from automtl.study.folder import StudyFolder, load_settings

if TYPE_CHECKING:
    from automtl_dashboards.runs import Runs

SERVERS = ("http://", "https://")

UI = "http://127.0.0.1:5000"
"""Where `mlflow ui` listens, unless it is told otherwise."""


def mlflow_command(folder: StudyFolder) -> str:
    """Return what opens MLflow's own page on this study."""
    uri = _uri_of(folder)
    return f"open {redacted(uri)}" if uri.startswith(SERVERS) else _ui_command(uri)


def runs_of(folder: StudyFolder, ledger: Ledger) -> "Runs":
    """Return where the runs of a study's trials are shown."""
    from automtl_dashboards.runs import Runs

    uri = _uri_of(folder)
    return Runs(
        ids=read_runs(ledger.engine, ledger.name),
        page=run_page(uri, ledger.study().mlflow_experiment),
        command="" if uri.startswith(SERVERS) else _ui_command(uri),
    )


def run_page(tracking_uri: str, experiment: str) -> str:
    """Return the address of MLflow's page of a run, up to the id of the run.

    Args:
        tracking_uri: Where the runs are kept; what is no server is shown by `mlflow ui`.
        experiment: Id of the experiment.

    >>> run_page("https://me:p@ss@host/mlflow/?token=abc", "7")
    'https://host/mlflow/#/experiments/7/runs/'
    >>> run_page("sqlite:///mlflow.db", "7")
    'http://127.0.0.1:5000/#/experiments/7/runs/'
    """
    server = _bare(tracking_uri) if tracking_uri.startswith(SERVERS) else UI
    return f"{server}/#/experiments/{quote(experiment, safe='')}/runs/" if experiment else ""


def _bare(address: str) -> str:
    """Return an address without user, password and query.

    All up to the last @ goes: a password may hold one itself, and a link that leads nowhere
    is better than one that tells a part of it.
    """
    scheme, _, rest = address.partition("://")
    plain = rest.rpartition("@")[2]
    for end in "?#":
        plain = plain.partition(end)[0]
    return f"{scheme}://{plain.rstrip('/')}"


def _ui_command(uri: str) -> str:
    return f"mlflow ui --backend-store-uri {shlex.quote(redacted(uri))}"


def _uri_of(folder: StudyFolder) -> str:
    return load_settings(folder).mlflow or folder.mlflow_uri
