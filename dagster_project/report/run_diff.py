"""What differs between two published runs: the rows of each table, and who moved between classes.

Everything is computed on the Parquet of the two folders. Partitions of the history that both runs
share are one file, and equal without a look.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from dagster_project.ingest.sql import literal, path_list
from dagster_project.publish.history import rows_of
from dagster_project.report.data_dictionary import key_of, published_models
from dagster_project.report.row_diff import Counts, compare, create_tables, note_moves, types_of
from dagster_project.report.summary import markdown_table
from dagster_project.rules.seeds import declared_seeds
from dagster_project.settings import Settings
from dagster_project.transform.dbt import memory_limit
from dagster_project.transform.history import (
    CURRENT_LINK,
    HISTORY,
    IDENTITY,
    current_run,
    partitions,
    table_files,
)

LOGGER = logging.getLogger(__name__)

CLASSIFICATION = "customer_classification"
AS_OF = "as_of_date"
# Values of a run, not of the data.
RUN_COLUMNS = {"run_id", "loaded_at", "started_at", "finished_at"}
SHOWN_MOVES = 40
SHOWN_COLUMNS = 5


class NoRunError(Exception):
    """There is no such run; the message names those there are."""


@dataclass(frozen=True)
class RunDiff:
    """The differences of two runs: a summary for people (Markdown), every row and move as CSV."""

    summary: str
    rows_file: Path
    moves_file: Path
    differing_tables: tuple[str, ...]


def diff_runs(settings: Settings, run_a: str, run_b: str) -> RunDiff:
    """Compare two runs by the names of their folders; `current` is the newest publication.

    Raises NoRunError naming the runs there are.
    """
    folder_a, folder_b = (_run_folder(settings, name) for name in (run_a, run_b))
    name = f"diff_{folder_a.name}_{folder_b.name}"
    rows_file = settings.report_dir / f"{name}.csv"
    moves_file = settings.report_dir / f"{name}_moves.csv"
    settings.report_dir.mkdir(parents=True, exist_ok=True)
    with _open(settings) as connection:
        found, by_date = _compare_folders(connection, folder_a, folder_b)
        _write_csv(connection, "select * from differences order by all", rows_file)
        _write_csv(connection, "select * from moves order by all", moves_file)
        summary = _summarise(
            connection,
            found,
            by_date,
            title=[
                "# Difference of two runs 两次运行的差异",
                f"A: `{folder_a.name}`, as of 截至 **{_newest(connection, folder_a)}**",
                f"B: `{folder_b.name}`, as of 截至 **{_newest(connection, folder_b)}**",
            ],
            files=[
                f"Every row, but whole dates 全部差异行（整日除外）: `{rows_file}`",
                f"Every move 全部变动: `{moves_file}`",
            ],
        )
    (settings.report_dir / f"{name}.md").write_text(summary, encoding="utf-8")
    return RunDiff(
        summary=summary,
        rows_file=rows_file,
        moves_file=moves_file,
        differing_tables=tuple(table for table, counts in found.items() if not counts.is_equal),
    )


def _run_folder(settings: Settings, name: str) -> Path:
    runs = settings.published_dir / "runs"
    folders = {path.name: path for path in runs.glob("[!.]*") if path.is_dir()}
    if name == CURRENT_LINK:
        name = current_run(settings) or name
    if name not in folders:
        there = "\n".join(f"  {run}" for run in sorted(folders, reverse=True)) or "  (none 无)"
        raise NoRunError(
            f"no run is called {name!r} in {runs}; expected `{CURRENT_LINK}` or one of\n{there}\n"
            "older runs are pruned, see publish.keep_runs"
        )
    return folders[name]


@contextmanager
def _open(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database that spills to a folder of its own: a night may be running."""
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="diff_", dir=settings.work_dir) as folder,
        duckdb.connect(
            config={
                "memory_limit": memory_limit(settings),
                "temp_directory": folder,
                "preserve_insertion_order": False,
            }
        ) as connection,
    ):
        create_tables(connection)
        connection.execute(
            "create temp table labels (dimension varchar, code varchar, label varchar)"
        )
        yield connection


