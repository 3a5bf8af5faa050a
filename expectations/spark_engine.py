"""Great Expectations on Spark tables: a session like the one on DuckDB.

Importing this module imports Great Expectations (4 s): import it inside the function that needs
it. Rules and verdicts do not belong here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import great_expectations as gx
from pyspark.errors import PySparkException

from expectations.engine import RESULT_FORMAT

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent import SparkDatasource
    from great_expectations.expectations.expectation import Expectation
    from pyspark.sql import SparkSession


class Session:
    """A Spark session that plain SQL and expectation suites can be run against."""

    def __init__(self, spark: "SparkSession", datasource: "SparkDatasource") -> None:
        self._spark = spark
        self._datasource = datasource

    @property
    def query_errors(self) -> tuple[type[Exception], ...]:
        """What a query that Spark refuses is raised as."""
        return (PySparkException,)

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """Give each column's type, in upper case; empty if there is no such table."""
        name = f"{schema}.{table}"
        if not self._spark.catalog.tableExists(name):
            return {}
        return {column: kind.upper() for column, kind in self._spark.table(name).dtypes}

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run plain SQL."""
        return [tuple(row) for row in self._spark.sql(query).collect()]

    def validate(
        self, *, name: str, query: str, expectations: "Sequence[Expectation]"
    ) -> "list[ExpectationValidationResult]":
        """Judge one query's rows by all expectations in one batch.

        Results come in no particular order; each carries the meta of its expectation.
        """
        asset = self._datasource.add_dataframe_asset(name)
        definition = asset.add_batch_definition_whole_dataframe(name)
        batch = definition.get_batch(batch_parameters={"dataframe": self._spark.sql(query)})
        suite = gx.ExpectationSuite(name=name, expectations=list(expectations))
        try:
            return list(batch.validate(suite, result_format=RESULT_FORMAT).results)
        finally:
            self._datasource.delete_asset(name)


@contextmanager
def open_session(spark: "SparkSession") -> Iterator[Session]:
    """Judge by the session that is open; it stays open."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    yield Session(spark, context.data_sources.add_spark("database", persist=False))
