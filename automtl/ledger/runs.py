"""Which run of MLflow has a trial: no fact of the search, so that no record holds it."""

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, delete, insert, select

from automtl.ledger.database import reading
from automtl.ledger.tables import trial_run


def write_runs(connection: Connection, study: str, runs: Mapping[int, str]) -> None:
    """Write ids of runs by trial inside the caller's transaction, in place of earlier ones."""
    if not runs:
        return
    own = (trial_run.c.study == study) & trial_run.c.number.in_(runs)
    connection.execute(delete(trial_run).where(own))
    rows = [{"study": study, "number": number, "run": run} for number, run in runs.items()]
    connection.execute(insert(trial_run), rows)


def read_runs(engine: Engine, study: str) -> dict[int, str]:
    """Return the ids of runs by trial; a trial that MLflow has not got yet is missing."""
    own = trial_run.c.study == study
    query = select(trial_run.c.number, trial_run.c.run).where(own).order_by(trial_run.c.number)
    with reading(engine) as connection:
        return {row.number: row.run for row in connection.execute(query)}
