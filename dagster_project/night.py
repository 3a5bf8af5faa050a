"""The steps of a night, as plain functions that Dagster wraps: prepare, judge, predict, finish.

What belongs here: the order of things and what one step hands to the next (the working database).
How each thing is done stands in ingest/, transform/, expectations/ and publish/.
"""

import logging
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dagster_project import preflight
from dagster_project.changes.causes import copy_changes, find_changes, restore_changes
from dagster_project.changes.pairs import neighbours
from dagster_project.clv.predictions import Asked, Predicted
from dagster_project.clv.predictions import predict as predict_values
from dagster_project.demo.exports import write_demo_exports
from dagster_project.ingest import views
from dagster_project.ingest.load import load_exports
from dagster_project.ingest.sql import rows_by_table
from dagster_project.normalise.step import normalise
from dagster_project.publish.publication import (
    DATA_DOCS,
    FIX_LISTS,
    Beside,
    Publication,
    PublicationError,
    publish,
    remove_leftovers,
)
from dagster_project.report.attention import find_attention
from dagster_project.report.fix_lists import write_fix_lists
from dagster_project.report.run_log import (
    RUN_LOG,
    RunRecord,
    RunStatus,
    kept_ranges,
    restore_run_log,
    run_records,
    write_run_record,
)
from dagster_project.report.run_notes import notes_of, read_notes, write_notes
from dagster_project.report.summary import summarise
from dagster_project.rules.noted import days_of_new_rules, note_rules
from dagster_project.rules.validate import check_rules
from dagster_project.settings import Settings
from dagster_project.transform.context import (
    AsOf,
    Exports,
    RunDay,
    knowledge_date,
    run_dates,
)
from dagster_project.transform.dbt import memory_limit
from dagster_project.transform.engines import Engine, engine_of
from dagster_project.transform.engines.duckdb import open_work_db
from dagster_project.transform.history import (
    HISTORY,
    expired,
    note_backfill,
    note_backfills_logged,
    read_note,
)
from expectations.custom import counts_and_violations, load_custom_rules
from expectations.rules import Rule, Stage
from expectations.runner import CheckResult

LOGGER = logging.getLogger(__name__)


class NothingToDoError(Exception):
    """There is no export to work on."""


@dataclass(frozen=True)
class Prepared:
    """What was landed and which dates the run computes: the published one, and history."""

    files_new: int
    bytes_new: int
    rows_read: int
    dates: list[AsOf]
    history_dates: int = 0


@dataclass(frozen=True)
class Finished:
    """The publication and its summary for people (Markdown)."""

    publication: Publication
    summary: str


