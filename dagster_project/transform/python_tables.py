"""The tables of schema raw that plain Python steps make and hand to the models.

What belongs here: which there are. Their columns stand with the steps that write them.
"""

import duckdb
import pyarrow as pa

from dagster_project.changes.tables import TABLES as CHANGED
from dagster_project.clv.tables import TABLES as PREDICTED
from dagster_project.normalise.tables import TABLES as NORMALISED
from expectations.custom import TABLES as JUDGED

PYTHON_TABLES: dict[str, pa.Schema] = {**NORMALISED, **JUDGED, **PREDICTED, **CHANGED}


def create_empty_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables without rows: no step has run yet."""
    for name, schema in PYTHON_TABLES.items():
        connection.register("_incoming", schema.empty_table())
        connection.execute(f"create or replace table raw.{name} as select * from _incoming")
        connection.unregister("_incoming")
