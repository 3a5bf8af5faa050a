"""Publish the marts of the working database: one DuckDB file and one Parquet folder per run.

What belongs here: copying, swapping, pruning. What does not: any computation; a table is published
as the models left it.

A publication is prepared under a temporary name and swapped in with a rename, so that a reader or
a killed process never meets half of one. Readers with the old file open keep reading it. What else
people read of a night lies in the folder of its run, and is swapped in with it.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from dagster_project.settings import Settings
from dagster_project.transform.dbt import memory_limit

LOGGER = logging.getLogger(__name__)

# The oldest storage format that holds our types, so that BI drivers on DuckDB 1.2 can open it.
STORAGE_VERSION = "v1.2.0"
DATABASE_NAME = "kefen.duckdb"
CURRENT_LINK = "current"
DATA_DOCS = "data_docs"
FIX_LISTS = "fix_lists"
_TEMPORARY = ".publishing-"


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
    run_dir = published / "runs" / run_id
    parts_dir = published / "runs" / f"{_TEMPORARY}{run_id}"
    database_part = published / f"{_TEMPORARY}{run_id}.duckdb"
    parts_dir.mkdir()

    with duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit(settings),
            "temp_directory": str(settings.work_dir / "duckdb_tmp"),
            "preserve_insertion_order": False,
        },
    ) as connection:
        connection.execute(f"attach '{_quoted(settings.work_db)}' as work (read_only)")
        tables = _tables(connection)
        if not tables:
            raise PublicationError(
                f"{settings.work_db} has no table in schema main; expected the marts; "
                "run the models first"
            )
        for table in tables:
            connection.execute(
                f"copy work.main.{table} to '{_quoted(parts_dir / table)}.parquet' "
                "(format parquet, compression zstd, compression_level 1)"
            )
        if replace_current:
            connection.execute(
                f"attach '{_quoted(database_part)}' as fresh (storage_version '{STORAGE_VERSION}')"
            )
            for table in tables:
                connection.execute(f"create table fresh.main.{table} as from work.main.{table}")
            connection.execute("checkpoint fresh")
            connection.execute("detach fresh")
            # Read again from the file that readers will open.
            connection.execute(f"attach '{_quoted(database_part)}' as fresh (read_only)")
        counts = {
            table: _count(connection, f"select count(*) from work.main.{table}") for table in tables
        }
        _audit(
            connection,
            counts,
            parts_dir=parts_dir,
            database_part=database_part if replace_current else None,
        )

    folders = folders or {}
    if replace_current:
        for name, fill in folders.items():
            fill(parts_dir / name)
    _fsync_tree(parts_dir)
    if replace_current:
        _fsync(database_part)
    with beside(database_part) if beside and replace_current else nullcontext() as other:
        _place_run(parts_dir, run_dir)
        if replace_current:
            database_part.replace(published / DATABASE_NAME)
            _flip_link(published / CURRENT_LINK, target=Path("runs") / run_id)
            _link_folders(published, folders)
            _fsync(published)
    if replace_current:
        _prune(published, keep=settings.publish.keep_runs)
    return Publication(
        run_id=run_id,
        tables=counts,
        run_dir=run_dir,
        database=published / DATABASE_NAME if replace_current else None,
        beside=other,
    )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables() "
        "where database_name = 'work' and schema_name = 'main' order by table_name"
    ).fetchall()
    return [row[0] for row in rows]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _audit(
    connection: duckdb.DuckDBPyConnection,
    counts: dict[str, int],
    *,
    parts_dir: Path,
    database_part: Path | None,
) -> None:
    """Compare what was written with what was to be written."""
    for table, expected in counts.items():
        path = parts_dir / f"{table}.parquet"
        copies = {str(path): f"read_parquet('{_quoted(path)}')"}
        if database_part:
            copies[f"{database_part} table {table}"] = f"fresh.main.{table}"
        for copy, relation in copies.items():
            found = _count(connection, f"select count(*) from {relation}")
            if found != expected:
                raise PublicationError(
                    f"{copy} has {found} rows, the working table has {expected}; "
                    "nothing was published; check the disk and run again"
                )


def _place_run(parts_dir: Path, run_dir: Path) -> None:
    if run_dir.exists():
        shutil.rmtree(run_dir)
    parts_dir.rename(run_dir)
    _fsync(run_dir.parent)


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


def _prune(published: Path, *, keep: int) -> None:
    """Keep the last runs; the one that `current` points to always stays."""
    current = (published / CURRENT_LINK).resolve()
    runs = sorted(
        (path for path in (published / "runs").iterdir() if not path.name.startswith(".")),
        key=lambda path: path.name,
        reverse=True,
    )
    for path in runs[keep:]:
        if path.resolve() != current:
            shutil.rmtree(path)


def _fsync_tree(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _fsync_tree(path)
        else:
            _fsync(path)
    _fsync(folder)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