def run_id_of(started_at: datetime) -> str:
    """Name a run by its start; names sort by time."""
    return started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def prepare(
    settings: Settings,
    *,
    now: datetime,
    as_of: date | None = None,
    known: date | None = None,
    date_range: tuple[date, date] | None = None,
) -> Prepared:
    """Land the complete drops, register and normalise them for the models, and fix the dates.

    Raises RulesError naming every fault of the seeds, PublicationError if a place to publish to
    lacks its client or URL and PreflightError naming what there is no room for before anything is
    read, NothingToDoError if no export was ever landed or a date is asked for that none tells of.
    """
    check_rules(bins=settings.rfm.bins)
    _beside(settings)
    # What the night before said of its tables; the docs are of one run.
    shutil.rmtree(settings.validations_dir, ignore_errors=True)
    ensure_exports(settings)
    preflight.check(settings)
    bytes_new = preflight.new_drop_bytes(settings)
    report = load_exports(settings, now=now, known=known)
    exports = _exports(settings, known)
    if exports is None:
        raise _nothing_loaded(settings, known)
    engine = engine_of(settings)
    asked = _days(exports, as_of=as_of, known=known, date_range=date_range)
    if asked[-1] > (told := report.newest_drop_date or exports.newest):
        raise NothingToDoError(
            f"{asked[-1]} was asked for, which no export tells of yet; expected a date up to that "
            f"of the newest drop, {told}"
        )
    published, history = (
        _days_of_range(engine, asked, known=known)
        if date_range
        else _days_of_night(engine, asked[0], known=known, lookback_days=settings.lookback_days)
    )
    if published.known != known:
        # The published date is another one than those that were asked for: it knows all exports.
        known = None
        exports = _exports(settings, known) or exports
    history_dates = engine.history_dates()
    if date_range or (as_of and history_dates and as_of < max(history_dates)):
        # Dates in the past that somebody asked for.
        note_backfill(settings, (min(asked), max(asked)))
    restore_changes(settings)
    beside = neighbours(settings, history_dates, [published.as_of_date], newest=exports.newest)
    dates = run_dates(
        [published.as_of_date],
        exports=exports,
        settings=settings,
        known=published.known,
        compared=beside.missing,
    )
    notes = notes_of(
        report,
        settings,
        run_id=run_id_of(now),
        today=now.astimezone(ZoneInfo(settings.business_time_zone)).date(),
        is_newest_asked=as_of is None and known is None and date_range is None,
    )
    newest = {"as_of_date": dates[-1].as_of_date, "knowledge_date": dates[-1].knowledge_date}
    write_notes(settings, notes.model_copy(update=newest))
    engine.register(dates, known=known, days=[*history, published])
    normalise(engine)
    return Prepared(
        files_new=len(report.landed),
        bytes_new=bytes_new,
        rows_read=report.rows_read,
        dates=dates,
        history_dates=len(history),
    )


def _exports(settings: Settings, known: date | None) -> Exports | None:
    """Give the first and the newest export that are loaded, up to a date; None: there is none.

    A drop that is dated after the day of the run is none, whatever its source lets it pass for.
    """
    loaded = [
        audit.export_date for audit in views.read_audits(settings, known) if not audit.is_future
    ]
    return Exports(first=min(loaded), newest=max(loaded)) if loaded else None


def _nothing_loaded(settings: Settings, known: date | None) -> NothingToDoError:
    """Say why there is no export to work on."""
    landed = sorted({audit.export_date for audit in views.read_audits(settings, None)})
    if landed and known is not None and known < landed[0]:
        return NothingToDoError(
            f"KNOWN={known} is before the first export loaded; expected a date from {landed[0]}"
        )
    if landed:
        return NothingToDoError(
            f"every drop is dated after today: {', '.join(map(str, landed[:5]))}; correct the "
            "dates of the folders, or export_date_shift_days of the source"
        )
    folders = ", ".join(str(settings.source_dir(name)) for name in settings.sources)
    return NothingToDoError(
        f"no complete drop was found in {folders}; expected <folder>/<YYYY-MM-DD>/… with a "
        "_SUCCESS marker or files at rest for a minute"
    )


def _days_of_range(
    engine: Engine, asked: Sequence[date], *, known: date | None
) -> tuple[RunDay, list[RunDay]]:
    """Give the newest date in history, which is published, and the others of the range.

    If it is not of the range, what is known of it is not bounded by `known`.
    """
    newest = max(engine.history_dates(), default=None)
    history = [RunDay(day, "asked", known) for day in asked]
    if newest and newest > asked[-1]:
        return RunDay(newest, "published"), history
    return RunDay(asked[-1], "published", known), history[:-1]


def _days_of_night(
    engine: Engine, as_of: date, *, known: date | None, lookback_days: int
) -> tuple[RunDay, list[RunDay]]:
    """Give the date of a night, and those before it that late facts may change, if in history."""
    oldest = min(engine.history_dates(), default=None)
    looked_at = [as_of - timedelta(days=back) for back in range(lookback_days, 0, -1)]
    history = [RunDay(day, "lookback") for day in looked_at if oldest and day >= oldest]
    return RunDay(as_of, "published", known), history


