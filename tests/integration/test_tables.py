"""How a table of the night before is replaced."""

from collections.abc import Callable

import duckdb
import pytest

from dagster_project.settings import Settings
from tests.support import DbtFailedError, _dbt_build, query

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
