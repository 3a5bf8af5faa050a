"""The class history of a publication: one Parquet partition per date, linked where nothing changed.

What belongs here: the partitions of a run's folder, and what was published before of a date that
says something else now. Which dates stay is decided before.
"""

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.ingest.sql import literal, path_list, quoted
from dagster_project.publish.durable import fsync
from dagster_project.settings import Settings
from dagster_project.transform.history import (
    CURRENT_LINK,
    HISTORY,
    IDENTITY,
    current_run,
    partition_file,
    partitions,
    read_note,
    table_files,
)

LOGGER = logging.getLogger(__name__)

RESTATED = "restated"
# DuckDB keeps up to 100 files open, and begins a second one of a date for more.
DATES_AT_ONCE = 50
_FORMAT = "format parquet, compression zstd, compression_level 1"
PARQUET = f"({_FORMAT})"


@dataclass(frozen=True)
class Restated:
    """A date that was published before with other values.

    published_by: the run whose publication had it so far.
    customers: how many have other classes, or are there in only one of the two.
    kept: where the rows published so far stay; None = readers still see them.
    """

    as_of_date: date
    published_by: str
    customers: int
    kept: Path | None


@dataclass(frozen=True)
class PublishedHistory:
    """What a run published of the history.

    rows: by date; written: the dates whose partitions were written, the others are those of the
    publication before, by hard link or, of the dates in copied, by copy.
    in_database: the dates that the database of readers holds.
    """

    rows: dict[date, int]
    written: tuple[date, ...]
    copied: tuple[date, ...] = ()
    restated: tuple[Restated, ...] = ()
    in_database: tuple[date, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether the database of readers lacks dates."""
        return len(self.in_database) < len(self.rows)


def write_partitions(
    connection: duckdb.DuckDBPyConnection, settings: Settings, folder: Path
) -> PublishedHistory:
    """Write the partitions of the history below a folder; link those that are published already.

    connection: has the working database attached as `work`.
    A partition is written if its date was computed since the current publication, if it is not
    published yet, or if the number of rows differs.
    """
    rows: dict[date, int] = dict(
        connection.execute(
            f"select as_of_date, count(*) from work.main.{HISTORY} group by all order by all"
        ).fetchall()
    )
    earlier = partitions(settings.published_dir / CURRENT_LINK)
    earlier_rows = rows_of(connection, earlier.values())
    computed = read_note(settings).computed
    written: list[date] = []
    copied: dict[date, str] = {}
    (folder / HISTORY).mkdir()
    for day, count in rows.items():
        is_stale = computed is None or day in computed
        if day in earlier and not is_stale and earlier_rows[earlier[day]] == count:
            target = partition_file(folder, day)
            target.parent.mkdir()
            if refusal := _link(earlier[day], target):
                copied[day] = refusal
            continue
        if day in earlier and not is_stale:
            LOGGER.warning(
                "%s has %d rows, the working table has %d of that date; it is written anew",
                earlier[day],
                earlier_rows[earlier[day]],
                count,
            )
        written.append(day)
    _write_dates(connection, folder, written)
    if copied:
        LOGGER.warning(
            "%d partitions of the history were copied: %s admits no hard links (%s); "
            "each publication takes as much room as the whole history",
            len(copied),
            settings.published_dir,
            next(iter(copied.values())),
        )
    return PublishedHistory(
        rows=rows,
        written=tuple(written),
        copied=tuple(copied),
        restated=tuple(_restated(connection, settings, written)),
    )


def _write_dates(connection: duckdb.DuckDBPyConnection, folder: Path, days: Sequence[date]) -> None:
    """Write the partitions of some dates, several in one look at the table.

    Dates of one chunk of a backfill lie mixed in the table: each by itself would read them all.
    """
    for first in range(0, len(days), DATES_AT_ONCE):
        batch = days[first : first + DATES_AT_ONCE]
        listed = ", ".join(f"date '{day}'" for day in batch)
        connection.execute(
            f"copy (select * from work.main.{HISTORY} where as_of_date in ({listed})) "
            f"to {literal(folder / HISTORY)} (partition_by (as_of_date), write_partition_columns, "
            f"overwrite_or_ignore, {_FORMAT})"
        )
        for day in batch:
            target = partition_file(folder, day)
            [written] = target.parent.iterdir()
            written.rename(target)


def rows_of(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> dict[Path, int]:
    """Read the numbers of rows of Parquet files from their footers."""
    paths = list(files)
    if not paths:
        return {}
    return {
        Path(name): count
        for name, count in connection.execute(
            f"select file_name, num_rows from parquet_file_metadata({path_list(paths)})"
        ).fetchall()
    }


def keep_restated(settings: Settings, found: Sequence[Restated]) -> tuple[Restated, ...]:
    """Keep what is published of dates that will be replaced, under the name of its publication."""
    current = settings.published_dir / CURRENT_LINK
    earlier = partitions(current)
    kept = []
    for one in found:
        folder = settings.published_dir / RESTATED / str(one.as_of_date) / one.published_by
        folder.mkdir(parents=True)
        path = folder / f"{HISTORY}.parquet"
        if one.as_of_date in earlier:
            _link(earlier[one.as_of_date], path)
        else:
            with duckdb.connect() as connection:
                connection.execute(
                    f"copy (select * from {_relation(table_files(current, HISTORY))} "
                    f"where as_of_date = date '{one.as_of_date}') to {literal(path)} {PARQUET}"
                )
        for place in (path, folder, folder.parent, folder.parent.parent):
            fsync(place)
        kept.append(replace(one, kept=path))
    return tuple(kept)


def remove_unreplaced(settings: Settings) -> None:
    """Delete what a killed publication kept of dates that it did not replace after all."""
    current = current_run(settings)
    if current is None:
        return
    for folder in (settings.published_dir / RESTATED).glob(f"*/{current}"):
        LOGGER.warning("removing %s, left by a publication that did not finish", folder)
        shutil.rmtree(folder)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def _restated(
    connection: duckdb.DuckDBPyConnection, settings: Settings, written: Sequence[date]
) -> list[Restated]:
    """Find the written dates whose published rows differ, in the columns that both have."""
    current = settings.published_dir / CURRENT_LINK
    run_id = current_run(settings)
    files = partitions(current)
    single = [] if files else table_files(current, HISTORY)
    if run_id is None or not (files or single):
        return []
    new_columns = columns_of(connection, f"work.main.{HISTORY}")
    found = []
    for day in written:
        if day not in files and not single:
            continue
        earlier = _relation([files[day]] if files else single)
        old_columns = columns_of(connection, earlier)
        columns = [name for name in new_columns if name in old_columns]
        other_class = differ(columns, "old", "new", but=IDENTITY)
        is_in_one = "old.customer_key is null or new.customer_key is null"
        row = connection.execute(
            f"""
            with old as (select * from {earlier} where as_of_date = date '{day}'),
            new as (select * from work.main.{HISTORY} where as_of_date = date '{day}')

            select
                count(*),
                count(*) filter (where {is_in_one} or {other_class}),
                (select count(*) from old)
            from old
            full join new on old.customer_key = new.customer_key
            where {is_in_one} or {differ(columns, "old", "new")}
            """
        ).fetchone()
        if row and row[0] and row[2]:
            found.append(Restated(as_of_date=day, published_by=run_id, customers=row[1], kept=None))
    return found


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """Name the columns of a table or table function, in order."""
    rows = connection.execute(f"describe select * from {relation}").fetchall()
    return [row[0] for row in rows]


def differ(columns: Iterable[str], old: str, new: str, *, but: Collection[str] = ()) -> str:
    """Write the condition that two rows differ in any of some columns."""
    unequal = [
        f"{old}.{quoted(name)} is distinct from {new}.{quoted(name)}"
        for name in columns
        if name not in but
    ]
    return " or ".join(unequal) or "false"


def _relation(files: Sequence[Path]) -> str:
    return f"read_parquet({path_list(list(files))}, hive_partitioning = false)"


def _link(source: Path, target: Path) -> str | None:
    """Give a file a second name; copy it where the file system refuses, and say why it did."""
    try:
        os.link(source, target)
    except OSError as error:
        shutil.copyfile(source, target)
        return error.strerror or str(error)
    return None
