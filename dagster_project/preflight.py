"""Before a night: is there room for it? And in words, when there was not.

What belongs here: what a run needs of disk and memory, what is there, and what to do about it.
The estimates are deliberately plain sums of file sizes; DECISIONS.md says why.
"""

import logging
import os
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from dagster_project.ingest.arrivals import is_landed
from dagster_project.ingest.drops import find_drops
from dagster_project.ingest.land import TEMP_FOLDER
from dagster_project.ingest.manifest import Manifest
from dagster_project.ingest.parts import empty_folder
from dagster_project.notices.send import unset_variables
from dagster_project.publish.publication import DATABASE_NAME, remove_leftovers
from dagster_project.settings import Settings, bytes_of
from dagster_project.transform.dbt import container_memory, memory_limit
from dagster_project.transform.history import CURRENT_LINK, partitions

LOGGER = logging.getLogger(__name__)

# What DuckDB and the system say when there is no room; dbt hands their words on as text.
FULL_DISK = (
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "errno 28",
    "max_temp_directory_size",
)
FULL_MEMORY = ("out of memory", "cannot allocate memory", "bad_alloc", "memoryerror")


class PreflightError(Exception):
    """A run cannot be expected to end well; nothing was read or published."""


@dataclass(frozen=True)
class Need:
    """What will be written below a folder, in bytes, and why."""

    folder: Path
    size: int
    reason: str


def check(settings: Settings, *, environment: Mapping[str, str] | None = None) -> None:
    """Check disk and memory before a run reads anything.

    What killed runs left is removed first: it takes room and belongs to nobody.
    Raises PreflightError naming each folder, what it needs, what is free, and what to do.
    """
    remove_leftovers(settings.published_dir)
    empty_folder(settings.raw_dir / TEMP_FOLDER)
    shutil.rmtree(spill_dir(settings), ignore_errors=True)
    faults = [*_disk_faults(settings, needs(settings)), *_memory_faults(settings)]
    if faults:
        raise PreflightError("\n".join(faults))
    for name in unset_variables(settings, os.environ if environment is None else environment):
        LOGGER.warning("the environment variable %s is not set: its notice cannot be sent", name)


def needs(settings: Settings) -> list[Need]:
    """Estimate what a run will write: new drops unpacked, and another copy of what is there.

    Where there is nothing yet, it will be made of the drops, new ones and those in the raw zone.
    """
    factor = settings.limits.disk_factor
    drops = new_drop_bytes(settings)
    published = settings.published_dir
    last_run = size_of(published / DATABASE_NAME) + _size_of_run(
        (published / CURRENT_LINK).resolve()
    )
    of_new = f"{_text(drops)} of new drops × limits.disk_factor {factor:g}"
    base = drops + size_of(settings.raw_dir)
    of_all = f"{_text(base)} of drops × limits.disk_factor {factor:g}"

    def made_or_copied(folder: Path, there: int, name: str) -> Need:
        if there:
            return Need(folder, there, f"another copy of the {name}")
        return Need(folder, int(base * factor), f"{of_all}: the first {name}")

    return [
        Need(settings.raw_dir, int(drops * factor), of_new),
        made_or_copied(settings.work_dir, size_of(settings.work_db), "working database"),
        made_or_copied(published, last_run, "publication"),
    ]


def new_drop_bytes(settings: Settings) -> int:
    """Add up the files of drops that are not landed as they lie there, archives unpacked."""
    manifest = Manifest(settings.raw_dir)
    return sum(
        unpacked_size(file.path, file.size)
        for name, source in settings.sources.items()
        for drop in find_drops(name, source, settings.source_dir(name)).drops
        if not is_landed(drop, manifest.drop(name, drop.export_date))
        for file in drop.files
    )


def unpacked_size(path: Path, size: int) -> int:
    """Give the size of what an archive or workbook holds; of any other file its own.

    One that is cut off has its own size too: it is refused when it is read.
    """
    if path.suffix.lower() not in {".zip", ".xlsx"}:
        return size
    try:
        with zipfile.ZipFile(path) as archive:
            return max(size, sum(member.file_size for member in archive.infolist()))
    except zipfile.BadZipFile:
        return size