def ensure_exports(settings: Settings) -> None:
    """In demo mode write example exports if there are none."""
    if not settings.demo or any(settings.source_dir(name).exists() for name in settings.sources):
        return
    LOGGER.info("demo: writing example exports of %d customers", settings.demo_customers)
    write_demo_exports(settings.home / "exports", customers=settings.demo_customers)


def judge(settings: Settings, *, stage: Stage, rules: Sequence[Rule]) -> list[CheckResult]:
    """Judge the rules of a stage on the newest date of the run.

    What rules of a user's own find among the records is stored for the models.
    """
    engine = engine_of(settings)
    results = engine.judge(stage=stage, rules=rules)
    if stage == "records":
        _store_custom(engine, results, rules)
    return results


def _store_custom(engine: Engine, results: Sequence[CheckResult], rules: Sequence[Rule]) -> None:
    """Store what custom rules find, and the errors of all rules that could not be judged."""
    customs = load_custom_rules()
    by_key = {(rule.rule_id, rule.entity): rule for rule in rules}
    judged, errors = [], []
    for result in results:
        key = (result.rule_id, result.entity)
        if result.error is not None:
            errors.append((by_key[key], result.error.splitlines()[0]))
        elif key in customs:
            judged.append(customs[key])
    if not judged and not errors:
        return
    counts, violations = counts_and_violations(engine.fetch, judged=judged, errors=errors)
    engine.store("custom_counts", [counts])
    engine.store("custom_violations", [violations])


def complete_manifest(settings: Settings) -> int:
    """Complete the manifest's counts once the rows are typed; give the number of files."""
    return engine_of(settings).complete_manifest()


def predict(settings: Settings) -> Predicted:
    """Predict the value of every customer on every date of the run, once the records are judged."""
    engine = engine_of(settings)
    exports = exports_of(engine)
    # The seed itself: the models of a chunk, its thresholds too, are made after its predictions.
    rows = engine.fetch(
        "select context.as_of_date, context.knowledge_date, "
        + ", ".join(
            f"max(case when thresholds.parameter = '{parameter}' "
            f"then cast(thresholds.value as double) end) as {name}"
            for parameter, name in (
                ("clv_monthly_discount_pct", "discount_pct"),
                ("clv_min_repeat_customers", "min_repeat_customers"),
            )
        )
        + " from raw.run_context as context inner join seeds.class_thresholds as thresholds "
        "on context.as_of_date >= thresholds.valid_from and "
        "(thresholds.valid_to is null or context.as_of_date <= thresholds.valid_to) "
        "where context.is_requested or context.is_compared "
        "group by context.as_of_date, context.knowledge_date"
    ).to_pylist()
    asked = [
        Asked(
            as_of=row["as_of_date"],
            known=row["knowledge_date"],
            monthly_rate=row["discount_pct"] / 100,
            min_repeat_customers=row["min_repeat_customers"],
        )
        for row in rows
    ]
    return predict_values(
        engine,
        asked,
        knowledge=lambda day: knowledge_date(
            day, exports=exports, lookback_days=settings.lookback_days
        ),
    )


def exports_of(engine: Engine) -> Exports:
    """Give the first and the newest export that the run has registered."""
    exported = engine.fetch(
        "select min(export_date) as first, max(export_date) as newest from raw.drop_audit "
        "where not is_future"
    ).to_pylist()[0]
    return Exports(first=exported["first"], newest=exported["newest"])


def explain_changes(settings: Settings) -> int:
    """Find what changed on the dates of the run, and why; give the number of changes."""
    engine = engine_of(settings)
    dates = [AsOf(**row) for row in engine.fetch("select * from raw.run_context").to_pylist()]
    days = [one.as_of_date for one in dates if one.is_requested]
    exports = exports_of(engine)
    beside = neighbours(settings, engine.history_dates(), days, newest=exports.newest)
    if beside.waiting:
        LOGGER.info(
            "changes: what changed on %s is left to the next run that knows the exports of these "
            "days; this one knows those up to %s",
            ", ".join(f"{day}" for day in beside.waiting),
            exports.newest,
        )
    others = (
        run_dates(sorted(beside.known), exports=exports, settings=settings) if beside.known else []
    )
    kept = [
        replace(one, knowledge_date=beside.known[one.as_of_date])
        for one in others
        if one.as_of_date in beside.known
    ]
    return find_changes(
        settings,
        engine,
        [*(one for one in dates if one.as_of_date not in beside.known), *kept],
        beside=beside,
        rules_changed=days_of_new_rules(settings, beside.previous, computed=days),
    )


