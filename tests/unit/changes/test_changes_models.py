"""The compiled models that questions are asked of, and the dates that are compared."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.changes.causes import restore_changes
from dagster_project.changes.models import (
    CLASSES,
    ModelPartError,
    class_models,
    query_of_part,
    with_part,
)
from dagster_project.changes.pairs import kept_file, neighbours, note_started
from dagster_project.changes.whatif import FACTS, SOURCE_MAP, statements_of
from dagster_project.settings import Settings
from tests.support import demo_settings

QUERY = "with a as (\n  select f(1) as x\n),\n\nb as (\n  select * from a\n)\n\nselect * from b"
# Read by their words or their name; a customer's own facts are none of them.
NOT_OF_A_CUSTOMER = {"int_profiles__industries", "int_profiles__places"}


def test_a_part_is_replaced_or_selected() -> None:
    with duckdb.connect() as connection:
        connection.execute("create macro f(y) as y + 1")
        assert connection.execute(QUERY).fetchall() == [(2,)]
        assert connection.execute(with_part(QUERY, "a", "select 7 as x")).fetchall() == [(7,)]
        assert connection.execute(query_of_part(QUERY, "a")).fetchall() == [(2,)]


def test_a_part_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModelPartError, match="no part called c"):
        with_part(QUERY, "c", "select 1")
    with pytest.raises(ModelPartError, match="does not end"):
        query_of_part("with a as (select (1)", "a")


def test_without_compiled_models_the_message_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make install"):
        class_models(tmp_path / "manifest.json")


def test_every_relation_with_facts_of_customers_has_twins() -> None:
    """A new one that the models read would be seen with today's facts by every question."""
    models = class_models()
    read = {name for schema, name in models.inputs if schema == "intermediate"}
    assert read == {facts.relation for facts in FACTS} | {SOURCE_MAP} | NOT_OF_A_CUSTOMER
    assert list(models.statements)[-1] == CLASSES
    assert set(statements_of(models)) == set(models.statements)


def test_dates_before_and_after_are_compared(tmp_path: Path) -> None:
    """What follows a new date is compared with it from then on; what is kept need not be redone."""
    settings = demo_settings(tmp_path)
    settings.work_dir.mkdir()
    day = date(2026, 3, 5)
    history = [date(2026, 3, 1), date(2026, 3, 3), date(2026, 3, 9), date(2026, 3, 20)]
    newest = date(2026, 4, 1)
    found = neighbours(settings, history, [day], newest=newest)
    assert found.previous == {day: date(2026, 3, 3), date(2026, 3, 9): day}
    assert found.missing == [date(2026, 3, 3), date(2026, 3, 9)]
    _keep(settings, {date(2026, 3, 3): date(2026, 3, 4)})
    found = neighbours(settings, history, [day], newest=newest)
    assert found.missing == [date(2026, 3, 9)]
    assert found.known == {date(2026, 3, 3): date(2026, 3, 4)}
    assert found.waiting == []
    assert neighbours(settings, [], [day], newest=newest).previous == {}
    # What a version that noted no knowledge dates had kept is computed again.
    kept_file(settings).unlink()
    with duckdb.connect(str(kept_file(settings))) as connection:
        connection.execute("create schema kept; create table kept.dates (as_of_date date)")
        connection.execute("insert into kept.dates values ('2026-03-03')")
    found = neighbours(settings, history, [day], newest=newest)
    assert found.missing == [date(2026, 3, 3), date(2026, 3, 9)]


def test_a_date_that_was_computed_with_later_exports_waits_for_a_run_that_sees_them(
    tmp_path: Path,
) -> None:
    settings = demo_settings(tmp_path)
    settings.work_dir.mkdir()
    first, second, third = (date(2026, 3, day) for day in (1, 2, 3))
    _keep(settings, {first: first, third: third})
    found = neighbours(settings, [first, third], [second], newest=second)
    assert found.previous == {second: first}
    assert found.waiting == [third]
    # A date whose lines are lost was computed with the exports of its day.
    _keep(settings, {first: first})
    found = neighbours(settings, [first, third], [second], newest=second)
    assert (found.waiting, found.missing) == ([third], [])
    _keep(settings, {day: day for day in (first, second, third)}, waiting=[third])
    late = date(2026, 3, 9)
    found = neighbours(settings, [first, second, third], [late], newest=late)
    assert found.previous == {third: second, late: third}
    assert found.waiting == []


