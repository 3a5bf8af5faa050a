"""The preview of changed rules: who would move, on the facts of the last night.

Nothing of the night is touched: the models that depend on the changed seeds are run in a database
of their own, which is deleted when the moves are counted.
"""

import csv
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from dagster_project.lock import one_writer
from dagster_project.report.run_log import run_records
from dagster_project.report.summary import markdown_table
from dagster_project.rules import moves
from dagster_project.rules.noted import changed_since_night
from dagster_project.rules.overlay import (
    Overlay,
    PreviewError,
    create_database,
    open_both,
    run_models,
    write_project,
)
from dagster_project.rules.seeds import (
    Declared,
    changed_files,
    declared_seeds,
    read_seed,
)
from dagster_project.rules.validate import check_rules
from dagster_project.settings import Settings

LOGGER = logging.getLogger(__name__)

ROWS_AT_ONCE = 10_000
# What is computed between the models, from thresholds of the night.
PREDICTED = "clv_"


@dataclass(frozen=True)
class Preview:
    """What would move: a summary for people (Markdown), and every move as CSV."""

    summary: str
    moves_file: Path
    moved_customers: int


@dataclass(frozen=True)
class _Days:
    """The day of the facts, and the day whose rules are used."""

    facts: date
    rules: date


def preview(
    settings: Settings, rules_dir: Path, *, now: datetime, on: date | None = None
) -> Preview:
    """Run the models with the seeds of a folder laid over the shipped ones, and count the moves.

    on: judge by the rules in force on that day instead of the as-of date of the last run.
    Raises RulesError naming every fault of the folder, PreviewError if there is nothing to compare
    with, NightIsRunningError while a run holds the lock.
    """
    if not rules_dir.is_dir():
        raise PreviewError(
            f"{rules_dir} is no folder; expected a folder with the changed seeds, such as "
            "class_thresholds.csv"
        )
    if not changed_files(rules_dir):
        raise PreviewError(
            f"{rules_dir} has no CSV file; expected changed seeds, such as class_thresholds.csv; "
            "copy the file from seeds/ and change the copy"
        )
    check_rules(changed=rules_dir, bins=settings.rfm.bins)
    if settings.engine != "duckdb":
        raise PreviewError(
            f"engine is {settings.engine}; a preview needs the working DuckDB file of a night; "
            "run a night with engine: duckdb in a home of its own"
        )
    with one_writer(settings.work_dir, now=now, purpose="preview"):
        as_of = _as_of_night(settings)
        overlay = Overlay(folder=settings.work_dir / "preview", night=settings.work_db)
        shutil.rmtree(overlay.folder, ignore_errors=True)
        overlay.folder.mkdir(parents=True)
        try:
            return _preview(settings, overlay, rules_dir, now=now, days=_Days(as_of, on or as_of))
        finally:
            shutil.rmtree(overlay.folder, ignore_errors=True)


def _preview(
    settings: Settings, overlay: Overlay, rules_dir: Path, *, now: datetime, days: _Days
) -> Preview:
    declared = declared_seeds()
    files = {path.stem: path for path in changed_files(rules_dir)}
    changed = changed_since_night(settings, declared, files)
    changed |= {
        name: path
        for name, seed in declared.items()
        if _other_rules_hold(seed, path := files.get(name, seed.path), days)
    }
    write_project(overlay, changed, on=days.rules if days.rules != days.facts else None)
    create_database(overlay, without_seeds=list(changed))
    LOGGER.info("running the models that depend on %s", ", ".join(sorted(changed)) or "nothing")
    if changed:
        run_models(overlay, settings, seeds=sorted(changed))
    with open_both(overlay, settings) as connection:
        moves.find_moves(connection)
        name = f"preview_{now:%Y%m%dT%H%M%S}"
        settings.report_dir.mkdir(parents=True, exist_ok=True)
        moves_file = settings.report_dir / f"{name}.csv"
        _write_moves(connection, moves_file)
        summary = _summarise(
            connection,
            settings=settings,
            title=f"# Preview of changed rules 规则预览 · {rules_dir}",
            notes=_notes(connection, settings, declared, changed, days=days, files=files),
            moves_file=moves_file,
        )
        (settings.report_dir / f"{name}.md").write_text(summary, encoding="utf-8")
        row = connection.execute(
            "select count(distinct record_key) from moves where subject = 'customer'"
        ).fetchone()
    return Preview(
        summary=summary, moves_file=moves_file, moved_customers=int(row[0]) if row else 0
    )


