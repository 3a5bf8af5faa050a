"""The whole landing of one night: find drops, land them, compare them, say what happened."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from dagster_project.ingest import changes
from dagster_project.ingest.audit import Audit
from dagster_project.ingest.drops import Drop, find_drops
from dagster_project.ingest.errors import NoDropsError
from dagster_project.ingest.header_maps import OTHER
from dagster_project.ingest.land import TEMP_FOLDER, Lander
from dagster_project.ingest.manifest import FileEntry, Manifest
from dagster_project.ingest.parts import empty_folder
from dagster_project.ingest.sql import connect
from dagster_project.settings import Settings
from dagster_project.transform.dbt import memory_limit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LateDrop:
    """A drop that was landed, or corrected, after a newer one of its source."""

    crm_source: str
    export_date: date
    newest_before: date
    is_correction: bool


@dataclass(frozen=True)
class RepeatedDrop:
    """A drop that holds exactly what another date of its source holds."""

    crm_source: str
    export_date: date
    same_as: date


@dataclass(frozen=True)
class LoadReport:
    """What a load found and did."""

    landed: tuple[FileEntry, ...]
    unchanged_drops: int
    waiting: tuple[str, ...]
    undated: tuple[str, ...]
    missing_sources: tuple[str, ...]
    late: tuple[LateDrop, ...]
    repeated: tuple[RepeatedDrop, ...]
    audits: tuple[Audit, ...]
    newest_export_date: date | None
    # Of a drop that lies in a folder or was landed, whatever of it is asked for.
    newest_drop_date: date | None
    seconds: float

    @property
    def errors(self) -> tuple[str, ...]:
        """What could not be read, in words."""
        return tuple(entry.error for entry in self.landed if entry.error)

    @property
    def other_files(self) -> tuple[str, ...]:
        """Files of no known kind that were landed under their own columns."""
        return tuple(
            entry.file for entry in self.landed if entry.kind.startswith(OTHER) and not entry.error
        )

    @property
    def copies(self) -> tuple[str, ...]:
        """Files that hold the same as another file of their drop and were not loaded again."""
        return tuple(
            f"{entry.crm_source} {entry.export_date} {entry.file} = {entry.copy_of}"
            for entry in self.landed
            if entry.copy_of
        )

    @property
    def rows_read(self) -> int:
        """Rows of the files landed now."""
        return sum(entry.rows_read for entry in self.landed)


def load_exports(
    settings: Settings,
    *,
    now: datetime,
    known: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> LoadReport:
    """Land every complete drop (dated ≤ `known`) that is new or changed, and compare it.

    A file that cannot be read becomes a manifest row with its error. Raises NoDropsError when no
    source has anything at all.
    """
    say = progress or log.info
    started = time.monotonic()
    empty_folder(settings.raw_dir / TEMP_FOLDER)
    manifest = Manifest(settings.raw_dir)
    database = connect(
        threads=settings.duckdb.threads,
        memory_limit=memory_limit(settings),
        temp=settings.raw_dir / TEMP_FOLDER,
    )
    landed: list[FileEntry] = []
    late: list[LateDrop] = []
    waiting: list[str] = []
    undated: list[str] = []
    missing: list[str] = []
    unchanged = 0
    today = now.astimezone(ZoneInfo(settings.business_time_zone)).date()
    seen = {drop.export_date for drop in manifest.drops()}
    for name, source in settings.sources.items():
        folder = settings.source_dir(name)
        found = find_drops(name, source, folder)
        undated += [str(path) for path in found.undated]
        seen |= {drop.export_date for drop in found.drops}
        if not found.drops:
            missing.append(name)
            log.warning("source %s: no drop found in %s", name, folder)
            continue
        lander = Lander(settings, name, now=now, database=database)
        before = {drop.export_date for drop in manifest.drops() if drop.crm_source == name}
        for drop in found.drops:
            if known is not None and drop.export_date > known:
                continue
            files, is_waiting = _land(lander, manifest, drop, now, say)
            landed += files
            unchanged += not files and not is_waiting
            if is_waiting:
                waiting.append(f"{name} {drop.export_date}")
            if files and before and drop.export_date < max(before):
                is_correction = drop.export_date in before
                late.append(LateDrop(name, drop.export_date, max(before), is_correction))
    if not manifest.drops() and not waiting:
        folders = ", ".join(str(settings.source_dir(name)) for name in settings.sources)
        raise NoDropsError(
            f"no export found: expected a dated folder, zip or file in {folders}; put the "
            "exports there or set `path` (and `export_date` for a folder without dates)"
            + (f"; undated files: {', '.join(undated[:5])}" if undated else "")
        )
    audits = [
        audit
        for name in settings.sources
        for audit in changes.build(
            settings, manifest, name, newest_allowed=today, database=database, progress=say
        )
    ]
    database.close()
    dates = [
        audit.export_date
        for audit in audits
        if not audit.is_future and (known is None or audit.export_date <= known)
    ]
    empty_folder(settings.raw_dir / TEMP_FOLDER)
    return LoadReport(
        landed=tuple(landed),
        unchanged_drops=unchanged,
        waiting=tuple(waiting),
        undated=tuple(undated),
        missing_sources=tuple(missing),
        late=tuple(late),
        repeated=tuple(
            chain.from_iterable(_repeated(manifest, n, landed) for n in settings.sources)
        ),
        audits=tuple(audits),
        newest_export_date=max(dates, default=None),
        newest_drop_date=max((day for day in seen if day <= today), default=None),
        seconds=time.monotonic() - started,
    )


def _repeated(manifest: Manifest, source: str, landed: list[FileEntry]) -> list[RepeatedDrop]:
    """Find the drops landed now that hold the same, file by file, as another date."""
    new = {entry.export_date for entry in landed if entry.crm_source == source}
    dates_by_content: dict[tuple[tuple[str, str], ...], list[date]] = defaultdict(list)
    for drop in manifest.drops():
        content = tuple(sorted((e.kind, e.sha256) for e in drop.newest() if e.rows_read))
        if drop.crm_source == source and content:
            dates_by_content[content].append(drop.export_date)
    return [
        RepeatedDrop(source, day, min(days))
        for days in dates_by_content.values()
        for day in sorted(new.intersection(days))
        # Of several that came together, the first is no repetition.
        if day != min(days)
    ]


def _land(
    lander: Lander, manifest: Manifest, drop: Drop, now: datetime, say: Callable[[str], None]
) -> tuple[list[FileEntry], bool]:
    known = manifest.drop(drop.source, drop.export_date)
    if not drop.is_complete(now):
        log.info("source %s: %s is still being written", drop.source, drop.export_date)
        return [], True
    landed = lander.land(drop, known)
    if landed is None:
        return [], False
    manifest.save(landed)
    files = landed.files[len(known.files) :]
    rows = sum(entry.rows_read for entry in files)
    say(f"{drop.source} {drop.export_date}: {len(files)} files, {rows:,} rows landed")
    return files, False