def test_a_date_whose_run_ended_before_it_was_compared_is_compared_by_the_next(
    tmp_path: Path,
) -> None:
    settings = demo_settings(tmp_path)
    settings.work_dir.mkdir()
    first, second, third, fourth = (date(2026, 3, day) for day in (1, 2, 3, 4))
    # A first run has nothing to note it in yet.
    note_started(settings, [first])
    assert neighbours(settings, [first], [second], newest=second).previous == {second: first}
    # One in the middle: what follows it is compared with it too.
    _keep(settings, {day: day for day in (first, second, third)})
    note_started(settings, [second])
    found = neighbours(settings, [first, second, third], [fourth], newest=fourth)
    assert found.previous == {second: first, third: second, fourth: third}
    # Its lines may be those of before.
    assert found.missing == [second]
    # It failed before it had written anything.
    found = neighbours(settings, [first, third], [fourth], newest=fourth)
    assert found.previous == {fourth: third}


def test_dates_with_noted_changes_between_them_are_no_pair(tmp_path: Path) -> None:
    """The retention removed the days between month ends; what changed on them stays noted."""
    settings = demo_settings(tmp_path)
    settings.work_dir.mkdir()
    july, august = date(2026, 7, 31), date(2026, 8, 31)
    asked = [date(2026, 8, 10), date(2026, 8, 11)]
    _keep(settings, {july: july, august: august})
    with duckdb.connect(str(kept_file(settings))) as connection:
        connection.execute(
            "create table customer_class_changes as select unnest(generate_series("
            "timestamp '2026-08-01', timestamp '2026-08-31', interval 1 day))::date as as_of_date"
        )
    found = neighbours(settings, [july, august], asked, newest=august)
    assert found.previous == {asked[1]: asked[0]}
    # Without days between, a month end is compared with the one before.
    with duckdb.connect(str(kept_file(settings))) as connection:
        connection.execute("delete from customer_class_changes where as_of_date < '2026-08-31'")
    found = neighbours(settings, [july, august], asked, newest=august)
    assert found.previous == {asked[0]: july, asked[1]: asked[0], august: asked[1]}


def test_noted_changes_that_are_lost_are_taken_from_the_publication(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path)
    settings.work_dir.mkdir()
    current = settings.published_dir / "current"
    current.mkdir(parents=True)
    july, gone, august = date(2026, 7, 31), date(2026, 8, 5), date(2026, 8, 31)
    duckdb.sql(
        f"copy (select date '{gone}' as as_of_date, 'c' as customer_key) "
        f"to '{current / 'customer_class_changes.parquet'}'"
    )
    for _ in range(2):
        restore_changes(settings)
    with duckdb.connect(str(kept_file(settings))) as connection:
        assert connection.sql("select as_of_date from customer_class_changes").fetchall() == [
            (gone,)
        ]
    assert neighbours(settings, [july], [august], newest=august).previous == {}


def _keep(settings: Settings, known: dict[date, date], waiting: Sequence[date] = ()) -> None:
    kept_file(settings).unlink(missing_ok=True)
    with duckdb.connect(str(kept_file(settings))) as connection:
        connection.execute("create schema kept")
        connection.execute("create table kept.knowledge (as_of_date date, knowledge_date date)")
        connection.executemany("insert into kept.knowledge values (?, ?)", list(known.items()))
        connection.execute("create table kept.waiting (as_of_date date primary key)")
        for day in waiting:
            connection.execute("insert into kept.waiting values (?)", [day])
