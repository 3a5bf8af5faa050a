"""The log of runs: one small JSON file per run, so that it outlives the working database."""

import json
import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from dagster_project.settings import Settings
from dagster_project.transform.history import CURRENT_LINK

LOGGER = logging.getLogger(__name__)

RUN_LOG = "run_log"
RunStatus = Literal["published", "failed"]


class RunRecord(BaseModel):
    """One run.

    backfills: the ranges of dates that were asked for and published first by this run; inclusive.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    kind: str
    as_of_date: date | None = None
    knowledge_date: date | None = None
    base_currency: str
    started_at: datetime
    finished_at: datetime
    status: RunStatus
    rule_version: int | None = None
    tables: int = 0
    rows: int = 0
    backfills: tuple[tuple[date, date], ...] = ()

    def as_row(self) -> tuple[Any, ...]:
        """Give the values in the order of the table run_log; times in UTC without offset."""
        return (
            self.run_id,
            self.kind,
            self.as_of_date,
            self.knowledge_date,
            self.base_currency,
            self.started_at.astimezone(UTC).replace(tzinfo=None),
            self.finished_at.astimezone(UTC).replace(tzinfo=None),
            self.status,
            self.rule_version,
            self.tables,
            self.rows,
            "; ".join(f"{first}..{last}" for first, last in self.backfills) or None,
        )

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "RunRecord":
        """Make a record of a row of the table run_log; earlier versions had fewer columns."""
        times = {name: row[name].replace(tzinfo=UTC) for name in ("started_at", "finished_at")}
        ranges = [part.split("..") for part in (row.get("backfills") or "").split("; ") if part]
        return cls.model_validate({**row, **times, "backfills": ranges})


def run_records(settings: Settings) -> list[RunRecord]:
    """Read the runs so far, oldest first."""
    return [
        RunRecord.model_validate(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(settings.report_dir.glob("*.json"))
    ]


def restore_run_log(settings: Settings) -> None:
    """Take the records that were deleted from the run log of the newest publication."""
    published = settings.published_dir / CURRENT_LINK / f"{RUN_LOG}.parquet"
    if not published.exists():
        return
    with duckdb.connect() as connection:
        cursor = connection.execute("from read_parquet($1)", [str(published)])
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    known = {record.run_id for record in run_records(settings)}
    lost = [row for row in rows if row["run_id"] not in known]
    if lost:
        LOGGER.warning("taking %d runs from %s: the run log has none", len(lost), published)
    for row in lost:
        write_run_record(settings, RunRecord.of_row(row))


def kept_ranges(records: Iterable[RunRecord]) -> list[tuple[date, date]]:
    """Give the ranges of dates that backfills asked for.

    A backfill of a version that did not log its range may have asked for any date up to its own.
    """
    kept: list[tuple[date, date]] = []
    for record in records:
        kept += record.backfills
        if record.kind == "backfill" and not record.backfills and record.as_of_date:
            kept.append((date.min, record.as_of_date))
    return kept


def write_run_record(settings: Settings, record: RunRecord) -> Path:
    """Write a run's record, whole or not at all."""
    settings.report_dir.mkdir(parents=True, exist_ok=True)
    path = settings.report_dir / f"{record.run_id}.json"
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(path)
    return path