def _compare_folders(
    connection: duckdb.DuckDBPyConnection, folder_a: Path, folder_b: Path
) -> tuple[dict[str, Counts], dict[date, Counts]]:
    """Compare every table; give what differs by table, and of the history by date."""
    models = published_models()
    dimensions = [
        column["name"] for column in models[HISTORY]["columns"] if column["name"] not in IDENTITY
    ]
    found: dict[str, Counts] = {}
    by_date: dict[date, Counts] = {}
    for table in sorted(_tables(folder_a) | _tables(folder_b)):
        files_a, files_b = (table_files(folder, table) for folder in (folder_a, folder_b))
        counts = Counts(rows_a=_rows(connection, files_a), rows_b=_rows(connection, files_b))
        found[table] = counts
        if counts.rows_a is None or counts.rows_b is None:
            counts.notes.append(
                "only in A 仅 A 有" if counts.rows_b is None else "only in B 仅 B 有"
            )
            continue
        if table == HISTORY:
            by_date = _compare_history(connection, folder_a, folder_b, dimensions)
            for of_date in by_date.values():
                counts.add(of_date)
            continue
        key = _key(table, models)
        relation_a, relation_b = _relation(files_a), _relation(files_b)
        days = [_only_date(connection, relation) for relation in (relation_a, relation_b)]
        left_out = set(RUN_COLUMNS) - set(key) if key else set()
        if days[0] and days[1] and days[0] != days[1] and key != [AS_OF]:
            # Each holds its own date only: it is the records that are compared.
            left_out.add(AS_OF)
        counts.add(
            compare(
                connection,
                table,
                relation_a,
                relation_b,
                key=[column for column in key if column not in left_out],
                left_out=left_out,
            )
        )
        if table == CLASSIFICATION:
            note_moves(connection, table, counts, dimensions, day=days[1])
            for relation in (relation_a, relation_b):
                _note_labels(connection, relation, dimensions)
    return found, by_date


def _compare_history(
    connection: duckdb.DuckDBPyConnection,
    folder_a: Path,
    folder_b: Path,
    dimensions: Sequence[str],
) -> dict[date, Counts]:
    """Compare the history by date; the rows of a date that only one has are counted, not listed."""
    files_a, files_b = partitions(folder_a), partitions(folder_b)
    by_date_a, by_date_b = (_rows_by_date(connection, folder) for folder in (folder_a, folder_b))
    found = {}
    for day in sorted(by_date_a.keys() | by_date_b.keys()):
        if day in files_a and day in files_b and files_a[day].samefile(files_b[day]):
            continue
        counts = Counts(rows_a=by_date_a.get(day), rows_b=by_date_b.get(day))
        if counts.rows_a is None or counts.rows_b is None:
            counts.only_in_a, counts.only_in_b = counts.rows_a or 0, counts.rows_b or 0
        else:
            counts.add(
                compare(
                    connection,
                    HISTORY,
                    _relation_of_date(folder_a, day),
                    _relation_of_date(folder_b, day),
                    key=[AS_OF, "customer_key"],
                    left_out=set(),
                )
            )
            note_moves(connection, HISTORY, counts, dimensions, day=day)
        if not counts.is_equal:
            found[day] = counts
    return found


def _note_labels(
    connection: duckdb.DuckDBPyConnection, relation: str, dimensions: Sequence[str]
) -> None:
    """Read the labels of classes from a table that has them."""
    columns = types_of(connection, relation)
    for name in dimensions:
        zh, en = f"{name}_label_zh", f"{name}_label_en"
        if {name, zh, en} <= columns.keys():
            connection.execute(
                f"insert into labels select distinct '{name}', {name}, {zh} || ' ' || {en} "
                f"from {relation}"
            )


def _summarise(
    connection: duckdb.DuckDBPyConnection,
    found: dict[str, Counts],
    by_date: dict[date, Counts],
    *,
    title: Sequence[str],
    files: Sequence[str],
) -> str:
    differing = {table: counts for table, counts in found.items() if not counts.is_equal}
    parts = [
        *title,
        "## Tables 表",
        f"Equal 相同: {len(found) - len(differing)}, different 不同: {len(differing)}",
    ]
    if differing:
        parts.append(_counts_table("table 表", differing))
    if by_date:
        parts += ["## History by date 历史按日期", _counts_table("as_of_date 截至", by_date)]
    tables = connection.execute("select distinct table_name from moves order by 1").fetchall()
    for (table,) in tables:
        parts += [f"## Moves 变动: {table}", markdown_table(connection, MOVES, (table,))]
        row = connection.execute(
            "select count(*) from moves where table_name = ?", [table]
        ).fetchone()
        if row and row[0] > SHOWN_MOVES:
            parts.append(f"The largest 前 {SHOWN_MOVES} / {row[0]:,}.")
    return "\n\n".join([*parts, *files]) + "\n"


