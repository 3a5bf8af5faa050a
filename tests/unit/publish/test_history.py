"""The published history: a file per date, linked where nothing changed, kept where it did."""

import logging
import os
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish import history as published_history
from dagster_project.publish.publication import (
    DATABASE_NAME,
    Publication,
    PublicationError,
    publish,
)
from dagster_project.settings import Settings
from dagster_project.transform.engines.duckdb import DuckDBEngine, open_work_db, restore_history
from dagster_project.transform.history import (
    HISTORY,
    note_computed,
    partition_file,
    partitions,
    read_note,
)

DAY = date(2026, 6, 29)
NEXT = DAY + timedelta(days=1)
CUSTOMERS = 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


def settings_of(home: Path, **changes: object) -> Settings:
    # A folder as users have them: a blank, a quote and Chinese in the path.
    return Settings.model_validate(
        {
            "home": home / "王's 数据",
            "sources": {"zoho": {"path": "exports/zoho"}},
            "publish": {"keep_runs": 2, **changes},
        }
    )


def compute(settings: Settings, day: date, rfm_class: str = "high", **columns: str) -> None:
    """Do what a run does to the working history: note the date, replace its rows."""
    note_computed(settings, [day])
    others = "".join(f", '{value}' as {name}" for name, value in columns.items())
    with open_work_db(settings) as connection:
        rows = (
            f"select date '{day}' as as_of_date, 'c' || n as customer_key, "
            f"'客户' || n as customer_name, 'o1' as owner_key, '{rfm_class}' as rfm_class{others} "
            f"from range({CUSTOMERS}) as numbers (n)"
        )
        connection.execute(f"create table if not exists {HISTORY} as {rows} limit 0")
        for name in columns:
            connection.execute(f"alter table {HISTORY} add column if not exists {name} varchar")
        connection.execute(f"delete from {HISTORY} where as_of_date = date '{day}'")
        connection.execute(f"insert into {HISTORY} by name {rows}")


def execute(settings: Settings, sql: str) -> None:
    with open_work_db(settings) as connection:
        connection.execute(sql)


def parts_of(done: Publication) -> dict[date, Path]:
    return partitions(done.run_dir)


