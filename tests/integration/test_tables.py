"""How a table of the night before is replaced."""

from collections.abc import Callable
from datetime import timedelta

import duckdb
import pytest

from dagster_project.settings import Settings
from tests.integration.conftest import FIRST
from tests.support import DbtFailedError, _dbt_build, query, run_dbt_here

CADENCES = "from intermediate.int_purchases__cadences order by all"


def test_a_model_that_fails_leaves_the_table_of_the_night_before(
    second_evening: Callable[..., Settings],
) -> None:
    settings = second_evening()
    before = query(settings.work_db, CADENCES)
    _change(settings, "alter table intermediate.int_config__thresholds rename to hidden")

    with pytest.raises(DbtFailedError, match="int_purchases__cadences"):
        _dbt_build(settings, "--select", "int_purchases__cadences")

    assert query(settings.work_db, CADENCES) == before != []


def test_a_view_of_the_night_before_becomes_a_table(
    second_evening: Callable[..., Settings],
) -> None:
    settings = second_evening()
    before = query(settings.work_db, CADENCES)
    _change(
        settings,
        "drop table intermediate.int_purchases__cadences; "
        "create view intermediate.int_purchases__cadences as select 1 as one",
    )

    _dbt_build(settings, "--select", "int_purchases__cadences")

    assert query(settings.work_db, CADENCES) == before
    leftovers = (
        "select table_name from duckdb_tables() where table_name like '%\\_\\_dbt\\_%' escape '\\'"
    )
    assert query(settings.work_db, leftovers) == []


def _change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.work_db)) as connection:
        connection.execute(sql)


def test_a_table_by_date_gets_the_dates_of_the_run_anew_and_new_columns(
    second_evening: Callable[..., Settings],
) -> None:
    settings = second_evening()
    table = "main.customer_classification_history"
    history = f"from {table}"
    wanted = (
        f"select customer_key, age_band, occupation {history} where as_of_date = ? order by all"
    )
    before = query(settings.work_db, wanted, FIRST)
    rows = len(before)
    _change(
        settings,
        # An older date, one customer too many on the date of the run, and no column age_band yet.
        f"insert into {table} by name select * replace (as_of_date - 1 as as_of_date) {history}; "
        f"insert into {table} by name select * replace ('gone' as customer_key) {history} limit 1; "
        f"alter table {table} drop column age_band",
    )

    run_dbt_here(settings, ["run", "--select", "customer_classification_history"])

    assert query(settings.work_db, wanted, FIRST) == before
    assert query(
        settings.work_db,
        f"select as_of_date, count(*), count(age_band) {history} group by all order by all",
    ) == [(FIRST - timedelta(days=1), rows, 0), (FIRST, rows, rows)]


def test_a_table_by_date_without_rows_for_the_date_of_the_run_has_none_left(
    second_evening: Callable[..., Settings],
) -> None:
    settings = second_evening()
    count = "select count(*) from clv_parameters"
    assert query(settings.work_db, count) == [(1,)]
    _change(settings, "delete from raw.clv_fits")

    run_dbt_here(settings, ["run", "--select", "clv_parameters"])

    assert query(settings.work_db, count) == [(0,)]
