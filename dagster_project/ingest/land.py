"""Landing a drop: every table file becomes one immutable raw Parquet file of a new revision.

What belongs here: which files changed, reading and writing them in parallel, revisions.
A bad file becomes a manifest entry with its error; it never stops the others.
"""

import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import duckdb

from dagster_project.ingest import dates
from dagster_project.ingest.cells import Cells
from dagster_project.ingest.contract import entity_by_kind
from dagster_project.ingest.drops import Drop, DropFile, missing_numbers
from dagster_project.ingest.errors import (
    AmbiguousDatesError,
    IngestError,
    MissingColumnsError,
    TruncatedFileError,
)
from dagster_project.ingest.header_maps import (
    Format,
    Mapping,
    fingerprint,
    format_of,
    kind_by_name,
    recognise,
)
from dagster_project.ingest.manifest import (
    DateColumn,
    DropManifest,
    FileEntry,
    publish,
    revisions,
)
from dagster_project.ingest.mapping import Landing, conflicts, date_columns, raw_rows
from dagster_project.ingest.parts import Part, list_parts, open_part
from dagster_project.ingest.read_csv import read_csv
from dagster_project.ingest.read_excel import read_excel
from dagster_project.ingest.read_json import read_json
from dagster_project.ingest.read_parquet import read_parquet
from dagster_project.ingest.sql import literal, path_list, scalar
from dagster_project.settings import DateOrder, Settings, Source

log = logging.getLogger(__name__)

# Raised when landed rows would look different for the same file and settings.
LANDING_VERSION = "1"
TEMP_FOLDER = "_tmp"
COMPRESSION = "zstd"

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Read:
    """One table of one part, read and recognised, or its error."""

    part: str
    file: str
    container: DropFile
    sha256: str
    cells: Cells | None = None
    mapping: Mapping | None = None
    facts: tuple[tuple[str, dates.DateFacts], ...] = ()
    error: IngestError | None = None
    kind: str = ""


@dataclass(frozen=True)
class _Target:
    """The partition that is being written."""

    drop: Drop
    kind: str
    revision: int
    missing: tuple[str, ...]


def _without_copies(
    reads: list[_Read], siblings: list[FileEntry]
) -> tuple[list[_Read], list[tuple[_Read, str]]]:
    """Part files of one kind from those that hold the same bytes as another one, with its name.

    An archive beside the same files unpacked would count each row twice.
    """
    first = {(e.sha256, e.file.removeprefix(e.part)): e.file for e in siblings if e.raw_path}
    kept, copies = [], []
    for read in reads:
        key = (read.sha256, read.file.removeprefix(read.part))
        if key in first:
            copies.append((read, first[key]))
        else:
            first[key] = read.file
            kept.append(read)
    return kept, copies