MOVES = f"""
    select
        moves.as_of_date as "as_of_date 截至",
        moves.dimension as "dimension 维度",
        coalesce(max(from_labels.label), moves.from_value) as "from 从",
        coalesce(max(to_labels.label), moves.to_value) as "to 到",
        max(moves.customers) as "customers 客户"
    from moves
    left join labels as from_labels
        on moves.dimension = from_labels.dimension and moves.from_value = from_labels.code
    left join labels as to_labels
        on moves.dimension = to_labels.dimension and moves.to_value = to_labels.code
    where moves.table_name = ?
    group by moves.as_of_date, moves.dimension, moves.from_value, moves.to_value
    order by max(moves.customers) desc, moves.as_of_date desc, moves.dimension, 3, 4
    limit {SHOWN_MOVES}
"""


def _counts_table(heading: str, found: dict[str, Counts] | dict[date, Counts]) -> str:
    lines = [
        f"| {heading} | A | B | only in A 仅 A | only in B 仅 B | changed 变更 | columns 列 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, counts in found.items():
        columns = [
            f"{column} {number:,}" for column, number in counts.columns.most_common(SHOWN_COLUMNS)
        ]
        if len(counts.columns) > SHOWN_COLUMNS:
            columns.append("…")
        numbers = (
            "" if number is None else f"{number:,}"
            for number in (
                *(counts.rows_a, counts.rows_b),
                *(counts.only_in_a, counts.only_in_b, counts.changed),
            )
        )
        remarks = "; ".join([*counts.notes, ", ".join(columns)]) if columns else ""
        lines.append(f"| {name} | {' | '.join(numbers)} | {remarks or '; '.join(counts.notes)} |")
    return "\n".join(lines)


def _write_csv(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write rows; with a byte order mark, or spreadsheets misread the Chinese."""
    plain = path.with_suffix(".csv.tmp")
    connection.execute(f"copy ({query}) to {literal(plain)} (format csv, header)")
    marked = path.with_suffix(".csv.new")
    with plain.open("rb") as source, marked.open("wb") as target:
        target.write("\ufeff".encode())
        shutil.copyfileobj(source, target)
    plain.unlink()
    marked.replace(path)


def _tables(folder: Path) -> set[str]:
    found = {path.stem for path in folder.glob("*.parquet")}
    return found | ({HISTORY} if partitions(folder) else set())


def _key(table: str, models: dict[str, dict[str, object]]) -> list[str]:
    """Give the key of a table: of its test of uniqueness, or what is declared of a seed."""
    if table in models:
        return key_of(models[table])
    seed = declared_seeds().get(table)
    if seed is None:
        return []
    return [*seed.expected.key, *(["valid_from"] if seed.is_dated else [])]


def _rows(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int | None:
    return sum(rows_of(connection, files).values()) if files else None


def _rows_by_date(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[date, int]:
    """Count the rows of the history by date; of partitions from their footers."""
    if files := partitions(folder):
        rows = rows_of(connection, files.values())
        return {day: rows[path] for day, path in files.items()}
    relation = _relation(table_files(folder, HISTORY))
    return dict(
        connection.execute(f"select {AS_OF}, count(*) from {relation} group by all").fetchall()
    )


def _relation(files: Sequence[Path]) -> str:
    return (
        f"read_parquet({path_list(list(files))}, union_by_name = true, hive_partitioning = false)"
    )


def _relation_of_date(folder: Path, day: date) -> str:
    by_date = partitions(folder)
    if day in by_date:
        return _relation([by_date[day]])
    return f"(select * from {_relation(table_files(folder, HISTORY))} where {AS_OF} = '{day}')"


def _only_date(connection: duckdb.DuckDBPyConnection, relation: str) -> date | None:
    """Give the as-of date of a table that holds one."""
    if AS_OF not in types_of(connection, relation):
        return None
    row = connection.execute(f"select min({AS_OF}), max({AS_OF}) from {relation}").fetchone()
    return row[0] if row and row[0] == row[1] else None


def _newest(connection: duckdb.DuckDBPyConnection, folder: Path) -> date | None:
    files = table_files(folder, CLASSIFICATION)
    return _only_date(connection, _relation(files)) if files else None
