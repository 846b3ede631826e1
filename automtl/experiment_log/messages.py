"""What the controller's process and the one that writes to MLflow say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automtl.experiment_log.updates import RunUpdate
from automtl.ledger.redaction import first_line


class RefusedError(Exception):
    """MLflow will never take this, however often it is sent."""


class UnreachableError(Exception):
    """MLflow did not take this now; it may be sent again. The text is one line, with its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """One experiment and the study's run in it.

    Attributes:
        tracking_uri: Where MLflow's server or database is.
        artifacts: Where artifacts go, if this process creates the experiment.
        experiment: Name of the experiment and of the parent run.
        study: Names the study among all that send to this server.
        study_tags: Tags of the parent run.
        documents: JSON artifacts of the parent run by file name.
        data_digest: Of the study's frames and labels; empty while it is not known.
        study_params: Parameters of the parent run; MLflow never lets them change.
        objectives: Metrics by which a model is judged.
    """

    tracking_uri: str
    artifacts: Path
    experiment: str
    study: str
    study_tags: Mapping[str, str]
    documents: Mapping[str, object]
    data_digest: str = ""
    study_params: Mapping[str, str] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Find or create the experiment and the study's run."""

    settings: SinkSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Write one update."""

    update: RunUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Give the study's run its status, at a Unix time."""

    status: str
    end_s: float


Request = Connect | Apply | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one request.

    Attributes:
        run: Id of the study's run after :class:`Connect`, of the updated one after :class:`Apply`.
        experiment: Id of the experiment, after :class:`Connect`.
        error: One line; empty if all went well.
        is_refused: Whether sending again is useless.
    """

    run: str = ""
    experiment: str = ""
    error: str = ""
    is_refused: bool = False


def line_of(error: BaseException) -> str:
    """Return an error's type and the first line of its text, without passwords."""
    line, kind = first_line(error), type(error).__name__
    return line if line == kind or isinstance(error, UnreachableError) else f"{kind}: {line}"
