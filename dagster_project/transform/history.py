"""The history of classes: where its partitions lie, which dates stay, which changed since when.

What belongs here: dates, paths, and the note of what runs did to the history. What does not: rows.

The note lies beside the working tables and says in what they may differ from the publication. It
counts from one publication: without it, or beside another one, every date may differ.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dagster_project.settings import Settings

LOGGER = logging.getLogger(__name__)

HISTORY = "customer_classification_history"
# Columns of the history that are no class.
IDENTITY = ("as_of_date", "customer_key", "customer_name", "owner_key")
CURRENT_LINK = "current"
# What the database of readers keeps beside the month ends of a history too long for it.
DATABASE_DAYS = 7

DateRange = tuple[date, date]


class HistoryNote(BaseModel):
    """What happened to the working history since a publication.

    published: the run that made the publication, None = there was none.
    computed: the dates computed since, None = not known.
    backfills: the ranges asked for since; inclusive.
    """

    model_config = ConfigDict(frozen=True)

    published: str | None = None
    computed: tuple[date, ...] | None = None
    backfills: tuple[DateRange, ...] = ()


def current_run(settings: Settings) -> str | None:
    """Name the run that readers see."""
    link = settings.published_dir / CURRENT_LINK
    return link.resolve().name if link.is_dir() else None


def read_note(settings: Settings) -> HistoryNote:
    """Read the note; what it says of another publication than the current one is not known."""
    path = _note_path(settings)
    note = HistoryNote()
    if path.exists():
        try:
            note = HistoryNote.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError as error:
            LOGGER.warning("%s cannot be read, every date is published anew: %s", path, error)
    if note.published != current_run(settings):
        return note.model_copy(update={"published": current_run(settings), "computed": None})
    return note


def note_computed(settings: Settings, dates: Iterable[date]) -> None:
    """Note, before they are computed, that dates may differ from what is published."""
    note = read_note(settings)
    if note.computed is not None:
        computed = tuple(sorted({*note.computed, *dates}))
        _write_note(settings, note.model_copy(update={"computed": computed}))


def note_backfill(settings: Settings, dates: DateRange) -> None:
    """Note that a range was asked for: its dates stay."""
    note = read_note(settings)
    backfills = _merged([*note.backfills, dates])
    _write_note(settings, note.model_copy(update={"backfills": backfills}))


def note_published(settings: Settings) -> None:
    """Note that the working history is that of the current publication."""
    note = read_note(settings)
    _write_note(settings, note.model_copy(update={"computed": ()}))


def note_backfills_logged(settings: Settings) -> None:
    """Forget the ranges asked for: the run log has them now."""
    _write_note(settings, read_note(settings).model_copy(update={"backfills": ()}))


def partition_file(folder: Path, day: date) -> Path:
    """Name the file of a date in the folder of a run."""
    return folder / HISTORY / f"as_of_date={day}" / "data.parquet"


def partitions(folder: Path) -> dict[date, Path]:
    """Give the files of the history in the folder of a run, by date."""
    return {
        date.fromisoformat(path.parent.name.partition("=")[2]): path
        for path in sorted(folder.glob(f"{HISTORY}/as_of_date=*/data.parquet"))
    }


def table_files(folder: Path, table: str) -> list[Path]:
    """Give the files that hold a table in the folder of a run, those of the history by date.

    Runs of versions before the partitions have one file for the history too.
    """
    single = folder / f"{table}.parquet"
    if table == HISTORY and (files := list(partitions(folder).values())):
        return files
    return [single] if single.exists() else []


def month_ends(dates: Collection[date]) -> set[date]:
    """Give the last date of each month: its last day, or the last there is."""
    newest: dict[tuple[int, int], date] = {}
    for day in dates:
        month = (day.year, day.month)
        newest[month] = max(day, newest.get(month, day))
    return set(newest.values())


def expired(
    dates: Collection[date], *, daily_days: int | None, backfills: Iterable[DateRange]
) -> list[date]:
    """Give the dates that the retention no longer keeps.

    Kept are the last daily_days calendar days up to the newest date, month ends, and the dates of
    backfills.
    """
    if daily_days is None or not dates:
        return []
    oldest = max(dates) - timedelta(days=daily_days - 1)
    ranges = list(backfills)
    stays = month_ends(dates)
    return sorted(
        day
        for day in dates
        if day < oldest
        and day not in stays
        and not any(first <= day <= last for first, last in ranges)
    )


def dates_for_database(rows: Mapping[date, int], *, limit: int) -> list[date]:
    """Choose the dates that the database of readers holds: all up to so many rows, or the last.

    rows: the number of rows of each date.
    """
    if sum(rows.values()) <= limit:
        return sorted(rows)
    oldest = max(rows) - timedelta(days=DATABASE_DAYS - 1)
    return sorted({day for day in rows if day >= oldest} | month_ends(rows))


def _merged(ranges: Iterable[DateRange]) -> tuple[DateRange, ...]:
    """Join ranges that overlap or follow each other."""
    joined: list[DateRange] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + timedelta(days=1):
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def _note_path(settings: Settings) -> Path:
    return settings.work_dir / "history.json"


def _write_note(settings: Settings, note: HistoryNote) -> None:
    path = _note_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(note.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(path)