def share(settings: Settings) -> None:
    """Make ready for dbt's process: open what it joins, let go of what it needs for itself."""
    engine_of(settings).share()


def release(settings: Settings) -> None:
    """Let go of all that is open."""
    engine_of(settings).release()


def finish(settings: Settings, *, run_id: str, started_at: datetime) -> Finished:
    """Log the run, publish, and say what came out."""
    engine = engine_of(settings)
    restore_run_log(settings)
    forgotten = forget_expired(engine, settings)
    engine.gather()
    engine.release()
    with open_work_db(settings) as connection:
        copy_changes(settings, connection)
        logged = run_records(settings)
        record = _record(connection, settings, logged, run_id=run_id, started_at=started_at)
        replaces = _is_newest_publication(connection)
        _write_run_log(connection, [*logged, record])
    try:
        publication = publish(
            settings,
            run_id=run_id,
            replace_current=replaces,
            folders={
                DATA_DOCS: lambda folder: _write_docs(settings, folder, run=record),
                FIX_LISTS: lambda folder: _write_fix_lists(settings, folder),
            },
            beside=_beside(settings),
        )
    finally:
        # Half a publication would keep a full disk full.
        remove_leftovers(settings.published_dir)
    write_run_record(settings, record)
    engine.forget_done()
    note_backfills_logged(settings)
    note_rules(settings)
    with duckdb.connect(str(settings.work_db), read_only=True) as connection:
        notes = read_notes(settings, run_id)
        attention = find_attention(
            connection,
            notes,
            lookback_days=settings.lookback_days,
            expired=lambda dates: _expired(settings, dates),
        )
        summary = summarise(
            connection,
            settings=settings,
            publication=publication,
            run=record,
            forgotten=forgotten,
            attention=attention,
        )
    write_notes(settings, notes.model_copy(update={"attention": tuple(attention)}))
    path = settings.report_dir / f"{run_id}.md"
    path.write_text(summary, encoding="utf-8")
    return Finished(publication=publication, summary=summary)


def forget_expired(engine: Engine, settings: Settings) -> list[date]:
    """Delete the dates of the class history that the retention no longer keeps; give them.

    A run of an older date than the newest in history deletes nothing.
    """
    rows = engine.fetch(f"select distinct as_of_date from main.{HISTORY}").to_pylist()
    dates = {row["as_of_date"] for row in rows}
    newest = engine.fetch("select max(as_of_date) as newest from raw.run_context").to_pylist()
    if not dates or newest[0]["newest"] < max(dates):
        return []
    gone = _expired(settings, dates)
    if gone:
        LOGGER.info("the history forgets %d dates, up to %s", len(gone), gone[-1])
        engine.forget(gone)
    return gone


def _expired(settings: Settings, dates: Collection[date]) -> list[date]:
    """Give the dates that the retention of the settings does not keep."""
    return expired(
        dates,
        daily_days=settings.history.daily_days,
        backfills=[*read_note(settings).backfills, *kept_ranges(run_records(settings))],
    )


def _beside(settings: Settings) -> Callable[[Path], AbstractContextManager[Beside]] | None:
    """Give what publishes to PostgreSQL, if the settings ask for it.

    Raises PublicationError if its client is not installed or its URL not in the environment.
    """
    target = settings.publish.postgres
    if target is None:
        return None
    try:
        from dagster_project.publish import postgres  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise PublicationError(
            f"publish.postgres needs the package {error.name}; expected the extra postgres; "
            'install it: make install SYNC="--no-dev --extra postgres"'
        ) from error
    postgres.url_of(target)
    return lambda database: postgres.published_beside(settings, target, database)


