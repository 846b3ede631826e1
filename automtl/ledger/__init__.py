"""The ledger: what is true of a study, in SQL. Nothing else in automtl imports SQLAlchemy."""