def spill_dir(settings: Settings) -> Path:
    """Give the folder that DuckDB writes to when its memory is used up."""
    return settings.work_dir / "duckdb_tmp"


def explain_shortage(words: str, settings: Settings) -> str | None:
    """Say of an error what was short, how much is left, and what to do; None for other errors.

    words: what DuckDB, dbt or the system said.
    """
    lower = words.lower()
    if any(sign in lower for sign in FULL_DISK):
        lines = ["the disk is full 磁盘已满; what readers see is untouched 已发布的数据未受影响"]
        # Below what is asked for before a run, the next one will say the same.
        lines += [
            f"{need.folder}: needs about {_text(need.size)}, free {_text(_free(need.folder))}"
            for need in needs(settings)
        ]
        lines.append(
            "free some space 请清理磁盘: fewer publish.keep_runs, old logs in report/, old drops "
            "that are landed; or move home; then run again"
        )
        return "\n".join(lines)
    if any(sign in lower for sign in FULL_MEMORY):
        return (
            "memory is full 内存不足; what readers see is untouched 已发布的数据未受影响\n"
            f"limit {memory_limit(settings)} (duckdb.memory_limit), free "
            f"{_text(_free_memory())}, spilled to {spill_dir(settings)} with "
            f"{_text(_free(spill_dir(settings)))} free\n"
            "stop other programs, or set duckdb.memory_limit higher if there is memory, or "
            "duckdb.threads lower (each takes a share); then run again"
        )
    return None


def _disk_faults(settings: Settings, wanted: Iterable[Need]) -> Iterator[str]:
    """Compare needs with what is free, file system by file system."""
    spare = bytes_of(settings.limits.min_free_disk)
    by_device: dict[int, list[Need]] = defaultdict(list)
    for need in wanted:
        by_device[_existing(need.folder).stat().st_dev].append(need)
    for group in by_device.values():
        total = sum(need.size for need in group) + spare
        free = _free(group[0].folder)
        if free >= total:
            continue
        parts = [f"{n.folder}: {_text(n.size)} ({n.reason})" for n in group if n.size]
        found = f"{group[0].folder} has {_text(free)} free, expected {_text(total)}"
        advice = (
            "free some space, or lower limits.disk_factor or limits.min_free_disk in kefen.yml if "
            "this asks for too much; nothing was published"
        )
        yield "\n  ".join(
            [
                f"not enough disk 磁盘空间不足: {found}",
                *parts,
                f"limits.min_free_disk: {_text(spare)}",
                advice,
            ]
        )


def _memory_faults(settings: Settings) -> Iterator[str]:
    """Compare free memory with what the database may take."""
    free = _free_memory()
    asked = settings.duckdb.memory_limit
    least = bytes_of(settings.limits.min_free_memory)
    if asked and settings.engine == "duckdb":
        least = max(least, bytes_of(asked))
    if free < least:
        named = f"duckdb.memory_limit {asked}" if asked else "limits.min_free_memory"
        yield (
            f"not enough memory 内存不足: {_text(free)} free, expected {_text(least)} ({named}); "
            "stop other programs or lower the setting in kefen.yml; nothing was published"
        )
    elif free < bytes_of(memory_limit(settings)):
        LOGGER.warning(
            "%s of memory are free and the database may take %s (60 %% of the machine): set "
            "duckdb.memory_limit in kefen.yml if other programs keep theirs",
            _text(free),
            memory_limit(settings),
        )


def _free_memory() -> int:
    """Give what can be taken without swapping, within the limit of a container."""
    available = int(psutil.virtual_memory().available)
    container = container_memory()
    return min(available, container.free) if container else available


def _free(folder: Path) -> int:
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """Give a folder or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def size_of(path: Path) -> int:
    """Add up a file or the files below a folder; what vanishes meanwhile counts as nothing."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


def _size_of_run(folder: Path) -> int:
    """Add up the files of a run; dates of the history that runs share are linked, not copied."""
    shared = [path.stat() for path in partitions(folder).values()]
    return size_of(folder) - sum(found.st_size for found in shared if found.st_nlink > 1)


def _text(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
