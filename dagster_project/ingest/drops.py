"""Finding drops: which files of a source belong to which export date, and whether they are whole.

What belongs here: names, dates in names, chunk numbers and the completeness rule.
What does not: opening a file.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dagster_project.settings import Source

READABLE = {
    ".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".xls", ".json", ".jsonl", ".ndjson", ".parquet",
    ".zip",
}  # fmt: skip
SETTLED_AFTER = timedelta(seconds=60)
SUCCESS_MARKER = "_SUCCESS"
# What an export carries beside its tables: descriptions of fields and uploaded documents.
SIDE_FOLDERS = {"metadata", "attachments", "attachment", "__macosx"}

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?=\D|\d{6}(?!\d)|\d{4}(?!\d)|$)"
)
_CHUNK = re.compile(r"^(?P<base>.+)_(?P<number>\d{3})$")


@dataclass(frozen=True)
class DropFile:
    """One file as it lies in the exports folder."""

    path: Path
    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Drop:
    """What one source delivered for one export date."""

    source: str
    export_date: date
    files: tuple[DropFile, ...]
    has_marker: bool

    @property
    def signature(self) -> str:
        """Sizes and times of the files: equal on two looks = nobody is writing."""
        return ";".join(f"{f.name}:{f.size}:{f.mtime_ns}" for f in self.files)

    def is_complete(self, now: datetime) -> bool:
        """Whether the marker is there, or no file was touched in the last minute."""
        settled_ns = (now.astimezone(UTC) - SETTLED_AFTER).timestamp() * 1e9
        return self.has_marker or all(file.mtime_ns <= settled_ns for file in self.files)


@dataclass(frozen=True)
class Found:
    """The drops of a source in date order, and data files that carry no date."""

    drops: tuple[Drop, ...]
    undated: tuple[Path, ...]


def date_in_name(name: str) -> date | None:
    """Read YYYY-MM-DD, YYYY_MM_DD or YYYYMMDD (a time may follow) from a name."""
    for match in _DATE.finditer(name):
        try:
            return date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
    return None


def is_side_file(name: str) -> bool:
    """Whether a path inside a drop is a lock file, hidden, a description or an attachment."""
    *folders, file = name.replace("\\", "/").split("/")
    return file.startswith(("~$", ".", "_")) or any(
        folder.startswith(".") or folder.lower() in SIDE_FOLDERS for folder in folders
    )


def is_readable(name: str) -> bool:
    """Whether a path inside a drop is a table this package reads."""
    return Path(name).suffix.lower() in READABLE and not is_side_file(name)


def missing_numbers(stems: Iterable[str]) -> dict[str, list[int]]:
    """Gaps in the `_001`, `_002` ... sequences among file stems, by the name before the number."""
    found: dict[str, set[int]] = defaultdict(set)
    for stem in stems:
        if match := _CHUNK.match(stem):
            found[match["base"]].add(int(match["number"]))
    return {
        base: gaps
        for base, numbers in found.items()
        if (gaps := sorted(set(range(1, max(numbers) + 1)) - numbers))
    }


def chunk_base(stem: str) -> str:
    """Give the stem without its chunk number."""
    match = _CHUNK.match(stem)
    return match["base"] if match else stem


def find_drops(name: str, source: Source, folder: Path) -> Found:
    """Find the drops of a source below its folder (or in its single file)."""
    if not folder.exists():
        return Found((), ())
    groups: dict[date, list[DropFile]] = defaultdict(list)
    marked: set[date] = set()
    undated: list[Path] = []
    children = [folder] if folder.is_file() else sorted(folder.iterdir())
    has_root_marker = (folder / SUCCESS_MARKER).exists()
    for child in children:
        if child.name.startswith((".", "~$")):
            continue
        named = None if source.export_date else date_in_name(child.name)
        if child.is_dir():
            # Below a dated folder every level counts; an undated folder is one drop by itself.
            if named:
                groups[named] += [
                    _drop_file(p, child)
                    for p in sorted(child.rglob("*"))
                    if p.is_file() and is_readable(_relative(p, child))
                ]
                if (child / SUCCESS_MARKER).exists():
                    marked.add(named)
        elif is_readable(child.name):
            day = source.export_date or named
            if day is None:
                undated.append(child)
            else:
                groups[day].append(_drop_file(child, child.parent))
    shift = timedelta(days=source.export_date_shift_days)
    drops = tuple(
        Drop(
            source=name,
            export_date=day + shift,
            files=tuple(files),
            has_marker=day in marked or has_root_marker,
        )
        for day, files in sorted(groups.items())
        if files
    )
    return Found(drops, tuple(undated))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _drop_file(path: Path, root: Path) -> DropFile:
    stat = path.stat()
    return DropFile(
        path=path, name=_relative(path, root), size=stat.st_size, mtime_ns=stat.st_mtime_ns
    )
