"""Room for a night: asked for before it, and explained when it ran out meanwhile."""

import logging
import resource
import shutil
import signal
import subprocess
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from dagster_project import preflight
from dagster_project.ingest.load import load_exports
from dagster_project.night import prepare
from dagster_project.preflight import PreflightError, check, explain_shortage
from dagster_project.publish.publication import publish
from dagster_project.settings import Settings
from dagster_project.transform.dbt import container_memory, memory_limit
from dagster_project.transform.engines.duckdb import open_work_db
from dagster_project.transform.history import partition_file

MIB = 2**20
NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
Usage = namedtuple("Usage", "total used free")


def make(home: Path, **options: object) -> Settings:
    settings = Settings.model_validate(
        {"home": home, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}, **options}
    )
    drop = settings.source_dir("zoho") / "2026-06-29"
    drop.mkdir(parents=True, exist_ok=True)
    (drop / "_SUCCESS").touch()
    return settings


def put(settings: Settings, rows: int) -> int:
    path = settings.source_dir("zoho") / "2026-06-29" / "Accounts.csv"
    lines = [f"zcrm_{n},甲公司{n}" for n in range(rows)]
    path.write_text("\n".join(["Record Id,Account Name", *lines]) + "\n", encoding="utf-8")
    return path.stat().st_size


def set_free(monkeypatch: pytest.MonkeyPatch, *, disk: int = 2**40, memory: int = 2**40) -> None:
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: Usage(2**41, 0, disk))
    monkeypatch.setattr(
        preflight.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory)
    )
    monkeypatch.setattr(preflight, "container_memory", lambda: None)


def test_new_drops_count_until_they_are_landed(tmp_path: Path) -> None:
    settings = make(tmp_path)
    size = put(settings, 100)
    assert preflight.new_drop_bytes(settings) == size
    load_exports(settings, now=NOW)
    assert preflight.new_drop_bytes(settings) == 0
    size = put(settings, 200)
    assert preflight.new_drop_bytes(settings) == size


def test_a_full_disk_is_refused_with_folder_need_free_and_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path, limits={"disk_factor": 5, "min_free_disk": "10MiB"})
    size = put(settings, 100_000)
    settings.work_dir.mkdir()
    settings.work_db.write_bytes(b"x" * 2 * MIB)
    current = settings.published_dir / "runs" / "r1"
    current.mkdir(parents=True)
    (current / "a.parquet").write_bytes(b"x" * MIB)
    (settings.published_dir / "kefen.duckdb").write_bytes(b"x" * 3 * MIB)
    (settings.published_dir / "current").symlink_to("runs/r1")
    total = 5 * size + (10 + 2 + 1 + 3) * MIB

    set_free(monkeypatch, disk=total)
    check(settings, environment={})
    set_free(monkeypatch, disk=total - 1)
    with pytest.raises(PreflightError) as caught:
        prepare(settings, now=NOW)

    said = str(caught.value)
    for words in (
        f"{settings.raw_dir}: {5 * size / MIB:.1f} MiB",
        "limits.disk_factor 5",
        f"{settings.work_dir}: 2.0 MiB",
        f"{settings.published_dir}: 4.0 MiB",
        f"has {total / MIB:.1f} MiB free",
        "limits.min_free_disk",
        "nothing was published",
        "磁盘空间不足",
    ):
        assert words in said
    assert not (settings.raw_dir / "_manifest").exists()


def test_dates_that_runs_share_need_no_room(tmp_path: Path) -> None:
    settings = make(tmp_path)
    earlier, current = (settings.published_dir / "runs" / name for name in ("r1", "r2"))
    for n in (1, 2):
        path = partition_file(earlier, date(2026, 6, n))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * MIB)
        linked = partition_file(current, date(2026, 6, n))
        linked.parent.mkdir(parents=True)
        linked.hardlink_to(path)
    # What a file system without links copies has one name only, like the newest date.
    own = partition_file(current, date(2026, 6, 3))
    own.parent.mkdir(parents=True)
    own.write_bytes(b"x" * 2 * MIB)
    (settings.published_dir / "current").symlink_to("runs/r2")
    assert preflight.needs(settings)[-1].size == 2 * MIB


def test_a_first_night_makes_everything_of_the_drops(tmp_path: Path) -> None:
    settings = make(tmp_path, limits={"disk_factor": 10})
    size = put(settings, 1000)
    assert [need.size for need in preflight.needs(settings)] == [10 * size] * 3
    # A deleted working database is made of the raw zone.
    load_exports(settings, now=NOW)
    shutil.rmtree(settings.work_dir)
    raw, work, _ = preflight.needs(settings)
    landed = sum(path.stat().st_size for path in settings.raw_dir.rglob("*") if path.is_file())
    assert (raw.size, work.size) == (0, 10 * landed)