def _write_docs(settings: Settings, folder: Path, *, run: RunRecord) -> None:
    """Build the Data Docs of the rules that this run judged, if it judged any."""
    if not any(settings.validations_dir.glob("*/*.json")):
        return
    # It imports Great Expectations, which takes 4 s where no rule was judged before.
    from expectations.data_docs import build_data_docs  # noqa: PLC0415

    build_data_docs(settings.validations_dir, folder, as_of=run.as_of_date, run_id=run.run_id)


def _write_fix_lists(settings: Settings, folder: Path) -> None:
    with duckdb.connect(
        str(settings.work_db),
        read_only=True,
        config={
            "memory_limit": memory_limit(settings),
            "temp_directory": str(settings.work_dir / "duckdb_tmp"),
        },
    ) as connection:
        write_fix_lists(connection, folder, base_currency=settings.base_currency)


def record_failure(
    settings: Settings, *, run_id: str, started_at: datetime, kind: str = "night"
) -> None:
    """Note in the run log that a run failed; nothing was published.

    What a run published before a later step of it failed stays noted as published.
    """
    if any(record.run_id == run_id for record in run_records(settings)):
        return
    notes = read_notes(settings, run_id)
    write_run_record(
        settings,
        RunRecord(
            run_id=run_id,
            kind=kind,
            as_of_date=notes.as_of_date,
            knowledge_date=notes.knowledge_date,
            base_currency=settings.base_currency,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            status="failed",
        ),
    )


def row_counts(settings: Settings) -> dict[str, int]:
    """Count the rows of every model that is a table."""
    return engine_of(settings).row_counts()


def _days(
    exports: Exports,
    *,
    as_of: date | None,
    known: date | None,
    date_range: tuple[date, date] | None,
) -> list[date]:
    newest = min(exports.newest, known) if known else exports.newest
    if date_range is None:
        return [as_of or newest]
    first, last = date_range
    if first > last:
        raise NothingToDoError(f"FROM={first} is after TO={last}; expected FROM <= TO")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _is_newest_publication(connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute(
        "select (select max(as_of_date) from raw.run_context) >= "
        "(select max(as_of_date) from main.customer_classification_history)"
    ).fetchone()
    return row is None or row[0] is None or bool(row[0])


def _record(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    logged: Sequence[RunRecord],
    *,
    run_id: str,
    started_at: datetime,
) -> RunRecord:
    dates = connection.execute(
        "select max(as_of_date), max(knowledge_date), "
        "(select count(*) from raw.run_days where role = 'asked') "
        "from raw.run_context where is_newest"
    ).fetchone()
    version = connection.execute(
        "select max(rule_version) from intermediate.int_config__thresholds"
    ).fetchone()
    # The run log is published with this record in it.
    rows = rows_by_table(connection, settings.work_db.stem, "main")
    rows[RUN_LOG] = len(logged) + 1
    status: RunStatus = "published"
    return RunRecord(
        run_id=run_id,
        kind="backfill" if dates and dates[2] else "night",
        as_of_date=dates[0] if dates else None,
        knowledge_date=dates[1] if dates else None,
        base_currency=settings.base_currency,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        status=status,
        rule_version=version[0] if version else None,
        tables=len(rows),
        rows=sum(rows.values()),
        backfills=read_note(settings).backfills,
    )


def _write_run_log(connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord]) -> None:
    connection.execute(
        f"create or replace table main.{RUN_LOG} (run_id varchar, kind varchar, as_of_date date, "
        "knowledge_date date, base_currency varchar, started_at timestamp, finished_at timestamp, "
        "status varchar, rule_version integer, tables integer, rows bigint, backfills varchar)"
    )
    connection.executemany(
        f"insert into main.{RUN_LOG} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [record.as_row() for record in records],
    )
