"""The change log: per accepted drop, the rows that differ from the state before.

Derived from raw and rebuilt from the first date on whose inputs changed, so that loading night
by night, all at once or out of order gives the same files. The unit of change is a record id
with all its rows in the drop: the newest rows of an id are those of its newest export date.
"""

import hashlib
import json
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb

from dagster_project.ingest.audit import HELD_DELETION_SHARE, Audit, Facts, judge
from dagster_project.ingest.contract import Entity, entity_by_kind
from dagster_project.ingest.header_maps import OTHER
from dagster_project.ingest.land import COMPRESSION, TEMP_FOLDER
from dagster_project.ingest.manifest import FileEntry, Manifest, publish, write_atomically
from dagster_project.ingest.sql import literal, path_list, quoted, scalar
from dagster_project.settings import Settings, Source

log = logging.getLogger(__name__)

CHANGES_VERSION = "1"
AUDIT_FILE = "_audit.json"
HELD_FILE = "_held.parquet"
# A record is known by its id, a row without one by its content.
KEY = "coalesce('i' || _record_id, 'h' || _content_hash)"
# All rows of one key in one drop, in one text: the row that counts is marked.
SIGNATURE = (
    "case when count(*) = 1 then any_value(_content_hash) else string_agg("
    "_content_hash || case when _duplicate_of_row is null then '!' else '' end, ',' "
    "order by _content_hash, _duplicate_of_row is null) end"
)


@dataclass(frozen=True)
class Partition:
    """The newest revision of one kind of one drop."""

    source: str
    kind: str
    export_date: date
    entries: tuple[FileEntry, ...]


def changes_dir(settings: Settings) -> Path:
    """Give the root of the change log."""
    return settings.work_dir / "changes"


def partitions(manifest: Manifest, source: str) -> dict[str, list[Partition]]:
    """Give the partitions of a source by kind, in date order."""
    found: dict[str, list[Partition]] = defaultdict(list)
    for drop in manifest.drops():
        if drop.crm_source != source:
            continue
        by_kind: dict[str, list[FileEntry]] = defaultdict(list)
        for entry in drop.newest():
            by_kind[entry.kind].append(entry)
        for kind, entries in by_kind.items():
            unreadable = any(e.error and e.raw_path is None for e in entries)
            if not kind.startswith(OTHER) or unreadable:
                found[kind].append(Partition(source, kind, drop.export_date, tuple(entries)))
    return found


def build(
    settings: Settings,
    manifest: Manifest,
    source: str,
    *,
    newest_allowed: date,
    database: duckdb.DuckDBPyConnection,
    progress: Callable[[str], None],
) -> list[Audit]:
    """Bring the change log of a source up to date; gives the verdict on every drop."""

    def work(item: tuple[str, list[Partition]]) -> list[Audit]:
        kind, parts = item
        kind_log = _KindLog(settings, source, kind, database)
        return kind_log.build(parts, newest_allowed, progress)

    by_kind = sorted(partitions(manifest, source).items())
    names = {_folder_name(kind) for kind, _ in by_kind}
    for stray in (changes_dir(settings) / source).glob("*"):
        if stray.name not in names:
            shutil.rmtree(stray)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return [audit for audits in pool.map(work, by_kind) for audit in audits]


