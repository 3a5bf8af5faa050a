"""The load manifest: what was landed from which file, and what was wrong with it.

One JSON file per source and export date. It is written last and atomically: a raw file that no
manifest names does not exist for any reader.
"""

import os
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

MANIFEST_FOLDER = "_manifest"


class DateColumn(BaseModel):
    """What was found in a date column, and the format that was decided."""

    model_config = ConfigDict(frozen=True)

    classes: dict[str, int] = {}
    only_dmy: int = 0
    only_mdy: int = 0
    either: int = 0
    samples: tuple[str, ...] = ()
    chosen: str = ""


class FileEntry(BaseModel):
    """One file (or zip member, or sheet) in one revision of its partition."""

    model_config = ConfigDict(frozen=True)

    crm_source: str
    kind: str
    entity: str
    mode: str
    export_date: date
    revision: int
    file: str
    part: str
    sha256: str
    container: str
    container_size: int
    container_mtime_ns: int
    fingerprint: str
    loaded_at: datetime
    raw_path: str | None = None
    rows_read: int = 0
    rows_loaded: int | None = None
    rows_quarantined: int | None = None
    row_errors: int = 0
    rows_without_id: int = 0
    encoding: str | None = None
    delimiter: str | None = None
    header: tuple[str, ...] = ()
    mapped_fields: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    nearest_columns: tuple[str, ...] = ()
    spelling_conflicts: int = 0
    date_columns: dict[str, DateColumn] = {}
    is_truncated: bool = False
    missing_parts: tuple[str, ...] = ()
    error_type: str | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    # The file of the same drop and kind that holds the same: this one was not loaded again.
    copy_of: str | None = None


class DropManifest(BaseModel):
    """Everything ever landed for one source and export date, oldest revision first."""

    crm_source: str
    export_date: date
    files: list[FileEntry] = []
    # Kinds of which the drop holds nothing any more (a file was repaired, or is now recognised
    # as another kind), with the last revision that is void.
    withdrawn: dict[str, int] = {}

    def newest(self) -> list[FileEntry]:
        """Give the files of the newest revision of each kind."""
        top = revisions(self.files)
        return [
            entry
            for entry in self.files
            if entry.revision == top[entry.kind]
            and entry.revision > self.withdrawn.get(entry.kind, 0)
        ]


def revisions(entries: Iterable[FileEntry]) -> dict[str, int]:
    """Newest revision by kind."""
    top: dict[str, int] = {}
    for entry in entries:
        top[entry.kind] = max(top.get(entry.kind, 0), entry.revision)
    return top


class Manifest:
    """The manifest files below a raw zone."""

    def __init__(self, raw_dir: Path) -> None:
        self.folder = raw_dir / MANIFEST_FOLDER
        self._drops: dict[tuple[str, date], DropManifest] = {}
        for path in sorted(self.folder.glob("*/*.json")):
            drop = DropManifest.model_validate_json(path.read_bytes())
            self._drops[drop.crm_source, drop.export_date] = drop

    def drop(self, source: str, export_date: date) -> DropManifest:
        """Give what is known of one drop (empty when nothing is)."""
        return self._drops.get((source, export_date)) or DropManifest(
            crm_source=source, export_date=export_date
        )

    def drops(self) -> list[DropManifest]:
        """Every drop, by source and date."""
        return [self._drops[key] for key in sorted(self._drops)]

    def entries(self) -> list[FileEntry]:
        """Every file of every revision."""
        return [entry for drop in self.drops() for entry in drop.files]

    def save(self, drop: DropManifest) -> None:
        """Make a drop's manifest the truth, atomically."""
        path = self.folder / drop.crm_source / f"{drop.export_date}.json"
        write_atomically(path, drop.model_dump_json(indent=1))
        self._drops[drop.crm_source, drop.export_date] = drop


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that readers see the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.tmp")
    with temp.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temp.replace(path)


def publish(temp: Path, target: Path) -> None:
    """Move a finished file to its place on the same filesystem, durably."""
    with temp.open("rb") as stream:
        os.fsync(stream.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    temp.replace(target)