class Lander:
    """Lands the drops of one source."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        now: datetime,
        database: duckdb.DuckDBPyConnection,
    ) -> None:
        self._settings = settings
        self._database = database
        self._name = name
        self._now = now
        self._source: Source = settings.sources[name]
        self._format: Format = format_of(self._source)
        self._raw = settings.raw_dir
        self._temp = settings.raw_dir / TEMP_FOLDER
        self._fingerprints: dict[str, str] = {}

    def land(self, drop: Drop, known: DropManifest) -> DropManifest | None:
        """Land what is new or changed in a drop; None when nothing is."""
        newest = {entry.file: entry for entry in known.newest() if self._is_current(entry)}
        by_container: dict[str, list[FileEntry]] = defaultdict(list)
        for entry in newest.values():
            by_container[entry.container].append(entry)
        # An archive with one member of another header map is read again, its other members too.
        outdated = {e.container for e in known.newest() if not self._is_current(e)}
        untouched = {
            file.name
            for file in drop.files
            if file.name not in outdated
            and (found := by_container.get(file.name))
            and all(
                (e.container_size, e.container_mtime_ns) == (file.size, file.mtime_ns)
                for e in found
            )
        }
        reads, kept = self._read_changed(drop, untouched, newest)
        kept += [entry for entry in newest.values() if entry.container in untouched]
        missing = self._missing_parts(drop, reads, kept)
        changed = {read.kind for read in reads} | self._shrunk(known, kept, reads)
        changed |= {e.kind for e in kept if e.missing_parts != missing.get(e.kind, ())}
        withdrawn = self._withdrawn(drop, known, {e.kind for e in kept} | {r.kind for r in reads})
        if not changed and not withdrawn:
            return None
        entries: list[FileEntry] = []
        tops = revisions(known.files)
        for kind in sorted(changed):
            target = _Target(drop, kind, tops.get(kind, 0) + 1, missing.get(kind, ()))
            entries += self._land_kind(
                target,
                [read for read in reads if read.kind == kind],
                [entry for entry in kept if entry.kind == kind],
            )
        return DropManifest(
            crm_source=self._name,
            export_date=drop.export_date,
            files=[*known.files, *entries],
            withdrawn=known.withdrawn | withdrawn,
        )

    def _missing_parts(
        self, drop: Drop, reads: list[_Read], kept: list[FileEntry]
    ) -> dict[str, tuple[str, ...]]:
        """Per kind: chunks and archives that should be there and are not, or cannot be opened.

        What a missing or broken archive held is unknown, so it concerns every kind of the drop.
        """
        files = [(r.kind, r.part, r.error is not None) for r in reads]
        files += [(e.kind, e.part, e.error is not None) for e in kept]
        gaps = _gaps(drop, [part for _, part, _ in files])
        common = [*gaps.pop("", []), *(part for _, part, bad in files if bad and _is_zip(part))]
        found: dict[str, tuple[str, ...]] = {}
        for kind in {kind for kind, _, _ in files}:
            bases = {_base(part) for of, part, _ in files if of == kind}
            own = [name for base, names in gaps.items() if base in bases for name in names]
            found[kind] = tuple(sorted({*own, *common}))
        return found

    # Reading -------------------------------------------------------------------------------

    def _read_changed(
        self, drop: Drop, untouched: set[str], newest: dict[str, FileEntry]
    ) -> tuple[list[_Read], list[FileEntry]]:
        reads: list[_Read] = []
        parts: list[Part] = []
        for file in drop.files:
            if file.name in untouched:
                continue
            try:
                parts += list_parts(file, self._temp)
            except IngestError as error:
                digest = _sha256(file.path)
                if (entry := newest.get(file.name)) and entry.sha256 == digest:
                    reads.append(_Read(file.name, file.name, file, digest, kind=""))
                else:
                    reads.append(
                        _Read(
                            part=file.name,
                            file=file.name,
                            container=file,
                            sha256=digest,
                            error=error,
                            kind=kind_by_name(file.name, self._format),
                        )
                    )
        known: dict[str, list[FileEntry]] = defaultdict(list)
        for entry in newest.values():
            known[entry.part].append(entry)
        outcomes = self._in_parallel(
            parts, lambda part: self._read_part(part, known.get(part.name, []))
        )
        kept: list[FileEntry] = []
        for outcome in outcomes:
            for item in outcome:
                if isinstance(item, FileEntry):
                    kept.append(item)
                else:
                    reads.append(item)
        kept += [newest[read.file] for read in reads if not read.kind]
        return [read for read in reads if read.kind], kept

    def _read_part(self, part: Part, known: list[FileEntry]) -> list[_Read | FileEntry]:
        try:
            with open_part(part, self._temp) as opened:
                if known and all(entry.sha256 == opened.sha256 for entry in known):
                    return list(known)
                with self._database.cursor() as con:
                    try:
                        tables = self._tables(opened.path, opened.suffix, part.name, con)
                    except IngestError as error:
                        return [self._failed(part, opened.sha256, error)]
                    return [self._recognised(part, opened.sha256, cells, con) for cells in tables]
        except IngestError as error:
            return [self._failed(part, "", error)]

    def _tables(
        self, path: Path, suffix: str, name: str, con: duckdb.DuckDBPyConnection
    ) -> list[Cells]:
        if suffix in {".xlsx", ".xlsm", ".xls"}:
            words = self._format.conventions.template_words
            return read_excel(path, name=name, temp=self._temp, template_words=words)
        if suffix in {".json", ".jsonl", ".ndjson"}:
            return [read_json(path, name=name, temp=self._temp, con=con)]
        if suffix == ".parquet":
            return [read_parquet(path, name=name, temp=self._temp, con=con)]
        return [
            read_csv(
                path,
                name=name,
                temp=self._temp,
                con=con,
                delimiter=self._source.delimiter,
                encoding=self._source.encoding,
            )
        ]

    def _recognised(
        self, part: Part, sha256: str, cells: Cells, con: duckdb.DuckDBPyConnection
    ) -> _Read:
        file = part.name if cells.sheet is None else f"{part.name}#{cells.sheet}"
        read = _Read(
            part=part.name,
            file=file,
            container=part.file,
            sha256=sha256,
            cells=cells,
        )
        try:
            mapping = recognise(cells.headers, name=file, sheet=cells.sheet, found=self._format)
        except MissingColumnsError as error:
            return replace(read, error=error, kind=error.kind)
        relation, fields = date_columns(cells, mapping, self._format.conventions)
        facts = dates.look(con, relation, fields)
        return replace(read, mapping=mapping, kind=mapping.kind, facts=tuple(facts.items()))

    def _failed(self, part: Part, sha256: str, error: IngestError) -> _Read:
        return _Read(
            part=part.name,
            file=part.name,
            container=part.file,
            sha256=sha256,
            error=error,
            kind=kind_by_name(part.name, self._format),
        )

    # Writing -------------------------------------------------------------------------------

    def _land_kind(
        self, target: _Target, group: list[_Read], siblings: list[FileEntry]
    ) -> list[FileEntry]:
        good = [read for read in group if read.mapping and not read.error]
        formats, problem = self._formats(target.kind, good, siblings)
        by_row = any(read.mapping and read.mapping.id_fields is None for read in good)
        stale = [
            entry
            for entry in siblings
            # What a copy was of may have changed: it is read again to see.
            if entry.copy_of or (entry.raw_path and (by_row or _formats_differ(entry, formats)))
        ]
        if stale:
            again = self._read_again(target.drop, stale)
            group = [*group, *again]
            good = [read for read in group if read.mapping and not read.error]
            siblings = [entry for entry in siblings if entry not in stale]
        if problem:
            group = [replace(r, error=problem) if r.mapping else r for r in group]
            good = []
        good.sort(key=lambda read: read.file)
        good, copies = _without_copies(good, siblings)
        entries = [self._linked(target, entry) for entry in siblings]
        entries += [
            self._entry(target, read).model_copy(update={"copy_of": of}) for read, of in copies
        ]
        entries += [self._entry(target, r) for r in group if r.error]
        if by_row:
            earlier: list[Path] = []
            for read in good:
                entry = self._write(target, read, formats, earlier)
                entries.append(entry)
                if entry.raw_path:
                    earlier.append(self._raw / entry.raw_path)
        else:
            entries += self._in_parallel(good, lambda read: self._write(target, read, formats, []))
        for read in group:
            if read.cells:
                read.cells.path.unlink(missing_ok=True)
        return sorted(entries, key=lambda entry: entry.file)

    def _formats(
        self, kind: str, reads: list[_Read], siblings: list[FileEntry]
    ) -> tuple[dict[str, dates.DateFormat], AmbiguousDatesError | None]:
        facts: dict[str, list[dates.DateFacts]] = defaultdict(list)
        for read in reads:
            for field, found in read.facts:
                facts[field].append(found)
        for entry in siblings:
            for field, column in entry.date_columns.items():
                facts[field].append(dates.DateFacts(**column.model_dump(exclude={"chosen"})))
        formats: dict[str, dates.DateFormat] = {}
        for field, items in facts.items():
            joined = dates.joined(items)
            chosen = dates.decide(joined, self._date_order(kind, field))
            if chosen is None:
                names = ", ".join(sorted({read.file for read in reads}))
                return formats, AmbiguousDatesError(
                    f"source {self._name}, {names}: column {field} holds dates whose order of "
                    f"day and month cannot be told (such as {', '.join(joined.samples)}); write "
                    f"`date_orders: {{{kind}.{field}: dmy}}` (or mdy) under "
                    f"sources.{self._name} in kefen.yml"
                )
            formats[field] = chosen
        return formats, None

    def _date_order(self, kind: str, field: str) -> DateOrder | None:
        orders = self._source.date_orders
        return orders.get(f"{kind}.{field}") or self._source.date_order

    def _write(
        self,
        target: _Target,
        read: _Read,
        formats: dict[str, dates.DateFormat],
        earlier: list[Path],
    ) -> FileEntry:
        cells, mapping = read.cells, read.mapping
        assert cells is not None and mapping is not None  # noqa: S101, PT018
        conventions = self._format.conventions
        for field in {f for f, t in mapping.entity.fields.items() if t in ("date", "datetime")}:
            formats.setdefault(field, dates.DateFormat(()))
        landing = Landing(
            source=self._name,
            export_date=target.drop.export_date,
            revision=target.revision,
            file=read.file,
            source_zone=self._source.time_zone,
            business_zone=self._settings.business_time_zone,
        )
        select = raw_rows(
            cells,
            mapping,
            conventions,
            formats=formats,
            landing=landing,
            earlier=path_list(earlier) if earlier else None,
        )
        path = self._path(target, read.file, read.sha256)
        temp = self._temp / f"raw-{uuid4().hex}.parquet"
        with self._database.cursor() as con:
            con.execute(
                f"copy ({select}) to {literal(temp)} (format parquet, compression {COMPRESSION})"
            )
            row = con.execute(
                "select count(*), count(_row_error), count(*) - count(_record_id) "
                f"from read_parquet({literal(temp)})"
            ).fetchone()
            query = conflicts(cells, mapping, conventions)
            disagreeing = scalar(con, query) if query else 0
            empty = self._empty_unknowns(con, cells, mapping)
        rows, row_errors, without_id = row or (0, 0, 0)
        publish(temp, path)
        entry = self._entry(target, read)
        facts = dict(read.facts)
        return entry.model_copy(
            update={
                "raw_path": path.relative_to(self._raw).as_posix(),
                "rows_read": rows,
                "row_errors": row_errors,
                "rows_without_id": without_id,
                "mapped_fields": tuple(mapping.columns),
                "unknown_columns": tuple(
                    mapping.headers[i] or f"column_{i + 1}"
                    for i in mapping.unknown
                    if i not in empty
                ),
                "spelling_conflicts": disagreeing,
                "date_columns": {
                    field: DateColumn(
                        classes=found.classes,
                        only_dmy=found.only_dmy,
                        only_mdy=found.only_mdy,
                        either=found.either,
                        samples=found.samples,
                        chosen=str(formats[field]),
                    )
                    for field, found in facts.items()
                },
            }
        )

    def _empty_unknowns(
        self, con: duckdb.DuckDBPyConnection, cells: Cells, mapping: Mapping
    ) -> set[int]:
        """Unmapped columns without a header that hold nothing at all: no column to report."""
        blank = [i for i in mapping.unknown if not mapping.headers[i]]
        if not blank:
            return set()
        counts = ", ".join(f"count(nullif(trim(c{i}), ''))" for i in blank)
        row = con.execute(f"select {counts} from {cells.relation}").fetchone()
        return {i for i, count in zip(blank, row or (), strict=False) if not count}

    def _entry(self, target: _Target, read: _Read) -> FileEntry:
        kind = target.kind
        entity = entity_by_kind().get(kind)
        cells, error = read.cells, read.error
        missing_columns = error.missing if isinstance(error, MissingColumnsError) else []
        nearest = error.nearest if isinstance(error, MissingColumnsError) else []
        if error:
            log.warning("%s", error)
        return FileEntry(
            crm_source=self._name,
            kind=kind,
            entity=entity.name if entity else kind,
            mode=self._source.mode,
            export_date=target.drop.export_date,
            revision=target.revision,
            file=read.file,
            part=read.part,
            sha256=read.sha256,
            container=read.container.name,
            container_size=read.container.size,
            container_mtime_ns=read.container.mtime_ns,
            fingerprint=self._fingerprint(kind),
            loaded_at=self._now,
            encoding=cells.encoding if cells else None,
            delimiter=cells.delimiter if cells else None,
            header=cells.headers if cells else (),
            missing_columns=tuple(missing_columns),
            nearest_columns=tuple(nearest),
            is_truncated=isinstance(error, TruncatedFileError)
            or bool(cells and cells.is_truncated),
            missing_parts=target.missing,
            error_type=type(error).__name__ if error else None,
            error=str(error) if error else None,
            notes=cells.notes if cells else (),
        )

    def _linked(self, target: _Target, entry: FileEntry) -> FileEntry:
        """Carry an unchanged file into a new revision without writing it again."""
        raw_path = None
        if entry.raw_path:
            path = self._path(target, entry.file, entry.sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.hardlink_to(self._raw / entry.raw_path)
            raw_path = path.relative_to(self._raw).as_posix()
        return entry.model_copy(
            update={
                "revision": target.revision,
                "raw_path": raw_path,
                "loaded_at": self._now,
                "missing_parts": target.missing,
                "rows_loaded": None,
                "rows_quarantined": None,
            }
        )

    def _read_again(self, drop: Drop, entries: list[FileEntry]) -> list[_Read]:
        wanted = {entry.part for entry in entries}
        containers = {entry.container for entry in entries}
        parts = [
            part
            for file in drop.files
            if file.name in containers
            for part in list_parts(file, self._temp)
            if part.name in wanted
        ]
        outcomes = self._in_parallel(parts, lambda part: self._read_part(part, []))
        files = {entry.file for entry in entries}
        return [
            item
            for outcome in outcomes
            for item in outcome
            if isinstance(item, _Read) and item.file in files
        ]

    # Helpers -------------------------------------------------------------------------------

    def _path(self, target: _Target, file: str, sha256: str) -> Path:
        name = re.sub(r"[^\w.-]+", "_", Path(file.replace("/", "__")).stem)
        unique = hashlib.sha256(f"{file}\n{sha256}".encode()).hexdigest()[:8]
        return (
            self._raw
            / self._name
            / target.kind.replace(":", "_")
            / target.drop.export_date.isoformat()
            / f"r{target.revision}"
            / f"{name[-80:]}-{unique}.parquet"
        )

    def _fingerprint(self, kind: str) -> str:
        if kind not in self._fingerprints:
            self._fingerprints[kind] = fingerprint(
                self._source,
                kind,
                business_time_zone=self._settings.business_time_zone,
                version=LANDING_VERSION,
            )
        return self._fingerprints[kind]

    def _is_current(self, entry: FileEntry) -> bool:
        return entry.fingerprint == self._fingerprint(entry.kind)

    def _withdrawn(self, drop: Drop, known: DropManifest, present: set[str]) -> dict[str, int]:
        """Kinds that none of the drop's files is any more, though those files still lie there."""
        here = {file.name for file in drop.files}
        by_kind: dict[str, list[FileEntry]] = defaultdict(list)
        for entry in known.newest():
            by_kind[entry.kind].append(entry)
        return {
            kind: entries[0].revision
            for kind, entries in by_kind.items()
            if kind not in present and all(entry.container in here for entry in entries)
        }

    def _shrunk(self, known: DropManifest, kept: list[FileEntry], reads: list[_Read]) -> set[str]:
        """Kinds of which a file was taken away while others remain: a smaller new revision."""
        present = {e.file for e in kept} | {r.file for r in reads}
        remaining = {e.kind for e in kept}
        return {
            e.kind
            for e in known.newest()
            if self._is_current(e) and e.file not in present and e.kind in remaining
        }

    def _in_parallel(self, items: list[Item], work: Callable[[Item], Result]) -> list[Result]:
        """Work on files side by side; each uses a cursor of the one database and its threads."""
        if len(items) < 2:  # noqa: PLR2004
            return [work(item) for item in items]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return list(pool.map(work, items))


def _gaps(drop: Drop, parts: list[str]) -> dict[str, list[str]]:
    """Missing chunks by the stem they belong to; missing zip parts concern every kind ('')."""
    gaps: dict[str, list[str]] = defaultdict(list)
    zips = missing_numbers(Path(f.name).stem for f in drop.files if f.name.lower().endswith(".zip"))
    for base, numbers in zips.items():
        gaps[""] += [f"{base}_{n:03d}.zip" for n in numbers]
    for base, numbers in missing_numbers(Path(part).stem for part in set(parts)).items():
        if base not in zips:
            gaps[base] += [f"{base}_{n:03d}" for n in numbers]
    return gaps


def _base(part: str) -> str:
    return re.sub(r"_\d{3}$", "", Path(part).stem)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _formats_differ(entry: FileEntry, formats: dict[str, dates.DateFormat]) -> bool:
    return any(
        "numeric" in column.classes
        and field in formats
        and str(formats[field].order) not in column.chosen
        for field, column in entry.date_columns.items()
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