def test_what_killed_runs_left_is_removed_before_room_is_asked_for(tmp_path: Path) -> None:
    settings = make(tmp_path)
    left = [
        settings.published_dir / ".publishing-r1.duckdb",
        settings.raw_dir / "_tmp" / "half.parquet",
        settings.work_dir / "duckdb_tmp" / "spilled.tmp",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    check(settings, environment={})
    assert [path for path in left if path.exists()] == []


def test_little_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_free(monkeypatch, memory=600 * MIB)
    check(make(tmp_path), environment={})
    with pytest.raises(PreflightError, match=r"600\.0 MiB free, expected 1\.0 GiB \(duckdb\."):
        check(make(tmp_path, duckdb={"memory_limit": "1GiB"}), environment={})
    set_free(monkeypatch, memory=100 * MIB)
    with pytest.raises(PreflightError, match=r"内存不足.*limits\.min_free_memory"):
        check(make(tmp_path), environment={})


def test_memory_that_others_hold_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_free(monkeypatch, memory=600 * MIB)
    settings = make(tmp_path, notices=[{"kind": "webhook", "url_env": "HOOK"}])
    with caplog.at_level(logging.WARNING):
        check(settings, environment={})
    assert "600.0 MiB of memory are free" in caplog.text
    assert "the environment variable HOOK is not set" in caplog.text


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{900 * MIB}\n")
    (tmp_path / "memory.stat").write_text(
        f"anon {400 * MIB}\ninactive_file {300 * MIB}\nactive_file {200 * MIB}\n"
    )
    assert container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text(f"{1000 * MIB}\n")
    found = container_memory(tmp_path)
    assert found
    assert (found.total, found.free) == (1000 * MIB, 600 * MIB)
    monkeypatch.setattr("dagster_project.transform.dbt.container_memory", lambda: found)
    assert memory_limit(make(tmp_path)) == "600MiB"


@dataclass
class Disk:
    """A folder that fills up while `filling` is entered."""

    folder: Path
    filling: AbstractContextManager[object]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """A published folder of 2 MiB: a file system of its own, else a limit for files."""
    folder = tmp_path / "home" / "published"
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        # Nobody may mount here: no file may grow as large as the database would.
        yield Disk(folder, files_up_to(MIB))
        return
    try:
        yield Disk(folder, nullcontext())
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def fill(settings: Settings, rows: int) -> None:
    with open_work_db(settings) as connection:
        connection.execute(
            "create or replace table customers as "
            f"select md5(n::varchar) as customer_key from range({rows}) as numbers (n)"
        )


def test_a_disk_that_fills_while_publishing_leaves_what_readers_see(small_disk: Disk) -> None:
    folder = small_disk.folder
    settings = make(folder.parent)
    fill(settings, 1_000)
    publish(settings, run_id="yesterday")
    database = folder / "kefen.duckdb"
    before = database.read_bytes()

    fill(settings, 60_000)
    with small_disk.filling, pytest.raises((duckdb.Error, OSError)) as caught:
        publish(settings, run_id="today")

    assert database.read_bytes() == before
    assert (folder / "current").readlink() == Path("runs/yesterday")
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute("select count(*) from customers").fetchall() == [(1_000,)]
    said = explain_shortage(str(caught.value), settings)
    assert said
    for words in ("磁盘已满", f"{folder}: needs about", "free", "untouched", "publish.keep_runs"):
        assert words in said

    # What half a publication takes is given back before room is asked for again.
    limits = settings.limits.model_copy(update={"min_free_disk": "1KiB"})
    check(settings.model_copy(update={"limits": limits}), environment={})
    assert list(folder.rglob(".publishing-*")) == []


def test_memory_that_runs_out_is_explained(tmp_path: Path) -> None:
    settings = make(tmp_path, duckdb={"memory_limit": "10MiB"})
    with (
        duckdb.connect(config={"memory_limit": "10MB", "temp_directory": ""}) as connection,
        pytest.raises(duckdb.OutOfMemoryException) as caught,
    ):
        connection.execute("select count(distinct md5(n::varchar)) from range(1000000) as t (n)")
    said = explain_shortage(str(caught.value), settings)
    assert said
    for words in ("内存不足", "limit 10MiB (duckdb.memory_limit)", "duckdb_tmp", "duckdb.threads"):
        assert words in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Runtime Error in model x: IO Error: Could not write: No space left on device", "磁盘"),
        ("[Errno 28] No space left on device: '/srv/kefen/raw/x'", "磁盘"),
        ("[Errno 122] Disk quota exceeded", "磁盘"),
        ("limit was set by the 'max_temp_directory_size' setting. Out of Memory Error", "磁盘"),
        ("Database Error: Out of Memory Error: could not allocate block", "内存"),
        ("OSError: [Errno 12] Cannot allocate memory", "内存"),
        ("Binder Error: column not found", None),
        ("NothingToDoError: no complete drop was found", None),
    ],
)
def test_shortages_are_told_from_other_errors(
    tmp_path: Path, words: str, found: str | None
) -> None:
    said = explain_shortage(words, make(tmp_path))
    assert (found in said) if found and said else said is found


def test_sizes_of_what_is_not_there_yet_are_zero(tmp_path: Path) -> None:
    settings = make(tmp_path / "new")
    assert [need.size for need in preflight.needs(settings)] == [0, 0, 0]
    shutil.rmtree(settings.home)
    check(settings, environment={})


def test_an_archive_needs_room_for_what_it_holds(tmp_path: Path) -> None:
    archive = tmp_path / "Data_001.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("Accounts_001.csv", "a" * 100_000)
    assert preflight.unpacked_size(archive, archive.stat().st_size) == 100_000
    archive.write_bytes(archive.read_bytes()[:50])
    assert preflight.unpacked_size(archive, 50) == 50
    assert preflight.unpacked_size(tmp_path / "orders.csv", 7) == 7
