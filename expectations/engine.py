"""Great Expectations on DuckDB: the execution engine, the datasource, and a session over a file.

Importing this module imports Great Expectations (4 s): import it inside the function that needs
it. Rules and verdicts do not belong here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import great_expectations as gx
import sqlalchemy as sa
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

# BASIC gives counts, and those are bundled into one query per table; no sample of values is
# pulled, because the keys of failing rows say more and are read separately.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]
    """Reads each result before its connection goes back to the pool.

    The pool rolls back on return, and DuckDB then drops what was not fetched yet.
    """

    def execute_query(self, query: sa.Executable) -> sa.Result[Any]:
        """Run the query and detach its rows from the connection."""
        with self.get_connection() as connection:
            rows: sa.Result[Any] = connection.execute(query).freeze()()
        return rows


# Named, because the attribute `type` of the datasource hides the builtin in its body.
EngineType = type[DuckDBExecutionEngine]


class DuckDBDatasource(SQLDatasource):  # type: ignore[misc]
    """A SQL datasource whose batches are judged by DuckDBExecutionEngine."""

    type: Literal["kefen_duckdb"] = "kefen_duckdb"

    @property
    def execution_engine_type(self) -> EngineType:
        """The engine of this datasource."""
        return DuckDBExecutionEngine


class Session:
    """A read-only DuckDB file that plain SQL and expectation suites can be run against."""

    def __init__(self, datasource: DuckDBDatasource) -> None:
        self._datasource = datasource

    @property
    def query_errors(self) -> tuple[type[Exception], ...]:
        """What a query that DuckDB refuses is raised as."""
        return (sa.exc.SQLAlchemyError,)

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """Give each column's type, in upper case; empty if there is no such table."""
        rows = self.fetch(
            "select column_name, data_type from information_schema.columns"
            " where table_catalog = current_database()"
            " and table_schema = :schema and table_name = :name",
            schema=schema,
            name=table,
        )
        return {str(column): str(data_type).upper() for column, data_type in rows}

    def fetch(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Run plain SQL; values are bound by name (`:name`)."""
        engine: DuckDBExecutionEngine = self._datasource.get_execution_engine()
        statement = sa.text(query).bindparams(**values) if values else sa.text(query)
        return [tuple(row) for row in engine.execute_query(statement).fetchall()]

    def validate(
        self, *, name: str, query: str, expectations: "Sequence[Expectation]"
    ) -> "list[ExpectationValidationResult]":
        """Judge one query's rows by all expectations in one batch.

        Results come in no particular order; each carries the meta of its expectation.
        """
        asset = self._datasource.add_query_asset(name, query=query)
        batch = asset.add_batch_definition_whole_table(name).get_batch()
        suite = gx.ExpectationSuite(name=name, expectations=list(expectations))
        try:
            return list(batch.validate(suite, result_format=RESULT_FORMAT).results)
        finally:
            self._datasource.delete_asset(name)


@contextmanager
def open_session(database: Path) -> Iterator[Session]:
    """Open the file read-only; on exit this process holds no lock on it any more."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    url = sa.URL.create("duckdb", database=str(database))
    datasource: DuckDBDatasource = context.data_sources.add_kefen_duckdb(
        name="database",
        connection_string=url.render_as_string(hide_password=False),
        kwargs={"connect_args": {"read_only": True}},
        create_temp_table=False,
    )
    try:
        yield Session(datasource)
    finally:
        # Two engines hold the file: the one that tested the datasource, and the one that ran.
        datasource.get_execution_engine().engine.dispose()
        datasource.get_engine().dispose()
