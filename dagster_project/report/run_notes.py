"""What a run met on its way and the tables do not say: one small file in the working folder.

What belongs here: its shape, writing and reading it. The last step of a run and the notice of its
end read it; it is of one run, named in it.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dagster_project.ingest.load import LateDrop, LoadReport, RepeatedDrop
from dagster_project.settings import Settings


@dataclass(frozen=True)
class Attention:
    """One thing to look at after a run: what it is about, and what to do, in both languages."""

    topic: str
    zh: str
    en: str


class RunNotes(BaseModel):
    """Drops that did not come as they should, and the dates of a run."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    as_of_date: date | None = None
    knowledge_date: date | None = None
    waiting: tuple[str, ...] = ()
    undated: tuple[str, ...] = ()
    missing_sources: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    late: tuple[LateDrop, ...] = ()
    repeated: tuple[RepeatedDrop, ...] = ()
    # The newest export date, if a newer one should have arrived by the day of the run.
    overdue_since: date | None = None
    # What was found once the tables were there.
    attention: tuple[Attention, ...] = ()


def notes_of(
    report: LoadReport, settings: Settings, *, run_id: str, today: date, is_newest_asked: bool
) -> RunNotes:
    """Take from a load what people should know.

    today: the day of the run in the business time zone. is_newest_asked: False for a run as of a
    past date, which waits for no drop.
    """
    newest = report.newest_export_date
    every_days = min(source.expected_every_days for source in settings.sources.values())
    is_overdue = (
        is_newest_asked
        and not settings.demo
        and newest is not None
        and (today - newest).days > every_days
    )
    return RunNotes(
        run_id=run_id,
        waiting=report.waiting,
        undated=report.undated,
        missing_sources=report.missing_sources,
        errors=report.errors,
        copies=report.copies,
        late=report.late,
        repeated=report.repeated,
        overdue_since=newest if is_overdue else None,
    )


def write_notes(settings: Settings, notes: RunNotes) -> None:
    """Replace the notes of the run before."""
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    _path(settings).write_text(notes.model_dump_json(indent=1), encoding="utf-8")


def read_notes(settings: Settings, run_id: str) -> RunNotes:
    """Give the notes of a run; empty ones if it did not come to write any."""
    try:
        notes = RunNotes.model_validate_json(_path(settings).read_bytes())
    except (OSError, ValidationError):
        return RunNotes(run_id=run_id)
    return notes if notes.run_id == run_id else RunNotes(run_id=run_id)


def _path(settings: Settings) -> Path:
    return settings.work_dir / "run_notes.json"
