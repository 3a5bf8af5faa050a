"""What the tests of whole nights share: a small world, a night in this process, equal tables."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import yaml
from dagster import DagsterInstance  # noqa: TID251

from dagster_project.backfill import IN_CHUNKS, RunDbt, compute_history
from dagster_project.defs.run import run_job
from dagster_project.night import (
    Finished,
    complete_manifest,
    explain_changes,
    finish,
    predict,
    prepare,
    run_id_of,
)
from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.dbt import dbt_environment

# Values of a run, not of the data.
RUN_COLUMNS = {"run_id", "loaded_at", "started_at", "finished_at"}
RUN_TABLES = {"run_log"}
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
SOURCES = ("zoho", "fxiaoke", "feeds")


class DbtFailedError(Exception):
    """A model or a data test of a light night failed; the message says which and why."""


def demo_settings(home: Path, **changes: object) -> Settings:
    sources = {
        "zoho": {"format": "zoho", "path": "exports/zoho", "currency": "CNY", "money": "orders"},
        "fxiaoke": {
            "format": "fxiaoke",
            "path": "exports/fxiaoke",
            "currency": "CNY",
            "money": "orders",
        },
        "feeds": {"format": "feeds", "path": "exports/feeds", "mode": "delta", "currency": "CNY"},
    }
    return Settings.model_validate({"home": home, "sources": sources, **changes})


def deliver(world: Path, settings: Settings, day: date) -> None:
    """Copy one night's drops into the exports folder."""
    for source in SOURCES:
        drop = world / source / day.isoformat()
        if drop.exists():
            shutil.copytree(drop, settings.home / "exports" / source / day.isoformat())


def edit_member(archive: Path, member: str, change: Callable[[str], str]) -> None:
    """Change the text of one file of a zip archive."""
    with zipfile.ZipFile(archive) as source:
        texts = {name: source.read(name) for name in source.namelist()}
    before = texts[member].decode()
    after = change(before)
    assert after != before, f"nothing to change in {member}"
    texts[member] = after.encode()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in texts.items():
            target.writestr(name, content)


def start_command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line on a home of its own, in a process group of its own."""
    config = settings.home / "kefen.yml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KEFEN_", "DBT_", "DAGSTER_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "dagster_project", *arguments],
        cwd=PROJECT_DIR,
        env=kept | {"KEFEN_CONFIG": str(config), "DO_NOT_TRACK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_command(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run the command line; give its exit code and what it said."""
    with start_command(settings, *arguments) as process:
        said, _ = process.communicate(timeout=300)
    return process.returncode, said


def run_night(
    settings: Settings,
    *,
    as_of: date | None = None,
    known: date | None = None,
    date_range: tuple[date, date] | None = None,
    now: datetime = NOW,
) -> str:
    """Run the job as the command line does: Dagster, dbt as a child, Great Expectations."""
    with DagsterInstance.ephemeral() as instance:
        return run_job(
            settings,
            job_name="backfill" if date_range else "nightly",
            started_at=now,
            as_of=as_of,
            known=known,
            date_range=date_range,
            instance=instance,
        )


def run_light_night(
    settings: Settings,
    *,
    as_of: date | None = None,
    known: date | None = None,
    date_range: tuple[date, date] | None = None,
    now: datetime = NOW,
    data_tests: bool = True,
    dbt: RunDbt | None = None,
) -> Finished:
    """Run the same steps in a third of the time: no Dagster, dbt in this process, no gate.

    data_tests: False leaves out the data tests of the models, a quarter of the time.
    dbt: what runs the models of a chunk of history instead of run_dbt_here.
    Raises DbtFailedError naming the models and data tests that failed.
    """
    prepare(settings, now=now, as_of=as_of, known=known, date_range=date_range)
    left_out = () if data_tests else ("--exclude-resource-type", "test")
    _dbt_build(settings, "--select", "tag:records", "--indirect-selection", "cautious", *left_out)
    complete_manifest(settings)
    compute_history(settings, dbt=dbt or run_dbt_here)
    predict(settings)
    _dbt_build(settings, "--select", "tag:classes", *left_out)
    explain_changes(settings)
    return finish(settings, run_id=run_id_of(now), started_at=now)


def run_dbt_here(settings: Settings, arguments: Sequence[str]) -> None:
    """Run a dbt command of a chunk of history in this process."""
    with mock.patch.dict(os.environ, dbt_environment(settings)), _no_dbt_connection():
        _invoke(*arguments, manifest=_parsed(**IN_CHUNKS))


def _dbt_build(settings: Settings, *arguments: str) -> None:
    with mock.patch.dict(os.environ, dbt_environment(settings)), _no_dbt_connection():
        _invoke("build", "--exclude-resource-type", "unit_test", *arguments, manifest=_parsed())


@cache
def _parsed(**variables: str) -> Any:
    """Parse the project once per test process; the work file's name is part of the result."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dbt_environment(demo_settings(Path(folder))) | variables
        with mock.patch.dict(os.environ, environment), _no_dbt_connection():
            parsed = _invoke("parse")
    # The project stays until the end: garbage collections need not look through it each time.
    gc.freeze()
    return parsed


def _invoke(command: str, *arguments: str, manifest: Any = None) -> Any:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    quiet = ("--quiet", "--no-write-json", "--log-level-file", "none")
    places = ("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR / "dbt"))
    done = dbtRunner(manifest=manifest).invoke([*quiet, command, *places, *arguments])
    if not done.success:
        failed = [
            f"{result.node.name}: {result.message}"
            for result in getattr(done.result, "results", [])
            if result.status in {"error", "fail"}
        ]
        raise DbtFailedError("\n".join(failed) or str(done.exception))
    return done.result


@contextmanager
def _no_dbt_connection() -> Iterator[None]:
    """Close what dbt leaves open in this process: it would lock the working database."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415
    from dbt.adapters.factory import reset_adapters  # noqa: PLC0415

    try:
        yield
    finally:
        reset_adapters()
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager.close_all_connections()


def published(home: Path) -> Path:
    """Name the database that readers open."""
    return home / "published" / "kefen.duckdb"


def query(database: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Read a database as a reader does."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql, list(values)).fetchall()


def tables_of(database: Path) -> list[str]:
    rows = query(
        database, "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
    )
    return [row[0] for row in rows]


def differences(first: Path, second: Path, *, tables: set[str] | None = None) -> list[str]:
    """Name the tables that differ between two databases, with the rows of either side."""
    found = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{first}' as a (read_only)")
        connection.execute(f"attach '{second}' as b (read_only)")
        names = sorted(set(tables_of(first)) | set(tables_of(second)))
        for name in names:
            if name in RUN_TABLES or (tables is not None and name not in tables):
                continue
            columns = [
                row[0]
                for row in connection.execute(
                    "select column_name from duckdb_columns() where database_name = 'a' "
                    "and schema_name = 'main' and table_name = ? order by column_index",
                    (name,),
                ).fetchall()
                if row[0] not in RUN_COLUMNS
            ]
            selected = ", ".join(f'"{column}"' for column in columns)
            extra = [
                connection.execute(
                    f"select * from (select {selected} from {left}.main.{name} "
                    f"except all select {selected} from {right}.main.{name}) limit 3"
                ).fetchall()
                for left, right in (("a", "b"), ("b", "a"))
            ]
            if any(extra):
                found.append(f"{name}: only in first {extra[0]}, only in second {extra[1]}")
    return found