class _KindLog:
    """The change log of one kind of one source."""

    def __init__(
        self, settings: Settings, source: str, kind: str, database: duckdb.DuckDBPyConnection
    ) -> None:
        self._database = database
        self._source: Source = settings.sources[source]
        self._kind = kind
        self._raw = settings.raw_dir
        self._folder = changes_dir(settings) / source / _folder_name(kind)
        self._temp = settings.raw_dir / TEMP_FOLDER

    def build(
        self, parts: list[Partition], newest_allowed: date, progress: Callable[[str], None]
    ) -> list[Audit]:
        chain = ""
        audits: list[Audit] = []
        earlier: list[Path] = []
        previous: Audit | None = None
        previous_full: Audit | None = None
        dates = {part.export_date.isoformat() for part in parts}
        for stray in self._folder.glob("*"):
            if stray.name not in dates:
                shutil.rmtree(stray)
        for part in parts:
            facts = self._facts(part, newest_allowed)
            chain = self._fingerprint(chain, part, facts)
            folder = self._folder / part.export_date.isoformat()
            audit = _read_audit(folder)
            if audit is None or audit.fingerprint != chain:
                progress(f"{part.source} {part.kind} {part.export_date}: comparing")
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                held = previous_full and (
                    self._folder / previous_full.export_date.isoformat() / HELD_FILE
                )
                audit = self._compare(
                    part,
                    facts,
                    folder,
                    earlier,
                    previous=previous_full if facts.mode == "full" else previous,
                    held=held if held and held.exists() else None,
                ).model_copy(update={"fingerprint": chain})
                write_atomically(folder / AUDIT_FILE, audit.model_dump_json(indent=1))
            audits.append(audit)
            if audit.is_accepted:
                earlier = [*earlier, *log_files(folder)]
                previous = audit
                if audit.mode == "full":
                    previous_full = audit
        return audits

    def _facts(self, part: Partition, newest_allowed: date) -> Facts:
        entries = part.entries
        good = [entry for entry in entries if entry.raw_path]
        return Facts(
            crm_source=part.source,
            kind=part.kind,
            entity=entries[0].entity,
            mode=self._source.mode,
            export_date=part.export_date,
            revision=entries[0].revision,
            files=tuple(entry.file for entry in entries),
            rows_read=sum(entry.rows_read for entry in entries),
            row_errors=sum(entry.row_errors for entry in entries),
            rows_without_id=sum(entry.rows_without_id for entry in entries),
            missing_columns=_union(entry.missing_columns for entry in entries),
            nearest_columns=_union(entry.nearest_columns for entry in entries),
            is_truncated=any(entry.is_truncated for entry in entries),
            missing_parts=_union(entry.missing_parts for entry in entries),
            errors=tuple(entry.error for entry in entries if entry.error),
            columns=_union(entry.header for entry in good),
            date_formats=_union(
                tuple(f"{name}:{c.chosen}" for name, c in entry.date_columns.items() if c.classes)
                for entry in good
            ),
            unknown_columns=_union(entry.unknown_columns for entry in good),
            is_future=part.export_date > newest_allowed,
            deletions_accepted=part.export_date in self._source.accept_deletions,
        )

    def _fingerprint(self, chain: str, part: Partition, facts: Facts) -> str:
        inputs = [
            CHANGES_VERSION,
            chain,
            facts.model_dump_json(),
            sorted(entry.raw_path or "" for entry in part.entries),
            sorted(entry.sha256 for entry in part.entries),
        ]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:24]

    def _compare(
        self,
        part: Partition,
        facts: Facts,
        folder: Path,
        earlier: list[Path],
        *,
        previous: Audit | None,
        held: Path | None,
    ) -> Audit:
        paths = sorted(self._raw / entry.raw_path for entry in part.entries if entry.raw_path)
        entity = entity_by_kind().get(part.kind)
        if not paths or entity is None:
            return judge(facts, previous)
        with self._database.cursor() as con:
            duplicates = _mark_duplicates(con, paths, entity)
            audit = judge(facts.model_copy(update={"duplicate_rows": duplicates}), previous)
            if not audit.is_accepted:
                log.warning("%s", audit.message)
                return audit
            if not earlier and not duplicates:
                for path in paths:
                    (folder / path.name).hardlink_to(path)
                return audit.model_copy(update={"rows_changed": audit.rows_read})
            _state_before(con, earlier, self._folder)
            return self._write_changes(con, audit, paths, folder, entity, held)

    def _write_changes(  # noqa: PLR0917
        self,
        con: duckdb.DuckDBPyConnection,
        audit: Audit,
        paths: list[Path],
        folder: Path,
        entity: Entity,
        held: Path | None,
    ) -> Audit:
        con.execute(
            f"""
            create temp table compared as
            with now as (
                select {KEY} as key, _content_hash as sig from read_parquet({path_list(paths)})
                where {KEY} not in (select key from marked)
                union all
                select {KEY} as key, {SIGNATURE} as sig from duplicates group by key
            )
            select coalesce(now.key, state.key) as key, now.key is null as is_gone
            from now full join state on now.key = state.key
            where now.sig is distinct from state.sig
            """
        )
        active = scalar(con, "select count(*) from state where key[1] = 'i'")
        gone, deletions_held = 0, 0
        if audit.mode == "full":
            confirmed = f"select key from read_parquet({literal(held)})" if held else "select ''"
            con.execute(
                f"create temp table gone as select key, key in ({confirmed}) as is_confirmed "
                "from compared where is_gone"
            )
            gone = scalar(con, "select count(*) from gone where key[1] = 'i'")
            fresh = scalar(con, "select count(*) from gone where key[1] = 'i' and not is_confirmed")
            if fresh > HELD_DELETION_SHARE * active and not audit.deletions_accepted:
                deletions_held = fresh
                con.execute(
                    "copy (select key from gone where not is_confirmed order by key) to "
                    f"{literal(folder / HELD_FILE)} (format parquet)"
                )
                con.execute("delete from gone where not is_confirmed and key[1] = 'i'")
        else:
            con.execute(
                "create temp table gone as select key, true as is_confirmed "
                "from compared where false"
            )
        changed = self._write_log(con, audit, paths, folder, entity)
        return audit.model_copy(
            update={
                "active_ids": active,
                "gone_ids": gone,
                "deleted_share": gone / active if active and audit.mode == "full" else None,
                "deletions_held": deletions_held,
                "rows_changed": changed,
                "rows_deleted": scalar(con, "select count(*) from gone"),
            }
        )

    def _write_log(
        self,
        con: duckdb.DuckDBPyConnection,
        audit: Audit,
        paths: list[Path],
        folder: Path,
        entity: Entity,
    ) -> int:
        changed = scalar(con, "select count(*) from compared where not is_gone")
        if not changed and not scalar(con, "select count(*) from gone"):
            return 0
        names = ", ".join(quoted(name) for name in entity.columns)
        tombstone = {
            "_source": literal(audit.crm_source),
            "_kind": literal(audit.kind),
            "_export_date": f"date {literal(audit.export_date.isoformat())}",
            "_revision": str(audit.revision),
            "_record_id": "case when key[1] = 'i' then key[2:] end",
            "_content_hash": "case when key[1] = 'h' then key[2:] end",
            "_is_deleted": "true",
        }
        gone = ", ".join(
            f"({tombstone.get(name, 'null')})::{kind} as {quoted(name)}"
            for name, kind in entity.columns.items()
        )
        temp = self._temp / f"changes-{uuid4().hex}.parquet"
        con.execute(
            f"""
            copy (
                select {names} from read_parquet({path_list(paths)}, union_by_name = true)
                where {KEY} in (select key from compared where not is_gone)
                    and {KEY} not in (select key from marked)
                union all by name
                select {names} from duplicates
                where {KEY} in (select key from compared where not is_gone)
                union all by name
                select {gone} from (select key from gone order by key)
            ) to {literal(temp)} (format parquet, compression {COMPRESSION})
            """
        )
        rows = scalar(
            con, f"select count(*) from read_parquet({literal(temp)}) where not _is_deleted"
        )
        publish(temp, folder / "changes.parquet")
        return rows


