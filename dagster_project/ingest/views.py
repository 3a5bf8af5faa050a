"""The schema `raw` of a working database: views over the change log, and what is known of it.

Everything here is bounded by the knowledge date: exports dated later do not exist.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_project.ingest.audit import Audit
from dagster_project.ingest.changes import AUDIT_FILE, changes_dir, log_files
from dagster_project.ingest.contract import Entity, load_contract
from dagster_project.ingest.header_maps import OTHER
from dagster_project.ingest.manifest import DropManifest, FileEntry, Manifest
from dagster_project.ingest.sql import literal, path_list, quoted
from dagster_project.settings import Settings

log = logging.getLogger(__name__)

MONEY_KINDS = ("orders", "invoices", "deals")
ACTIVITY_ENTITIES = {"activities", "web_sessions", "email_events"}


def register(con: duckdb.DuckDBPyConnection, settings: Settings, known: date | None) -> None:
    """Create schema raw in a working database from what is landed and accepted up to `known`."""
    manifest = Manifest(settings.raw_dir)
    drops = [d for d in manifest.drops() if known is None or d.export_date <= known]
    audits = read_audits(settings, known)
    con.execute("create schema if not exists raw")
    con.execute("drop schema if exists raw cascade; create schema raw")
    _register_sources(con, settings, [entry for drop in drops for entry in drop.newest()])
    _register_entities(con, settings, audits)
    _register_manifest(con, drops)
    _register_audit(con, settings, audits)
    _register_enum_overrides(con, settings)


def read_audits(settings: Settings, known: date | None) -> list[Audit]:
    """Read the verdicts of the configured sources, in order of source, kind and date."""
    root = changes_dir(settings)
    found = []
    for source in sorted(settings.sources):
        for path in sorted((root / source).glob(f"*/*/{AUDIT_FILE}")):
            audit = Audit.model_validate_json(path.read_bytes())
            if known is None or audit.export_date <= known:
                found.append(audit)
    return found


def accepted_folders(settings: Settings, audits: list[Audit]) -> list[tuple[Audit, Path]]:
    """Give each accepted drop and the folder of the change log that holds its rows."""
    root = changes_dir(settings)
    return [
        (audit, root / audit.crm_source / audit.kind / audit.export_date.isoformat())
        for audit in audits
        if audit.is_accepted
    ]


def _register_entities(
    con: duckdb.DuckDBPyConnection, settings: Settings, audits: list[Audit]
) -> None:
    files: dict[str, list[Path]] = defaultdict(list)
    for audit, folder in accepted_folders(settings, audits):
        files[audit.entity] += log_files(folder)
    for entity in load_contract().values():
        con.execute(_entity_view(entity, files[entity.name]))


def _entity_view(entity: Entity, files: list[Path]) -> str:
    typed = ", ".join(f"null::{kind} as {quoted(name)}" for name, kind in entity.columns.items())
    # The empty row set fixes names and types, whatever contract the files were written under.
    rows = f"select {typed} where false"
    if files:
        rows += (
            " union all by name select * from "
            f"read_parquet({path_list(files)}, union_by_name = true)"
        )
    names = ", ".join(f"rows.{quoted(name)}" for name in entity.columns)
    return (
        f"create view raw.{quoted(entity.name)} as select {names}, "
        "coalesce(rows._kind = sources.money_entity, false) as _is_money_entity "
        f"from ({rows}) as rows left join raw.sources on rows._source = sources.crm_source"
    )


def _register_sources(
    con: duckdb.DuckDBPyConnection, settings: Settings, entries: list[FileEntry]
) -> None:
    landed: dict[str, set[str]] = defaultdict(set)
    entities: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.raw_path:
            landed[entry.crm_source].add(entry.kind)
            entities[entry.crm_source].add(entry.entity)
    rows = [
        {
            "crm_source": name,
            "format": source.format,
            "mode": source.mode,
            "money_entity": source.money
            or next((kind for kind in MONEY_KINDS if kind in landed[name]), None),
            "currency": source.currency,
            "rate_direction": source.rate_direction,
            "net_of_tax": source.net_of_tax,
            "expected_every_days": source.expected_every_days,
            "on_critical": source.on_critical,
            "delivers_activities": bool(entities[name] & ACTIVITY_ENTITIES),
        }
        for name, source in sorted(settings.sources.items())
    ]
    _create(
        con,
        "sources",
        rows,
        {
            "crm_source": pa.string(),
            "format": pa.string(),
            "mode": pa.string(),
            "money_entity": pa.string(),
            "currency": pa.string(),
            "rate_direction": pa.string(),
            "net_of_tax": pa.bool_(),
            "expected_every_days": pa.int32(),
            "on_critical": pa.string(),
            "delivers_activities": pa.bool_(),
        },
    )


def _register_manifest(con: duckdb.DuckDBPyConnection, drops: list[DropManifest]) -> None:
    rows = [
        {
            "crm_source": e.crm_source, "entity": e.entity, "kind": e.kind, "mode": e.mode,
            "export_date": e.export_date, "file": e.file, "sha256": e.sha256,
            "rows_read": e.rows_read, "rows_loaded": e.rows_loaded,
            "rows_quarantined": e.rows_quarantined, "revision": e.revision,
            "is_newest_revision": (e.kind, e.revision, e.file) in newest,
            "encoding": e.encoding, "loaded_at": e.loaded_at.replace(tzinfo=None),
            "unknown_columns": list(e.unknown_columns),
            "missing_columns": list(e.missing_columns),
            "nearest_columns": list(e.nearest_columns), "row_errors": e.row_errors,
            "rows_without_id": e.rows_without_id, "is_truncated": e.is_truncated,
            "missing_parts": list(e.missing_parts), "spelling_conflicts": e.spelling_conflicts,
            "date_formats": [f"{name}: {c.chosen}" for name, c in e.date_columns.items()],
            "notes": list(e.notes), "error": e.error,
        }
        for drop in drops
        for newest in [{(e.kind, e.revision, e.file) for e in drop.newest()}]
        for e in drop.files
    ]  # fmt: skip
    texts = pa.list_(pa.string())
    _create(
        con,
        "load_manifest",
        rows,
        {
            "crm_source": pa.string(),
            "entity": pa.string(),
            "kind": pa.string(),
            "mode": pa.string(),
            "export_date": pa.date32(),
            "file": pa.string(),
            "sha256": pa.string(),
            "rows_read": pa.int64(),
            "rows_loaded": pa.int64(),
            "rows_quarantined": pa.int64(),
            "revision": pa.int32(),
            "is_newest_revision": pa.bool_(),
            "encoding": pa.string(),
            "loaded_at": pa.timestamp("us"),
            "unknown_columns": texts,
            "missing_columns": texts,
            "nearest_columns": texts,
            "row_errors": pa.int64(),
            "rows_without_id": pa.int64(),
            "is_truncated": pa.bool_(),
            "missing_parts": texts,
            "spelling_conflicts": pa.int64(),
            "date_formats": texts,
            "notes": texts,
            "error": pa.string(),
        },
    )
    con.execute(
        f"create view raw.other_files as select * from raw.load_manifest "
        f"where kind like {literal(OTHER + '%')} and is_newest_revision"
    )


def _register_audit(
    con: duckdb.DuckDBPyConnection, settings: Settings, audits: list[Audit]
) -> None:
    newest_of_all = max(
        (audit.export_date for audit in audits if not audit.is_future), default=None
    )
    newest: dict[tuple[str, str], date] = {}
    for audit in audits:
        newest[audit.crm_source, audit.kind] = audit.export_date
    rows = []
    for a in audits:
        source = settings.sources[a.crm_source]
        is_newest = newest[a.crm_source, a.kind] == a.export_date
        age = (newest_of_all - a.export_date).days if newest_of_all else 0
        late = timedelta(days=age) > timedelta(days=source.expected_every_days)
        bad = not a.is_accepted and (is_newest or a.mode == "delta")
        rows.append(
            a.model_dump(include=set(_AUDIT_SCHEMA))
            | {
                "is_newest": is_newest,
                "missing_required": ", ".join(a.missing_columns) or None,
                "age_days": age,
                "expected_every_days": source.expected_every_days,
                "str_005": late if is_newest else None,
                "on_critical": source.on_critical,
                "blocks": bad and source.on_critical == "block",
                "is_set_aside": bad and source.on_critical == "use_last_good",
            }
        )
    _create(con, "drop_audit", rows, _AUDIT_SCHEMA)


_TEXTS = pa.list_(pa.string())
_AUDIT_SCHEMA: dict[str, pa.DataType] = {
    "crm_source": pa.string(), "entity": pa.string(), "kind": pa.string(), "mode": pa.string(),
    "export_date": pa.date32(), "revision": pa.int32(), "is_newest": pa.bool_(),
    "files": _TEXTS, "rows_read": pa.int64(), "previous_rows": pa.int64(),
    "row_ratio": pa.float64(), "active_ids": pa.int64(), "gone_ids": pa.int64(),
    "deleted_share": pa.float64(), "deletions_held": pa.int64(), "rows_changed": pa.int64(),
    "rows_deleted": pa.int64(), "row_errors": pa.int64(), "rows_without_id": pa.int64(),
    "duplicate_rows": pa.int64(), "id_problem_share": pa.float64(), "is_truncated": pa.bool_(),
    "missing_parts": _TEXTS, "missing_columns": _TEXTS, "nearest_columns": _TEXTS,
    "missing_required": pa.string(), "unknown_columns": _TEXTS, "added_columns": _TEXTS,
    "dropped_columns": _TEXTS,
    "retyped_columns": _TEXTS, "age_days": pa.int32(), "expected_every_days": pa.int32(),
    "is_future": pa.bool_(), "str_001": pa.bool_(), "str_002": pa.bool_(), "str_003": pa.bool_(),
    "str_004": pa.bool_(), "str_005": pa.bool_(), "str_006": pa.bool_(), "str_009": pa.bool_(),
    "is_accepted": pa.bool_(), "on_critical": pa.string(), "blocks": pa.bool_(),
    "is_set_aside": pa.bool_(), "message": pa.string(),
}  # fmt: skip


def _register_enum_overrides(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    rows = [
        {"crm_source": name, "enum": enum, "raw_value": raw_value, "value": value}
        for name, source in sorted(settings.sources.items())
        for enum, values in source.enum_maps.items()
        for raw_value, value in values.items()
    ]
    names = ("crm_source", "enum", "raw_value", "value")
    _create(con, "enum_overrides", rows, dict.fromkeys(names, pa.string()))


def _create(
    con: duckdb.DuckDBPyConnection,
    name: str,
    rows: Sequence[Mapping[str, object]],
    schema: dict[str, pa.DataType],
) -> None:
    table = pa.Table.from_pylist(list(rows), schema=pa.schema(list(schema.items())))
    con.register("_incoming", table)
    con.execute(f"create table raw.{quoted(name)} as select * from _incoming")
    con.unregister("_incoming")
