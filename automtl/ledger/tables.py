"""The ledger's tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 5

metadata = MetaData()

# SQLite numbers rows by themselves only in columns of its own integer type.
_row_id = BigInteger().with_variant(Integer, "sqlite")
_name = String(100)


def _study_column() -> Column[str]:
    return Column("study", _name, ForeignKey("study.name"), primary_key=True)


schema = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
)

study = Table(
    "study",
    metadata,
    Column("name", _name, primary_key=True),
    Column("objectives", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_digest", String(64), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("data_digest", String(64), nullable=False, default=""),
    Column("mlflow_run", String(64), nullable=False, default=""),
    Column("mlflow_experiment", String(64), nullable=False, server_default=""),
)

# What of the data is not used, or was mended, in the order in which it was read.
left_out = Table(
    "left_out",
    metadata,
    _study_column(),
    Column("place", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("split", String(20), nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Points, configurations and values are JSON text, written and read by Python alone: that keeps
# every float to the bit on every database.
trial = Table(
    "trial",
    metadata,
    _study_column(),
    Column("number", Integer, primary_key=True),
    Column("point", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("config_digest", String(64), nullable=False),
    Column("origin", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("best_epoch", Integer),
    Column("values", Text, nullable=False, default="{}"),
    Column("failure_kind", String(40)),
    Column("failure_message", Text),
    Column("created_s", Double, nullable=False),
    Column("started_s", Double),
    Column("ended_s", Double),
    Column("worker", Text, nullable=False, default=""),
)

_trial_key = ("study", "number")

# Which run of MLflow has a trial, once MLflow has answered. A table of its own: the live page
# counts its rows at each tick.
trial_run = Table(
    "trial_run",
    metadata,
    Column("study", _name, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("run", String(64), nullable=False),
    ForeignKeyConstraint(_trial_key, ["trial.study", "trial.number"]),
)

attempt = Table(
    "attempt",
    metadata,
    Column("study", _name, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("worker", Text, nullable=False, default=""),
    Column("started_s", Double, nullable=False),
    Column("outcome", String(20), nullable=False, default="running"),
    Column("failure_kind", String(40)),
    Column("failure_message", Text),
    ForeignKeyConstraint(_trial_key, ["trial.study", "trial.number"]),
)

report = Table(
    "report",
    metadata,
    Column("study", _name, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("time_s", Double, nullable=False),
    Column("values", Text, nullable=False),
    ForeignKeyConstraint(
        (*_trial_key, "attempt"), ["attempt.study", "attempt.number", "attempt.attempt"]
    ),
)

pick = Table(
    "pick",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("study", _name, ForeignKey("study.name"), nullable=False),
    Column("body", Text, nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("study", _name, ForeignKey("study.name"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("path", Text, nullable=False),
    Column("trial", Integer),
    Column("created_s", Double, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    _study_column(),
    Column("token", Integer, nullable=False),
    Column("holder_user", Text, nullable=False),
    Column("holder_host", Text, nullable=False),
    Column("holder_process", BigInteger, nullable=False),
    Column("holder_kernel", Text, nullable=False),
    Column("holder_started", Text, nullable=False),
    Column("since_s", Double, nullable=False),
    Column("expires_s", Double, nullable=False),
    # What somebody asked of the holder; whoever comes next is not asked.
    Column("stop", String(20), nullable=False, server_default=""),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("study", _name, ForeignKey("study.name"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("time_s", Double, nullable=False),
    Column("sent_s", Double),
    # The sender asks several times a second what was not sent.
    Index("outbox_unsent", "study", "sent_s", "id"),
)
