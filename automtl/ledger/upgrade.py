"""Ledgers of earlier versions, brought up to date where they are opened."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, select, update

from automtl.ledger.tables import SCHEMA_VERSION, schema

STEPS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        # A lease may hold the wish that its holder ends.
        2: ("ALTER TABLE lease ADD COLUMN stop VARCHAR(20) DEFAULT '' NOT NULL",),
        # Where MLflow keeps a trial.
        3: (
            "ALTER TABLE study ADD COLUMN mlflow_experiment VARCHAR(64) DEFAULT '' NOT NULL",
            """
            CREATE TABLE trial_run (
                study VARCHAR(100) NOT NULL, number INTEGER NOT NULL, run VARCHAR(64) NOT NULL,
                PRIMARY KEY (study, number),
                FOREIGN KEY (study, number) REFERENCES trial (study, number)
            )
            """,
        ),
        # What of the data is not used.
        4: (
            """
            CREATE TABLE left_out (
                study VARCHAR(100) NOT NULL, place INTEGER NOT NULL, kind VARCHAR(20) NOT NULL,
                split VARCHAR(20) NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL,
                PRIMARY KEY (study, place), FOREIGN KEY (study) REFERENCES study (name)
            )
            """,
        ),
    }
)
"""By version, the statements that lead to the next one; each database that we know takes them."""


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date inside a writing transaction.

    Two processes may come here at once: the second finds the work of the first done.
    """
    version = connection.scalars(select(schema.c.version).with_for_update()).one()
    for step in range(version, SCHEMA_VERSION):
        for statement in STEPS[step]:
            connection.exec_driver_sql(statement)
        connection.execute(update(schema).values(version=step + 1))
