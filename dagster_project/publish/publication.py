"""Publish the marts of the working database: one DuckDB file and one Parquet folder per run.

What belongs here: copying, swapping, pruning. What does not: any computation; a table is published
as the models left it.

A publication is prepared under a temporary name and swapped in with a rename, so that a reader or
a killed process never meets half of one. Readers with the old file open keep reading it. What else
people read of a night lies in the folder of its run, and is swapped in with it.

The history of classes is published by date: what a run did not compute is the file of the run
before, under a second name.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from dagster_project.ingest.sql import literal, rows_by_table
from dagster_project.publish.durable import fsync, fsync_tree
from dagster_project.publish.history import (
    PARQUET,
    PublishedHistory,
    keep_restated,
    remove_unreplaced,
    rows_of,
    write_partitions,
)
from dagster_project.publish.views import create_views
from dagster_project.settings import Settings
from dagster_project.transform.dbt import duckdb_limits
from dagster_project.transform.history import (
    CURRENT_LINK,
    HISTORY,
    dates_for_database,
    note_published,
    partition_file,
)

LOGGER = logging.getLogger(__name__)

# The oldest storage format that holds our types, so that BI drivers on DuckDB 1.2 can open it.
STORAGE_VERSION = "v1.2.0"
DATABASE_NAME = "kefen.duckdb"
DATA_DOCS = "data_docs"
FIX_LISTS = "fix_lists"
_TEMPORARY = ".publishing-"
# The run folders that stand, oldest publication first. A run's name has the time of its clock,
# which may have been wrong.
_ORDER = ".order"


class PublicationError(Exception):
    """The marts cannot be published; what readers see is untouched."""


@dataclass
class Beside:
    """What became of the publication to another place: rows by table, or the fault."""

    place: str
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    fault: str | None = None


@dataclass(frozen=True)
class Publication:
    """What a run published: rows by table, and where."""

    run_id: str
    tables: dict[str, int]
    run_dir: Path
    database: Path | None
    history: PublishedHistory | None = None
    beside: Beside | None = None


def remove_leftovers(published_dir: Path) -> None:
    """Delete what a killed publication left under temporary names."""
    for folder in (published_dir, published_dir / "runs"):
        for path in folder.glob(f"{_TEMPORARY}*"):
            LOGGER.warning("removing %s, left by a publication that did not finish", path)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def publish(
    settings: Settings,
    *,
    run_id: str,
    replace_current: bool = True,
    folders: Mapping[str, Callable[[Path], object]] | None = None,
    beside: Callable[[Path], AbstractContextManager[Beside | None]] | None = None,
) -> Publication:
    """Copy every table of schema main from the working database to readers.

    replace_current: False for a date older than the newest published one: only the run's own
    Parquet folder is written.
    folders: what else is published, by the name of its folder: a function that fills it. A function
    that writes nothing publishes nothing. Not written if the current publication stays.
    beside: another place to publish to: given the prepared database, a context that is entered
    before the files are swapped and left afterwards. Not entered if the current publication stays.
    Raises PublicationError if there is nothing to publish.
    """
    published = settings.published_dir
    (published / "runs").mkdir(parents=True, exist_ok=True)
    remove_leftovers(published)
    remove_unreplaced(settings)
    run_dir = published / "runs" / run_id
    parts_dir = published / "runs" / f"{_TEMPORARY}{run_id}"
    database_part = published / f"{_TEMPORARY}{run_id}.duckdb"
    parts_dir.mkdir()

    with duckdb.connect(
        ":memory:",
        config=duckdb_limits(settings),
    ) as connection:
        connection.execute(f"attach {literal(settings.work_db)} as work (read_only)")
        counts = rows_by_table(connection, "work", "main")
        if not counts:
            raise PublicationError(
                f"{settings.work_db} has no table in schema main; expected the marts; "
                "run the models first"
            )
        history = _write_parquet(connection, settings, counts, parts_dir)
        if replace_current:
            if history:
                history = _cut_for_database(history, limit=settings.publish.history_rows)
            _write_database(connection, counts, history, database_part)
        _audit(
            connection,
            counts,
            history,
            parts_dir=parts_dir,
            database_part=database_part if replace_current else None,
        )

    folders = (folders or {}) if replace_current else {}
    for name, fill in folders.items():
        fill(parts_dir / name)
    fsync_tree(parts_dir)
    if replace_current:
        fsync(database_part)
    with beside(database_part) if beside and replace_current else nullcontext() as other:
        _place_run(parts_dir, run_dir)
        _write_order(published, _order(published, newest=run_id))
        if replace_current:
            if history:
                history = replace(history, restated=keep_restated(settings, history.restated))
            _swap(published, database_part, run_id=run_id, folders=folders)
    if replace_current:
        if history:
            note_published(settings)
        _prune(published, keep=settings.publish.keep_runs)
    return Publication(
        run_id=run_id,
        tables=counts,
        run_dir=run_dir,
        database=published / DATABASE_NAME if replace_current else None,
        history=history,
        beside=other,
    )


def _write_parquet(
    connection: duckdb.DuckDBPyConnection, settings: Settings, tables: Iterable[str], folder: Path
) -> PublishedHistory | None:
    """Write every table below a folder; the history by date, if there is one."""
    history = None
    for table in tables:
        if table == HISTORY:
            history = write_partitions(connection, settings, folder)
            continue
        path = folder / f"{table}.parquet"
        connection.execute(f"copy work.main.{table} to {literal(path)} {PARQUET}")
    return history


def _write_database(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[str],
    history: PublishedHistory | None,
    path: Path,
) -> None:
    """Write the tables into a database file, and open it as readers will, as `fresh`."""
    connection.execute(f"attach {literal(path)} as fresh (storage_version '{STORAGE_VERSION}')")
    for table in tables:
        of_dates = ""
        if table == HISTORY and history and history.is_cut:
            listed = ", ".join(f"date '{day}'" for day in history.in_database)
            of_dates = f" where as_of_date in ({listed})"
        connection.execute(f"create table fresh.main.{table} as from work.main.{table}{of_dates}")
    create_views(connection, "fresh")
    connection.execute("checkpoint fresh")
    connection.execute("detach fresh")
    connection.execute(f"attach {literal(path)} as fresh (read_only)")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _cut_for_database(history: PublishedHistory, *, limit: int) -> PublishedHistory:
    """Choose the dates of the history that the database of readers holds."""
    cut = replace(history, in_database=tuple(dates_for_database(history.rows, limit=limit)))
    if cut.is_cut:
        LOGGER.warning(
            "the history has %d rows, more than publish.history_rows = %d: %s holds %d of its %d "
            "dates, the last days and month ends; the Parquet partitions hold all",
            sum(history.rows.values()),
            limit,
            DATABASE_NAME,
            len(cut.in_database),
            len(history.rows),
        )
    return cut


def _audit(
    connection: duckdb.DuckDBPyConnection,
    counts: dict[str, int],
    history: PublishedHistory | None,
    *,
    parts_dir: Path,
    database_part: Path | None,
) -> None:
    """Compare what was written with what was to be written."""
    copies: list[tuple[str, str, int]] = []
    for table, expected in counts.items():
        in_database = expected
        if table == HISTORY and history:
            in_database = sum(history.rows[day] for day in history.in_database)
            _audit_partitions(connection, history, parts_dir=parts_dir, expected=expected)
        else:
            path = parts_dir / f"{table}.parquet"
            copies.append((str(path), f"read_parquet({literal(path)})", expected))
        if database_part:
            copies.append((f"{database_part} table {table}", f"fresh.main.{table}", in_database))
    for copy, relation, expected in copies:
        _compare(copy, _count(connection, f"select count(*) from {relation}"), expected)


def _audit_partitions(
    connection: duckdb.DuckDBPyConnection,
    history: PublishedHistory,
    *,
    parts_dir: Path,
    expected: int,
) -> None:
    files = {partition_file(parts_dir, day): rows for day, rows in history.rows.items()}
    found = rows_of(connection, files)
    for path, rows in files.items():
        _compare(str(path), found.get(path, 0), rows)
    _compare(str(parts_dir / HISTORY), sum(found.values()), expected)


def _compare(copy: str, found: int, expected: int) -> None:
    if found != expected:
        raise PublicationError(
            f"{copy} has {found} rows, the working table has {expected}; "
            "nothing was published; check the disk and run again"
        )


def _place_run(parts_dir: Path, run_dir: Path) -> None:
    if run_dir.exists():
        shutil.rmtree(run_dir)
    parts_dir.rename(run_dir)
    fsync(run_dir.parent)


def _swap(published: Path, database_part: Path, *, run_id: str, folders: Iterable[str]) -> None:
    database_part.replace(published / DATABASE_NAME)
    _flip_link(published / CURRENT_LINK, target=Path("runs") / run_id)
    _link_folders(published, folders)
    fsync(published)


def _flip_link(link: Path, *, target: Path) -> None:
    temporary = link.with_name(f"{_TEMPORARY}{link.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _link_folders(published: Path, names: Iterable[str]) -> None:
    """Give the folders of the current run names that stay; they follow the link to the run."""
    for name in names:
        link = published / name
        if (published / CURRENT_LINK / name).is_dir():
            if not link.is_symlink():
                _flip_link(link, target=Path(CURRENT_LINK) / name)
        else:
            link.unlink(missing_ok=True)


def _order(published: Path, *, newest: str | None = None) -> list[str]:
    """Give the names of the run folders, oldest publication first; unknown ones before, by name."""
    path = published / _ORDER
    noted = path.read_text(encoding="utf-8").split() if path.exists() else []
    position = {name: number for number, name in enumerate([*noted, *([newest] if newest else [])])}
    names = [path.name for path in (published / "runs").iterdir() if path.name[0] != "."]
    return sorted(names, key=lambda name: (position.get(name, -1), name))


def _write_order(published: Path, names: Iterable[str]) -> None:
    temporary = published / f"{_TEMPORARY}{_ORDER}"
    temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    fsync(temporary)
    temporary.replace(published / _ORDER)


def _prune(published: Path, *, keep: int) -> None:
    """Keep the last runs; the one that `current` points to always stays."""
    current = (published / CURRENT_LINK).resolve()
    for name in _order(published)[:-keep]:
        path = published / "runs" / name
        if path.resolve() != current:
            shutil.rmtree(path)