def rows_of(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Read the Parquet of the current publication as a reader does."""
    pattern = str(settings.published_dir / "current" / HISTORY / "*" / "*.parquet")
    return duckdb.sql(sql.format(history=f"read_parquet('{pattern.replace(chr(39), chr(39) * 2)}')")
                      ).fetchall()  # fmt: skip


def is_linked(first: Path, second: Path) -> bool:
    return first.samefile(second)


def test_each_date_is_a_file_and_the_column_stays(settings: Settings) -> None:
    compute(settings, DAY)
    compute(settings, NEXT, "low")

    done = publish(settings, run_id="r1")

    assert done.tables == {HISTORY: 2 * CUSTOMERS}
    assert not (done.run_dir / f"{HISTORY}.parquet").exists()
    assert parts_of(done) == {day: partition_file(done.run_dir, day) for day in (DAY, NEXT)}
    assert rows_of(
        settings, "select as_of_date, rfm_class, count(*) from {history} group by all order by 1"
    ) == [(DAY, "high", CUSTOMERS), (NEXT, "low", CUSTOMERS)]
    # In the file too, for readers that do not look at the names of folders.
    assert duckdb.sql(
        "select distinct as_of_date from read_parquet($1, hive_partitioning = false)",
        params=[str(partition_file(done.run_dir, NEXT))],
    ).fetchall() == [(NEXT,)]


def test_many_dates_that_lie_mixed_are_a_file_each(settings: Settings) -> None:
    days = [DAY + timedelta(days=number) for number in range(120)]
    compute(settings, DAY)
    # As a chunk of a backfill leaves them: the dates lie mixed.
    execute(
        settings,
        f"""create or replace table {HISTORY} as
            select history.* replace (cast(days.day as date) as as_of_date)
            from {HISTORY} as history
            cross join generate_series(
                date '{DAY}', date '{days[-1]}', interval 1 day
            ) as days (day)
            order by history.customer_key, days.day""",
    )
    note_computed(settings, days)

    done = publish(settings, run_id="r1")

    assert parts_of(done) == {day: partition_file(done.run_dir, day) for day in days}
    assert rows_of(
        settings, "select count(*), count(distinct (as_of_date, customer_key)) from {history}"
    ) == [(120 * CUSTOMERS, 120 * CUSTOMERS)]
    for day in days:
        path = str(partition_file(done.run_dir, day))
        found = duckdb.sql("select distinct as_of_date from read_parquet($1)", params=[path])
        assert found.fetchall() == [(day,)]


def test_what_a_run_did_not_compute_is_linked(settings: Settings) -> None:
    compute(settings, DAY)
    first = publish(settings, run_id="r1")
    compute(settings, NEXT)

    second = publish(settings, run_id="r2")

    assert second.history
    assert second.history.written == (NEXT,)
    assert is_linked(parts_of(first)[DAY], parts_of(second)[DAY])
    assert parts_of(second)[NEXT].stat().st_nlink == 1


def test_a_computed_date_is_written_again(settings: Settings) -> None:
    compute(settings, DAY)
    compute(settings, NEXT)
    first = publish(settings, run_id="r1")
    compute(settings, DAY)

    second = publish(settings, run_id="r2")

    assert not is_linked(parts_of(first)[DAY], parts_of(second)[DAY])
    assert is_linked(parts_of(first)[NEXT], parts_of(second)[NEXT])
    # Computed again and equal: nothing was restated.
    assert second.history
    assert second.history.restated == ()
    assert not (settings.published_dir / "restated").exists()


def test_dates_of_runs_that_did_not_publish_them_are_written_by_the_next(
    settings: Settings,
) -> None:
    compute(settings, DAY)
    compute(settings, NEXT)
    publish(settings, run_id="r1")
    compute(settings, DAY, "low")
    older = publish(settings, run_id="r2", replace_current=False)
    assert older.history
    assert older.history.written == (DAY,)

    later = publish(settings, run_id="r3")

    assert later.history
    assert later.history.written == (DAY,)
    assert rows_of(settings, "select distinct rfm_class from {history} where as_of_date = "
                   f"date '{DAY}'") == [("low",)]  # fmt: skip


def _point_elsewhere(settings: Settings) -> None:
    """An operator goes back to the run before."""
    link = settings.published_dir / "current"
    link.unlink()
    link.symlink_to(Path("runs") / "r0")


@pytest.mark.parametrize(
    "lose",
    [
        lambda settings: (settings.work_dir / "history.json").unlink(),
        lambda settings: (settings.work_dir / "history.json").write_text("{"),
        _point_elsewhere,
    ],
    ids=["lost", "unreadable", "of another publication"],
)
def test_without_its_note_every_date_is_written(
    settings: Settings, lose: Callable[[Settings], object]
) -> None:
    for run_id, day in (("r0", DAY), ("r1", NEXT)):
        compute(settings, day)
        publish(settings, run_id=run_id)
    lose(settings)
    assert read_note(settings).computed is None

    done = publish(settings, run_id="r2")

    assert done.history
    assert done.history.written == (DAY, NEXT)
    assert read_note(settings).computed == ()


def test_a_partition_with_another_number_of_rows_is_written(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    execute(settings, f"delete from {HISTORY} where customer_key = 'c0'")

    with caplog.at_level(logging.WARNING):
        done = publish(settings, run_id="r2")

    assert done.tables == {HISTORY: CUSTOMERS - 1}
    assert done.history
    assert done.history.written == (DAY,)
    assert "3 rows, the working table has 2 of that date; it is written anew" in caplog.text


def test_old_runs_go_and_their_linked_partitions_stay(settings: Settings) -> None:
    for number, run_id in enumerate(("r1", "r2", "r3", "r4")):
        compute(settings, DAY + timedelta(days=number))
        publish(settings, run_id=run_id)

    assert sorted(path.name for path in (settings.published_dir / "runs").iterdir()) == ["r3", "r4"]
    assert rows_of(settings, "select count(distinct as_of_date), count(*) from {history}") == [
        (4, 4 * CUSTOMERS)
    ]
    # Written by a run whose folder is gone, in both that are left.
    assert partition_file(settings.published_dir / "current", DAY).stat().st_nlink == 2


def test_where_links_are_refused_files_are_copied(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compute(settings, DAY)
    first = publish(settings, run_id="r1")
    compute(settings, NEXT)

    def refuse(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with caplog.at_level(logging.WARNING):
        second = publish(settings, run_id="r2")

    assert second.history
    assert second.history.copied == (DAY,)
    assert not is_linked(parts_of(first)[DAY], parts_of(second)[DAY])
    assert rows_of(settings, "select count(*) from {history}") == [(2 * CUSTOMERS,)]
    assert "admits no hard links (Operation not permitted)" in caplog.text


class PowerCutError(BaseException):
    pass


@pytest.mark.parametrize("call", ["link", "fsync", "rename", "replace", "symlink", "mkdir"])
def test_a_publication_cut_off_anywhere_leaves_a_whole_history(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, DAY, "low")
    compute(settings, NEXT)

    def stop(*_: object, **__: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(os, call, stop)
        with pytest.raises(PowerCutError):
            publish(settings, run_id="r2")

    dates = "select count(distinct as_of_date), max(rfm_class) filter (as_of_date = date '{}') "
    assert rows_of(settings, dates.format(DAY) + "from {history}") == [(1, "high")]

    # What it may have kept of the date was not replaced; the next one says so again.
    done = publish(settings, run_id="r3")
    assert rows_of(settings, dates.format(DAY) + "from {history}") == [(2, "low")]
    assert done.history
    assert [(one.as_of_date, one.published_by) for one in done.history.restated] == [(DAY, "r1")]
    assert [str(path.relative_to(settings.published_dir / "restated"))
            for path in (settings.published_dir / "restated").rglob("*.parquet")] == [
        f"{DAY}/r1/{HISTORY}.parquet"
    ]  # fmt: skip
    assert not list(settings.published_dir.rglob(".publishing-*"))


def test_what_a_killed_publication_kept_and_did_not_replace_goes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, DAY, "low")

    replace = os.replace

    def stop(source: str, target: str) -> None:
        if Path(target).name == DATABASE_NAME:
            raise PowerCutError
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(PowerCutError):
            publish(settings, run_id="r2")
    assert list((settings.published_dir / "restated").rglob("*.parquet"))
    # Computed once more, as it was.
    compute(settings, DAY)
    done = publish(settings, run_id="r3")

    assert done.history
    assert done.history.restated == ()
    assert not list((settings.published_dir / "restated").iterdir())


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let every write beyond a size of a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_of(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and ".publishing-" not in str(path)
        and path.name != ".order"
    }


def test_a_disk_that_fails_in_the_middle_leaves_everything(settings: Settings) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, NEXT)
    execute(settings, "create table big as select md5(n::varchar) as t from range(9999) as r (n)")
    before = files_of(settings.published_dir)

    with disk_of(16_384), pytest.raises((duckdb.IOException, OSError), match=r"[Ww]rite"):
        publish(settings, run_id="r2")

    assert files_of(settings.published_dir) == before
    done = publish(settings, run_id="r3")
    assert done.tables == {"big": 9999, HISTORY: 2 * CUSTOMERS}
    assert not list(settings.published_dir.rglob(".publishing-*"))


def test_a_partition_that_lost_rows_fails_the_audit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, NEXT)
    before = files_of(settings.published_dir)
    real = published_history._link

    def link_another(source: Path, target: Path) -> str | None:
        duckdb.sql("select 1 as customer_key").write_parquet(str(target))
        return real(source, target.with_suffix(".unused"))

    monkeypatch.setattr(published_history, "_link", link_another)
    with pytest.raises(PublicationError, match="has 1 rows, the working table has 3"):
        publish(settings, run_id="r2")
    assert files_of(settings.published_dir) == before


def test_a_restated_date_keeps_what_was_published(settings: Settings) -> None:
    compute(settings, DAY)
    compute(settings, NEXT)
    first = publish(settings, run_id="r1")
    kept = parts_of(first)[DAY].stat().st_ino
    compute(settings, DAY)
    execute(
        settings,
        f"update {HISTORY} set rfm_class = 'low' where customer_key = 'c1' and "
        f"as_of_date = date '{DAY}'",
    )
    second = publish(settings, run_id="r2")

    assert second.history
    (one,) = second.history.restated
    assert (one.as_of_date, one.published_by, one.customers) == (DAY, "r1", 1)
    assert one.kept == settings.published_dir / f"restated/{DAY}/r1/{HISTORY}.parquet"
    assert one.kept.stat().st_ino == kept

    # A second time, and after the runs are gone.
    for run_id, rfm_class in (("r3", "medium"), ("r4", "medium"), ("r5", "high")):
        compute(settings, DAY, rfm_class)
        publish(settings, run_id=run_id)
    published = {
        path.parent.name: duckdb.sql(
            "select string_agg(rfm_class, ' ' order by customer_key) from read_parquet($1)",
            params=[str(path)],
        ).fetchall()[0][0]
        for path in (settings.published_dir / "restated").rglob("*.parquet")
    }
    assert published == {
        "r1": "high high high",
        "r2": "high low high",
        "r4": "medium medium medium",
    }


@pytest.mark.parametrize(
    ("change", "customers"),
    [
        ("update {} set owner_key = 'o2' where customer_key = 'c0'", 0),
        ("update {} set rfm_class = null where customer_key <> 'c0'", 2),
        ("delete from {} where customer_key = 'c0'", 1),
        ("update {} set customer_key = 'c9' where customer_key = 'c0'", 2),
    ],
)
def test_the_customers_with_other_classes_are_counted(
    settings: Settings, change: str, customers: int
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, DAY)
    execute(settings, change.format(HISTORY))

    done = publish(settings, run_id="r2")

    assert done.history
    assert [one.customers for one in done.history.restated] == [customers]


def test_a_new_class_does_not_restate(settings: Settings) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, DAY, age_band="30s")

    done = publish(settings, run_id="r2")

    assert done.history
    assert done.history.restated == ()
    assert rows_of(settings, "select distinct age_band from {history}") == [("30s",)]


def test_an_older_date_keeps_nothing_yet(settings: Settings) -> None:
    compute(settings, DAY)
    compute(settings, NEXT)
    publish(settings, run_id="r1")
    before = files_of(settings.published_dir)
    compute(settings, DAY, "low")

    older = publish(settings, run_id="r2", replace_current=False)

    assert older.history
    assert [(one.customers, one.kept) for one in older.history.restated] == [(CUSTOMERS, None)]
    after = files_of(settings.published_dir)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("runs/r2/") for name in set(after) - set(before))


def days_in(database: Path) -> list[date]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return [row[0] for row in connection.execute(
            f"select distinct as_of_date from {HISTORY} order by 1").fetchall()]  # fmt: skip


def fill(settings: Settings, first: date, last: date) -> None:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    note_computed(settings, days)
    execute(
        settings,
        f"create or replace table {HISTORY} as select as_of_date::date as as_of_date, "
        "'c' || n as customer_key, '客户' as customer_name, 'o1' as owner_key, 'high' as rfm_class "
        f"from generate_series(date '{first}', date '{last}', interval 1 day) as d (as_of_date), "
        "range(2) as n (n)",
    )


def test_a_long_history_is_cut_in_the_database_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path, history_rows=100)
    fill(settings, date(2026, 4, 11), date(2026, 6, 3))

    with caplog.at_level(logging.WARNING):
        done = publish(settings, run_id="r1")

    last = [date(2026, 5, 28) + timedelta(days=n) for n in range(7)]
    assert done.history
    assert days_in(done.database or Path()) == [date(2026, 4, 30), *last]
    assert list(done.history.in_database) == days_in(done.database or Path())
    assert rows_of(settings, "select count(*) from {history}") == [(2 * 54,)]
    assert "holds 8 of its 54 dates" in caplog.text


def test_a_history_of_just_so_many_rows_is_not_cut(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, history_rows=2 * 54)
    fill(settings, date(2026, 4, 11), date(2026, 6, 3))

    done = publish(settings, run_id="r1")

    assert done.history
    assert not done.history.is_cut
    assert len(days_in(done.database or Path())) == 54


def test_a_deleted_working_database_takes_all_of_the_history_back(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, history_rows=10)
    fill(settings, date(2026, 4, 11), date(2026, 6, 3))
    others: Mapping[str, str] = {
        "segment_kpis": "select date '2026-06-03' as as_of_date, 7 as customers",
        "clv_parameters": "select date '2026-06-03' as as_of_date, 0.5 as r",
    }
    for table, sql in others.items():
        execute(settings, f"create table {table} as {sql}")
    first = publish(settings, run_id="r1")
    with open_work_db(settings) as connection:
        before = connection.execute(f"from {HISTORY} order by all").fetchall()
    shutil.rmtree(settings.work_dir)

    assert max(DuckDBEngine(settings).history_dates()) == date(2026, 6, 3)

    with open_work_db(settings) as connection:
        assert connection.execute(f"from {HISTORY} order by all").fetchall() == before
        for table, sql in others.items():
            assert connection.execute(f"from {table}").fetchall() == duckdb.sql(sql).fetchall()
    # And it is known to be what is published: nothing is written again.
    compute(settings, date(2026, 6, 4))
    second = publish(settings, run_id="r2")
    assert second.history
    assert second.history.written == (date(2026, 6, 4),)
    assert is_linked(parts_of(first)[date(2026, 5, 1)], parts_of(second)[date(2026, 5, 1)])


def test_partitions_of_before_a_new_class_are_taken_back_with_those_after(
    settings: Settings,
) -> None:
    compute(settings, DAY)
    publish(settings, run_id="r1")
    compute(settings, NEXT, age_band="30s")
    publish(settings, run_id="r2")
    settings.work_db.unlink()

    with open_work_db(settings) as connection:
        restore_history(connection, settings)
        assert connection.execute(
            f"select as_of_date, rfm_class, age_band from {HISTORY} group by all order by all"
        ).fetchall() == [(DAY, "high", None), (NEXT, "high", "30s")]


def _publish_as_before(settings: Settings) -> None:
    """Publish the history in one file, as versions before the partitions did."""
    done = publish(settings, run_id="r1")
    shutil.rmtree(done.run_dir / HISTORY)
    with open_work_db(settings) as connection:
        connection.table(HISTORY).write_parquet(str(done.run_dir / f"{HISTORY}.parquet"))
    (settings.work_dir / "history.json").unlink()


def test_the_history_of_an_earlier_version_is_taken_back(settings: Settings) -> None:
    compute(settings, DAY)
    _publish_as_before(settings)
    shutil.rmtree(settings.work_dir)

    assert max(DuckDBEngine(settings).history_dates()) == DAY


def test_the_first_publication_after_an_earlier_version_keeps_what_it_restates(
    settings: Settings,
) -> None:
    compute(settings, DAY)
    compute(settings, NEXT)
    _publish_as_before(settings)
    compute(settings, NEXT, "low")

    done = publish(settings, run_id="r2")

    assert done.history
    assert done.history.written == (DAY, NEXT)
    (one,) = done.history.restated
    assert (one.as_of_date, one.customers) == (NEXT, CUSTOMERS)
    assert duckdb.sql("select as_of_date, rfm_class, count(*) from read_parquet($1) group by all",
                      params=[str(one.kept)]).fetchall() == [
        (NEXT, "high", CUSTOMERS)
    ]  # fmt: skip
