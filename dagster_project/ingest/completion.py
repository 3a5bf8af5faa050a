"""After staging: what became of every landed row, counted independently of how it was landed.

Rows of a drop that did not change are not in the change log of that date: they take the fate of
the version they equal. Rows read = rows loaded + rows quarantined, or the run stops.
"""

import logging
from collections import defaultdict
from pathlib import Path

import duckdb

from dagster_project.ingest.contract import load_contract
from dagster_project.ingest.errors import RowCountError
from dagster_project.ingest.header_maps import OTHER
from dagster_project.ingest.manifest import FileEntry, Manifest
from dagster_project.ingest.sql import literal, path_list, quoted
from dagster_project.ingest.views import read_audits
from dagster_project.settings import Settings

log = logging.getLogger(__name__)


def complete_manifest(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Fill rows_loaded and rows_quarantined of accepted drops; gives the number of files.

    con: the working database, with staging built. Raises RowCountError when a row is missing.
    """
    manifest = Manifest(settings.raw_dir)
    accepted = {
        (a.crm_source, a.kind, a.export_date, a.revision)
        for a in read_audits(settings, None)
        if a.is_accepted
    }
    done = 0
    for drop in manifest.drops():
        open_entries = [
            e
            for e in drop.newest()
            if e.raw_path
            and e.rows_loaded is None
            and (
                e.kind.startswith(OTHER)
                or (e.crm_source, e.kind, e.export_date, e.revision) in accepted
            )
        ]
        if not open_entries:
            continue
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        by_entity: dict[str, list[FileEntry]] = defaultdict(list)
        for entry in open_entries:
            if entry.kind.startswith(OTHER):
                # Nothing types these rows, so nothing can hold one back.
                counts[entry.kind, entry.file] = (entry.rows_read, 0)
            else:
                by_entity[entry.entity].append(entry)
        for entity, entries in by_entity.items():
            counts |= _fates(con, settings.raw_dir, entity, entries)
        files = [
            e.model_copy(
                update=dict(
                    zip(("rows_loaded", "rows_quarantined"), counts[e.kind, e.file], strict=True)
                )
            )
            if e in open_entries
            else e
            for e in drop.files
        ]
        manifest.save(drop.model_copy(update={"files": files}))
        done += len(open_entries)
    _update_table(con, manifest)
    return done


def _fates(
    con: duckdb.DuckDBPyConnection, raw_dir: Path, entity: str, entries: list[FileEntry]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Count loaded and quarantined rows of each file of one drop and entity."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    by_kind: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in entries:
        by_kind[entry.kind].append(entry)
    has_modified = "modified_at" in load_contract()[entity].fields
    newest = "try_cast(modified_at as timestamp) desc nulls last, " if has_modified else ""
    for kind, group in by_kind.items():
        paths = [raw_dir / entry.raw_path for entry in group if entry.raw_path]
        first = group[0]
        # The newest version of the same content, and whether it was kept or a duplicate then.
        rows = con.execute(
            f"""
            with landed as (
                select _file, _row_number, coalesce(_record_id, '') as id,
                    _content_hash as hash,
                    _record_id is not null and row_number() over (
                        partition by coalesce('i' || _record_id, 'h' || _content_hash)
                        order by {newest}_file desc, _row_number desc
                    ) > 1 as is_duplicate
                from read_parquet({path_list(paths)}, union_by_name = true)
            ),
            fates as (
                select coalesce(_record_id, '') as id, _content_hash as hash,
                    max_by(
                        coalesce(_quarantine_reason, 'loaded'),
                        (_export_date, case when _quarantine_reason = 'duplicate' then 0 else 1 end)
                    ) as fate
                from staging.{quoted(f"stg_crm__{entity}")}
                where _source = {literal(first.crm_source)} and _kind = {literal(kind)}
                    and _export_date <= date {literal(first.export_date.isoformat())}
                    and not coalesce(_is_deleted, false)
                group by all
            )
            select landed._file, count(*),
                count(*) filter (not is_duplicate and fate = 'loaded'),
                count(*) filter (is_duplicate or fate <> 'loaded')
            from landed left join fates on landed.id = fates.id and landed.hash = fates.hash
            group by landed._file
            """
        ).fetchall()
        counted = {file: (read, loaded, held) for file, read, loaded, held in rows}
        for entry in group:
            read, loaded, held = counted.get(entry.file, (0, 0, 0))
            if entry.rows_read != loaded + held or read != entry.rows_read:
                raise RowCountError(
                    f"{entry.crm_source} {entry.file} of {entry.export_date}: read "
                    f"{entry.rows_read} rows, found {loaded} loaded and {held} quarantined; "
                    f"staging.stg_crm__{entity} has lost or doubled rows: rebuild it, and if it "
                    "stays so, compare its row numbers with the file"
                )
            found[kind, entry.file] = (loaded, held)
    return found


def _update_table(con: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Bring the counts into raw.load_manifest of the working database."""
    rows = [
        (e.rows_loaded, e.rows_quarantined, e.crm_source, e.kind, e.export_date, e.revision, e.file)
        for e in manifest.entries()
        if e.rows_loaded is not None
    ]
    if rows:
        con.executemany(
            "update raw.load_manifest set rows_loaded = ?, rows_quarantined = ? where "
            "crm_source = ? and kind = ? and export_date = ? and revision = ? and file = ?",
            rows,
        )
