"""Publishing: whole or not at all, durable before visible, old runs pruned."""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project.night import open_work_db
from dagster_project.publish import publication
from dagster_project.publish.publication import PublicationError, publish
from dagster_project.settings import Settings

# Number of the storage format that DuckDB 1.2 introduced; later readers read it as well.
STORAGE_OF_1_2 = 65


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # A folder as users have them: a blank, a quote and Chinese in the path.
    home = tmp_path / "王's 数据"
    made = Settings.model_validate(
        {"home": home, "sources": {"zoho": {"path": "exports/zoho"}}, "publish": {"keep_runs": 2}}
    )
    fill(made, "first")
    return made


def fill(settings: Settings, value: str) -> None:
    with open_work_db(settings) as connection:
        connection.execute(
            "create or replace table customers as "
            "select n as customer_key, ? as value, date '2026-06-30' as day, 1.50::decimal(18, 2) "
            "as net_base from range(3) as numbers (n)",
            (value,),
        )
        connection.execute("create or replace table nobody (customer_key varchar)")
        connection.execute("create schema if not exists staging")
        connection.execute("create or replace table staging.hidden as select 1 as one")


def values(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return [r[0] for r in duckdb.sql("select value from read_parquet($1)", params=[str(path)])
                .fetchall()]  # fmt: skip
    with duckdb.connect(str(path), read_only=True) as connection:
        return [row[0] for row in connection.execute("select value from customers").fetchall()]


def state(folder: Path) -> dict[str, bytes | str]:
    """Every file that a reader can see, and where the link points."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and ".publishing-" not in str(path)
        and path.name != ".order"
    }


def test_a_publication_is_the_tables_of_main_twice(settings: Settings) -> None:
    done = publish(settings, run_id="r1")

    published = settings.published_dir
    assert done.tables == {"customers": 3, "nobody": 0}
    assert done.database == published / "kefen.duckdb"
    assert values(published / "kefen.duckdb") == ["first"] * 3
    assert values(published / "current" / "customers.parquet") == ["first"] * 3
    assert sorted(path.name for path in done.run_dir.iterdir()) == [
        "customers.parquet", "nobody.parquet",
    ]  # fmt: skip
    with duckdb.connect(str(published / "kefen.duckdb"), read_only=True) as connection:
        assert connection.execute(
            "select schema_name, table_name from duckdb_tables() order by 2"
        ).fetchall() == [("main", "customers"), ("main", "nobody")]


def test_readers_of_duckdb_1_2_can_open_the_database(settings: Settings) -> None:
    publish(settings, run_id="r1")

    header = (settings.published_dir / "kefen.duckdb").read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert struct.unpack_from("<Q", header, 12)[0] <= STORAGE_OF_1_2
    # One file: nothing of it waits in a write-ahead log.
    assert not list(settings.published_dir.glob("*.wal"))


def test_a_reader_keeps_its_snapshot_while_a_new_one_sees_the_new(settings: Settings) -> None:
    publish(settings, run_id="r1")
    database = settings.published_dir / "kefen.duckdb"
    # By another name of the same file, so that this process does not share the connection.
    elsewhere = settings.home / "reader.duckdb"
    elsewhere.hardlink_to(database)
    with duckdb.connect(str(elsewhere), read_only=True) as reader:
        fill(settings, "second")
        publish(settings, run_id="r2")
        assert reader.execute("select distinct value from customers").fetchall() == [("first",)]
        assert values(database) == ["second"] * 3


def test_what_is_seen_was_made_durable_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, run_id="r1")
    published = settings.published_dir
    calls: list[tuple[str, str]] = []

    def place(path: object) -> str:
        return str(Path(str(path)).relative_to(published))

    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", place(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_fsync(descriptor)

    def recorded(name: str) -> Callable[[object, object], None]:
        real = getattr(os, name)

        def call(source: object, target: object) -> None:
            calls.append((name, f"{place(source)} -> {place(target)}"))
            real(source, target)

        return call

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", recorded("rename"))
    monkeypatch.setattr(os, "replace", recorded("replace"))
    publish(settings, run_id="r2")

    assert sorted(calls[:2]) == [
        ("fsync", "runs/.publishing-r2/customers.parquet"),
        ("fsync", "runs/.publishing-r2/nobody.parquet"),
    ]
    assert calls[2:] == [
        ("fsync", "runs/.publishing-r2"),
        ("fsync", ".publishing-r2.duckdb"),
        ("rename", "runs/.publishing-r2 -> runs/r2"),
        ("fsync", "runs"),
        ("fsync", ".publishing-.order"),
        ("replace", ".publishing-.order -> .order"),
        ("replace", ".publishing-r2.duckdb -> kefen.duckdb"),
        ("replace", ".publishing-current -> current"),
        ("fsync", "."),
    ]


def test_old_runs_go_and_the_current_one_stays(settings: Settings) -> None:
    for run_id in ("r2", "r3", "r4"):
        publish(settings, run_id=run_id)
    runs = settings.published_dir / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["r3", "r4"]

    # The clock of the machine was set back: the newest run sorts first.
    publish(settings, run_id="r1")
    assert sorted(path.name for path in runs.iterdir()) == ["r1", "r4"]
    assert (settings.published_dir / "current").resolve().name == "r1"


def test_runs_of_a_clock_that_was_ahead_do_not_drive_out_later_ones(settings: Settings) -> None:
    for run_id in ("r1", "r8", "r9", "r2", "r3"):
        publish(settings, run_id=run_id)

    # Who reads the files of r2 when r3 is published can go on.
    runs = settings.published_dir / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["r2", "r3"]


def test_runs_without_a_noted_order_go_first(settings: Settings) -> None:
    for run_id in ("r1", "r2"):
        publish(settings, run_id=run_id)
    (settings.published_dir / ".order").unlink()

    publish(settings, run_id="r0")

    runs = settings.published_dir / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["r0", "r2"]


def test_an_older_date_writes_its_run_folder_only(settings: Settings) -> None:
    publish(settings, run_id="r1")
    before = state(settings.published_dir)
    fill(settings, "older")

    done = publish(settings, run_id="r2", replace_current=False)

    after = state(settings.published_dir)
    assert done.database is None
    assert values(done.run_dir / "customers.parquet") == ["older"] * 3
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"runs/r2/customers.parquet", "runs/r2/nobody.parquet"}


def _lose_a_row(text: str) -> Callable[..., int]:
    real = publication._count

    def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
        return real(connection, query) - (text in query and "customers" in query)

    return count


@pytest.mark.parametrize("copy", ["read_parquet", "fresh.main"])
def test_a_failed_audit_leaves_everything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, copy: str
) -> None:
    publish(settings, run_id="r1")
    before = state(settings.published_dir)
    fill(settings, "second")
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_count", _lose_a_row(copy))
        with pytest.raises(PublicationError, match="has 2 rows, the working table has 3"):
            publish(settings, run_id="r2")
    assert state(settings.published_dir) == before

    # The next one removes what the failed one left, and succeeds.
    publish(settings, run_id="r3")
    assert values(settings.published_dir / "kefen.duckdb") == ["second"] * 3
    assert not list(settings.published_dir.rglob(".publishing-*"))


def test_nothing_to_publish_is_an_error(settings: Settings) -> None:
    publish(settings, run_id="r1")
    before = state(settings.published_dir)
    settings.work_db.unlink()
    open_work_db(settings).close()
    with pytest.raises(PublicationError, match="no table in schema main; expected the marts"):
        publish(settings, run_id="r2")
    assert state(settings.published_dir) == before


@pytest.fixture
def killed_at(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Stop a publication dead before a system call, as a power cut would."""

    class PowerCutError(BaseException):
        pass

    def kill(name: str) -> None:
        def stop(*_: object) -> None:
            raise PowerCutError

        with monkeypatch.context() as patch:
            patch.setattr(os, name, stop)
            with pytest.raises(PowerCutError):
                publish(settings, run_id="r2")

    return kill


@pytest.mark.parametrize("call", ["fsync", "rename", "replace", "symlink"])
def test_a_publication_cut_off_anywhere_leaves_a_whole_one(
    settings: Settings, killed_at: Callable[[str], None], call: str
) -> None:
    publish(settings, run_id="r1")
    fill(settings, "second")

    killed_at(call)

    published = settings.published_dir
    assert set(values(published / "kefen.duckdb")) <= {"first", "second"}
    assert len(values(published / "current" / "customers.parquet")) == 3
    publish(settings, run_id="r3")
    assert values(published / "kefen.duckdb") == ["second"] * 3
    assert values(published / "current" / "customers.parquet") == ["second"] * 3
    assert not list(published.rglob(".publishing-*"))


def write_page(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "records").mkdir(parents=True)
        (folder / "index.html").write_text(text)
        (folder / "records" / "page.html").write_text(text)

    return write


def test_folders_are_swapped_in_with_the_tables_of_their_run(settings: Settings) -> None:
    published = settings.published_dir
    for run_id in ("r1", "r2", "r3"):
        publish(settings, run_id=run_id, folders={"data_docs": write_page(run_id)})

        assert (published / "data_docs" / "index.html").read_text() == run_id
        assert (published / "data_docs" / "records" / "page.html").read_text() == run_id
    # Old ones go with their run.
    assert sorted(path.name for path in (published / "runs").iterdir()) == ["r2", "r3"]
    assert (published / "runs" / "r2" / "data_docs" / "index.html").read_text() == "r2"
    assert not list(published.rglob(".publishing-*"))


def test_a_folder_that_was_not_filled_is_not_there(settings: Settings) -> None:
    link = settings.published_dir / "data_docs"
    publish(settings, run_id="r1", folders={"data_docs": lambda _: None})
    assert not link.is_symlink()
    publish(settings, run_id="r2", folders={"data_docs": write_page("r2")})
    assert link.is_dir()
    # Docs of another night would be taken for this one's.
    publish(settings, run_id="r3", folders={"data_docs": lambda _: None})
    assert not link.is_symlink()


def test_an_older_date_writes_no_folders(settings: Settings) -> None:
    publish(settings, run_id="r1", folders={"data_docs": write_page("r1")})
    before = state(settings.published_dir)

    publish(
        settings, run_id="r2", replace_current=False, folders={"data_docs": write_page("older")}
    )

    after = state(settings.published_dir)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"runs/r2/customers.parquet", "runs/r2/nobody.parquet"}