def _folder_name(kind: str) -> str:
    return kind.replace(":", "_")


def log_files(folder: Path) -> list[Path]:
    """List the row files of one date of the log."""
    return sorted(path for path in folder.glob("*.parquet") if path.name != HELD_FILE)


def _mark_duplicates(con: duckdb.DuckDBPyConnection, paths: list[Path], entity: Entity) -> int:
    """Put rows whose key occurs more than once into `duplicates`, naming the row that counts.

    The newest modified time wins, then the last row. Gives the number of rows with an id that
    lost.
    """
    files = f"read_parquet({path_list(paths)}, union_by_name = true)"
    con.execute(
        f"create temp table marked as select {KEY} as key from {files} "
        "group by key having count(*) > 1"
    )
    newest = (
        "try_cast(modified_at as timestamp) desc nulls last, "
        if ("modified_at" in entity.fields)
        else ""
    )
    con.execute(
        f"""
        create temp table duplicates as
        with ranked as (
            select *,
                row_number() over by_key as rank,
                first_value(_row_number) over by_key as winner
            from {files}
            where {KEY} in (select key from marked)
            window by_key as (
                partition by {KEY} order by {newest}_file desc, _row_number desc
            )
        )
        select * exclude (rank, winner) replace (
            case when rank > 1 then winner end as _duplicate_of_row
        )
        from ranked
        """
    )
    return scalar(
        con,
        "select count(*) from duplicates "
        "where _duplicate_of_row is not null and _record_id is not null",
    )


def _state_before(con: duckdb.DuckDBPyConnection, earlier: list[Path], folder: Path) -> None:
    """Table `state`: key and signature of every record as the log leaves it.

    The first date of the log is big and the later ones are small: only the later ones are grouped.
    """
    con.execute("create temp table state (key varchar, sig varchar)")
    if not earlier:
        return
    first_date = min(path.relative_to(folder).parts[0] for path in earlier)
    base = [p for p in earlier if p.relative_to(folder).parts[0] == first_date]
    later = [p for p in earlier if p.relative_to(folder).parts[0] != first_date]
    columns = f"{KEY} as key, _content_hash, _duplicate_of_row, _export_date, _is_deleted"
    if later:
        con.execute(
            f"""
            create temp table touched as
            with grouped as (
                select key, _export_date, {SIGNATURE} as sig, bool_or(_is_deleted) as is_gone
                from (select {columns} from read_parquet({path_list(later)}, union_by_name = true))
                group by key, _export_date
            )
            select key, max_by(sig, _export_date) as sig, max_by(is_gone, _export_date) as is_gone
            from grouped group by key
            """
        )
    else:
        con.execute("create temp table touched (key varchar, sig varchar, is_gone boolean)")
    con.execute(
        f"""
        insert into state
        with base as (
            select {columns} from read_parquet({path_list(base)}, union_by_name = true)
            where not _is_deleted
        ),
        several as (select distinct key from base where _duplicate_of_row is not null)
        select key, _content_hash from base
        where key not in (select key from touched) and key not in (select key from several)
        union all
        select key, {SIGNATURE} from base
        where key in (select key from several) and key not in (select key from touched)
        group by key
        union all
        select key, sig from touched where not is_gone
        """
    )


def _read_audit(folder: Path) -> Audit | None:
    path = folder / AUDIT_FILE
    return Audit.model_validate_json(path.read_bytes()) if path.exists() else None


def _union(items: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for item in items for text in item))