def _other_rules_hold(declared: Declared, path: Path, days: _Days) -> bool:
    """Whether a seed says something else on the day of the rules than on that of the facts."""
    if days.rules == days.facts or not declared.is_dated:
        return False
    seed, _ = read_seed(declared, path, label=str(path))
    return seed is not None and seed.rows_on(days.rules) != seed.rows_on(days.facts)


def _as_of_night(settings: Settings) -> date:
    """Give the newest date that the working database holds the classes of."""
    wanted = {"customer_classification", "prospect_classification", "int_customers__buyers"}
    found: set[str] = set()
    as_of: date | None = None
    if settings.work_db.exists():
        with duckdb.connect(str(settings.work_db), read_only=True) as connection:
            rows = connection.execute("select table_name from duckdb_tables()").fetchall()
            found = {row[0] for row in rows}
            if wanted <= found:
                newest = connection.execute(
                    "select max(as_of_date) from main.customer_classification"
                ).fetchone()
                as_of = newest[0] if newest else None
    if as_of is None:
        raise PreviewError(
            f"{settings.work_db} does not hold the classes of a night; a preview compares with "
            "the last one; run `make run` first"
        )
    return as_of


def _notes(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    declared: dict[str, Declared],
    changed: dict[str, Path],
    *,
    days: _Days,
    files: dict[str, Path],
) -> list[str]:
    notes = [
        f"Facts as of 事实截至 **{days.facts}**, rules as of 规则截至 **{days.rules}**.",
        f"Money in 本位币 **{settings.base_currency}**: net in the window and lifetime net.",
        "Changed seeds 变更的规则文件: "
        + (", ".join(f"`{name}`" for name in sorted(changed)) or "(none 无)"),
    ]
    beside = sorted(set(changed) - set(files))
    if beside and days.rules == days.facts:
        notes.append(
            f"Changed in seeds/ since the last run, and counted here too: {', '.join(beside)}."
        )
    thresholds = moves.changed_thresholds(connection)
    notes += [f"- `{name}`: {before} → {after}" for name, before, after in thresholds]
    if any(name.startswith(PREDICTED) for name, _, _ in thresholds):
        notes.append("Predicted values are those of the night: clv_… thresholds show in a run.")
    if days.rules == days.facts:
        notes += [
            f"`{name}` has rows that begin after {days.facts} and move nobody yet; "
            f"preview them with ON={later}."
            for name in sorted(set(changed) & set(files))
            if (later := _begins_after(declared[name], changed[name], days.facts))
        ]
    records = run_records(settings)
    if records and records[-1].status == "failed":
        notes.append("The last run failed: what it left half done shows as moves. Run it again.")
    return notes


def _begins_after(declared: Declared, path: Path, day: date) -> date | None:
    """Give the first day after another on which a row of a seed begins to hold."""
    seed, _ = read_seed(declared, path, label=str(path))
    return (
        min((later for later in seed.days_of_change() if later > day), default=None)
        if seed
        else None
    )


def _summarise(
    connection: duckdb.DuckDBPyConnection,
    *,
    settings: Settings,
    title: str,
    notes: Sequence[str],
    moves_file: Path,
) -> str:
    dimensions = connection.execute(moves.DIMENSIONS).fetchall()
    parts = [title, *notes, "## Moved 变动合计", markdown_table(connection, moves.TOTALS)]
    if dimensions:
        parts += ["## By dimension 按维度", markdown_table(connection, moves.DIMENSIONS)]
    for subject, dimension, *_ in dimensions:
        parts += [
            f"## {dimension} ({subject})",
            markdown_table(connection, moves.WAYS, (subject, dimension)),
        ]
    relabelled = connection.execute(moves.RELABELLED).fetchall()
    if relabelled:
        parts += ["## Labels 标签", markdown_table(connection, moves.RELABELLED)]
    parts += [
        f"Every move 全部变动: `{moves_file}`",
        f"Nothing was published; `{settings.published_dir}` is as it was. 未发布任何内容。",
    ]
    return "\n\n".join(parts) + "\n"


def _write_moves(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write every move; with a byte order mark, or spreadsheets misread the Chinese."""
    cursor = connection.execute(moves.EVERY_MOVE)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(moves.COLUMNS)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            writer.writerows(rows)