def test_a_folder_that_cannot_be_filled_leaves_everything(settings: Settings) -> None:
    publish(settings, run_id="r1", folders={"data_docs": write_page("r1")})
    before = state(settings.published_dir)
    fill(settings, "second")

    def fail(folder: Path) -> None:
        write_page("half")(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        publish(settings, run_id="r2", folders={"data_docs": fail})
    assert state(settings.published_dir) == before
    publish(settings, run_id="r3", folders={"data_docs": write_page("r3")})
    assert not list(settings.published_dir.rglob(".publishing-*"))


@pytest.mark.parametrize("call", ["fsync", "rename", "replace", "symlink"])
def test_folders_cut_off_anywhere_are_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    publish(settings, run_id="r1", folders={"data_docs": write_page("r1")})

    class PowerCutError(BaseException):
        pass

    def stop(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(os, call, stop)
        with pytest.raises(PowerCutError):
            publish(settings, run_id="r2", folders={"data_docs": write_page("r2")})

    docs = settings.published_dir / "data_docs"
    assert (docs / "index.html").read_text() == (docs / "records" / "page.html").read_text() == "r1"
    publish(settings, run_id="r3", folders={"data_docs": write_page("r3")})
    assert (docs / "index.html").read_text() == "r3"
    assert not list(settings.published_dir.rglob(".publishing-*"))


def test_folders_are_durable_before_they_are_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        calls.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real_fsync(descriptor)

    def rename(source: object, target: object) -> None:
        calls.append("rename")
        real_rename(str(source), str(target))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    publish(settings, run_id="r1", folders={"data_docs": write_page("r1")})

    before = calls[: calls.index("rename")]
    assert {"index.html", "page.html", "records", "data_docs"} <= set(before)
