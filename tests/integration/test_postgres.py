"""Publishing to PostgreSQL, on a real server: the same rows, swapped as a whole, or not at all."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dagster_project import night
from dagster_project.night import finish, open_work_db, run_id_of
from dagster_project.publish import postgres
from dagster_project.publish.publication import Beside, Publication, PublicationError, publish
from dagster_project.settings import PROJECT_DIR, Settings
from tests.support import NOW, published, query, tables_of

URL = "KEFEN_POSTGRES_URL"
ODD = """
    select * from (values
        (1, '王芳', true, 1.50::decimal(18, 2), date '2026-06-30',
            timestamp '2026-06-30 10:00:00.123456', 0.1::double, 9007199254740993),
        (2, '', false, -99999999999999.99, date '0001-01-01', timestamp '9999-12-31 23:59:59',
            1e-7, -1),
        (3, E'a"b,c;\\t\\\\N\\\\.\\r\\nd''e', null, 0.01, null, null, 'infinity'::double, 0),
        (4, 'nul' || chr(0) || 'in 😀' || chr(8203) || chr(12288) || chr(127) || 'text',
            true, null, date '2026-02-28', null, 'nan'::double, null),
        (5, E'\\\\.', null, null, null, null, null, null),
        (6, null, null, null, null, null, -1.7976931348623157e308, null)
    ) as odd (n, text, flag, amount, day, seen_at, share, big)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of our own, without a database name."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="kefen_pg_") as folder:
        # It falls back to /tmp where no runtime folder is set, and says so.
        warnings.simplefilter("ignore")
        import pgserver  # noqa: PLC0415

        with pgserver.get_server(Path(folder) / "data") as running:
            yield running.get_uri()


@pytest.fixture
def url(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A database of the test's own, named in the environment."""
    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    own = server.replace("/postgres?", f"/{name}?")
    monkeypatch.setenv(URL, own)
    yield own
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def settings_of(home: Path, **changes: object) -> Settings:
    return Settings.model_validate(
        {
            "home": home,
            "sources": {"zoho": {"path": "exports/zoho"}},
            "publish": {"postgres": {"schema": "kefen", **changes}},
        }
    )


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    made = settings_of(tmp_path / "王's home")
    fill(made, "first")
    return made


def fill(settings: Settings, mark: str, *, rows: int = 3) -> None:
    with open_work_db(settings) as connection:
        connection.execute(
            "create or replace table customer_classification as "
            "select date '2026-06-30' as as_of_date, 'c' || n as customer_key, $mark as mark "
            "from range($rows) as numbers (n)",
            {"mark": mark, "rows": rows},
        )
        connection.execute(
            "create or replace table customer_rfm as from customer_classification limit 3"
        )
        connection.execute(f"create or replace table odd as {ODD}")


def publish_both(settings: Settings, run_id: str) -> Publication:
    return publish(settings, run_id=run_id, beside=night._beside(settings))


def outcome(done: Publication) -> Beside:
    assert done.beside
    return done.beside


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def marks(url: str) -> list[tuple[Any, ...]]:
    return ask(
        url,
        "select distinct a.mark, b.mark from kefen.customer_classification as a "
        "full join kefen.customer_rfm as b on a.customer_key = b.customer_key",
    )


def schemas(url: str) -> list[str]:
    found = ask(url, "select nspname from pg_namespace where nspname like 'kefen%' order by 1")
    return [re.sub(r"\d+$", "n", name) for (name,) in found]


def rows_here(database: Path, table: str) -> list[str]:
    return sorted(repr(row) for row in query(database, f"from {table}"))


def rows_there(url: str, table: str, schema: str = "kefen") -> list[str]:
    return sorted(repr(row) for row in ask(url, f"select * from {schema}.{table}"))


def test_every_table_holds_the_same_rows_in_fitting_types(settings: Settings, url: str) -> None:
    done = publish_both(settings, "r1")

    assert outcome(done).fault is None
    assert outcome(done).tables == done.tables
    for table in ("customer_classification", "customer_rfm"):
        assert rows_there(url, table) == rows_here(published(settings.home), table)
    # The NUL character is the one thing that PostgreSQL's text cannot hold.
    here = [row.replace("\\x00", "") for row in rows_here(published(settings.home), "odd")]
    assert rows_there(url, "odd") == here
    assert Decimal("-99999999999999.99") in [r[0] for r in ask(url, "select amount from kefen.odd")]
    assert ask(
        url,
        "select column_name, data_type, numeric_precision, numeric_scale "
        "from information_schema.columns where table_schema = 'kefen' and table_name = 'odd' "
        "order by ordinal_position",
    ) == [
        ("n", "integer", 32, 0),
        ("text", "text", None, None),
        ("flag", "boolean", None, None),
        ("amount", "numeric", 18, 2),
        ("day", "date", None, None),
        ("seen_at", "timestamp without time zone", None, None),
        ("share", "double precision", 53, None),
        ("big", "bigint", 64, 0),
    ]


def test_tables_are_described_and_indexed_by_their_keys(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")

    ((table, column),) = ask(
        url,
        "select obj_description('kefen.customer_classification'::regclass, 'pg_class'), "
        "col_description('kefen.customer_classification'::regclass, 2)",
    )
    assert "；" in table
    assert "One row per living customer" in table
    assert column.startswith("客户")
    indexes = ask(url, "select indexdef from pg_indexes where tablename = 'customer_rfm'")
    assert sorted(text.split("btree ")[1] for (text,) in indexes) == [
        "(as_of_date)",
        "(customer_key, as_of_date)",
    ]


def test_rights_are_carried_over(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ("analyst", "bi-team", "newcomer"):
            if not connection.execute(
                "select from pg_roles where rolname = %s", (role,)
            ).fetchone():
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        connection.execute("grant usage on schema kefen to analyst, newcomer")
        connection.execute("grant select on kefen.customer_rfm to analyst with grant option")
        connection.execute("grant select on kefen.odd to public")
        connection.execute('grant select (mark) on kefen.customer_classification to "bi-team"')
        connection.execute(
            "alter default privileges in schema kefen grant select on tables to newcomer"
        )
    with open_work_db(settings) as work:
        work.execute("create table customer_abc as from customer_rfm")

    # Twice: what was carried over is carried over again.
    publish_both(settings, "r2")
    publish_both(settings, "r3")

    ((found),) = ask(
        url,
        """
        select has_schema_privilege('analyst', 'kefen', 'usage'),
            has_table_privilege('analyst', 'kefen.customer_rfm', 'select with grant option'),
            has_table_privilege('analyst', classes, 'select'),
            has_table_privilege('bi-team', 'kefen.odd', 'select'),
            has_column_privilege('bi-team', classes, 'mark', 'select'),
            has_column_privilege('bi-team', classes, 'customer_key', 'select'),
            has_table_privilege('newcomer', 'kefen.customer_abc', 'select'),
            has_table_privilege('analyst', 'kefen.customer_abc', 'select')
        from (values ('kefen.customer_classification')) as names (classes)
        """,
    )
    assert found == (True, True, False, True, True, False, True, False)


def documented(kind: str) -> list[str]:
    """Read the statements of BI.md in the blocks of a kind."""
    text = (PROJECT_DIR / "BI.md").read_text("utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_documented_roles_have_the_rights_they_need(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (setting_up,), (granting,) = documented("sql administrator"), documented("sql kefen")
    own, reader = (url.replace("postgres:@", f"{role}:@") for role in ("kefen", "bi"))
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(setting_up.replace("database crm", f"database {name}"))
    monkeypatch.setenv(URL, own)
    publish_both(settings, "r1")
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute(granting)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema reports authorization bi")
    with psycopg.connect(reader, autocommit=True) as connection:
        connection.execute("create view reports.shown as select mark from kefen.customer_rfm")
    fill(settings, "second")
    with open_work_db(settings) as work:
        work.execute("create table customer_abc as from customer_rfm")

    publish_both(settings, "r2")

    assert marks(reader) == [("second", "second")]
    assert ask(reader, "select distinct mark from reports.shown") == [("second",)]
    assert len(ask(reader, "select * from kefen.customer_abc")) == 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, "delete from kefen.customer_abc returning 1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop owned by kefen cascade")
        connection.execute("drop owned by bi cascade")
        connection.execute("drop role kefen, bi")


def test_the_next_publication_replaces_tables_and_columns(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")
    with open_work_db(settings) as connection:
        connection.execute("alter table customer_rfm drop column mark")
        connection.execute("alter table customer_rfm add column extra integer")
        connection.execute("drop table odd")

    publish_both(settings, "r2")

    found = ask(
        url,
        "select table_name, string_agg(column_name, ' ' order by ordinal_position) "
        "from information_schema.columns where table_schema = 'kefen' group by 1 order by 1",
    )
    assert found == [
        ("customer_classification", "as_of_date customer_key mark"),
        ("customer_rfm", "as_of_date customer_key extra"),
    ]
    assert schemas(url) == ["kefen"]


def test_views_of_others_read_the_new_tables(
    settings: Settings, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish_both(settings, "r1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema reports")
        connection.execute(
            'create view reports."Kunden" as select c.customer_key, r.mark '
            "from kefen.customer_classification as c inner join kefen.customer_rfm as r "
            "on c.customer_key = r.customer_key"
        )
        connection.execute('create view reports.above as select mark from reports."Kunden"')
        connection.execute("create view reports.odd as select text from kefen.odd")
    fill(settings, "second")
    with open_work_db(settings) as work:
        work.execute("alter table odd drop column text")

    with caplog.at_level("WARNING"):
        publish_both(settings, "r2")

    assert ask(url, "select distinct mark from reports.above") == [("second",)]
    # What is gone cannot be shown: the view keeps the last tables that had it, and is named.
    assert len(ask(url, "select * from reports.odd")) == 6
    assert "the view reports.odd still reads the tables of an earlier night" in caplog.text
    assert schemas(url) == ["kefen", "kefen_old_n"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop view reports.odd")
    publish_both(settings, "r3")
    assert schemas(url) == ["kefen"]


def test_a_view_that_could_not_be_pointed_to_the_new_tables_is_tried_again_each_night(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create role lone login; create schema lone authorization lone")
        connection.execute("create role publisher login")
        connection.execute(f"grant create on database {connection.info.dbname} to publisher")
    monkeypatch.setenv(URL, url.replace("postgres:@", "publisher:@"))
    publish_both(settings, "r1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("grant usage on schema kefen to lone")
        connection.execute("grant select on all tables in schema kefen to lone")
        connection.execute("set role lone")
        connection.execute("create view lone.shown as select mark from kefen.customer_rfm")
    for run, mark in (("r2", "second"), ("r3", "third")):
        fill(settings, mark)
        caplog.clear()
        with caplog.at_level("WARNING"):
            publish_both(settings, run)
        assert ask(url, "select distinct mark from lone.shown") == [("first",)]
        assert "the view lone.shown still reads the tables of an earlier night" in caplog.text
        assert "permission denied for schema lone" in caplog.text

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("grant lone to publisher")
    fill(settings, "fourth")
    publish_both(settings, "r4")

    assert ask(url, "select distinct mark from lone.shown") == [("fourth",)]
    assert schemas(url) == ["kefen"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop owned by lone, publisher cascade")
        connection.execute("drop role lone, publisher")


def test_a_reader_never_meets_two_nights(settings: Settings, url: str) -> None:
    publish_both(settings, "r0")
    seen: list[Any] = []
    is_over = threading.Event()

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.is_set():
                try:
                    row = connection.execute(
                        "select (select min(mark) from kefen.customer_classification), "
                        "(select max(mark) from kefen.customer_rfm), "
                        "(select count(*) from kefen.customer_classification)"
                    ).fetchone()
                except psycopg.Error as error:
                    row = (repr(error),)
                seen.append(row)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 6):
            fill(settings, f"night {number}", rows=1000 + number)
            assert outcome(publish_both(settings, f"r{number}")).fault is None
    finally:
        is_over.set()
        for reader in readers:
            reader.join()

    expected = {(f"night {n}", f"night {n}", 1000 + n) for n in range(1, 6)}
    assert set(seen) <= expected | {("first", "first", 3)}
    assert len(set(seen)) > 2
    assert ask(url, "select distinct mark from kefen.customer_rfm") == [("night 5",)]


def test_a_transaction_that_stays_open_keeps_its_tables_and_holds_up_nobody(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "READERS_SECONDS", 0.0)
    publish_both(settings, "r1")
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        cursor = reader.cursor("open")
        cursor.execute("select mark from kefen.customer_classification")
        assert cursor.fetchone() == ("first",)
        fill(settings, "second")
        assert outcome(publish_both(settings, "r2")).fault is None
        # The rest of what it began to read; a table it did not touch yet is the new one, not empty.
        assert cursor.fetchall() == [("first",)] * 2
        assert reader.execute("select distinct mark from kefen.customer_rfm").fetchall() == [
            ("second",)
        ]
        assert marks(url) == [("second", "second")]
        assert schemas(url) == ["kefen", "kefen_old_n"]

    publish_both(settings, "r3")
    assert schemas(url) == ["kefen"]


KILLED = """
import sys
from pathlib import Path
from dagster_project.night import _beside
from dagster_project.settings import Settings

settings = Settings.model_validate_json(sys.argv[1])
with _beside(settings)(Path(sys.argv[2])):
    print("loaded", flush=True)
    sys.stdin.readline()
"""


def test_a_killed_publication_leaves_what_was_there(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")
    fill(settings, "second")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, settings.model_dump_json(), str(settings.work_db)],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "loaded\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL

    assert marks(url) == [("first", "first")]
    assert schemas(url) == ["kefen"]
    publish_both(settings, "r2")
    assert marks(url) == [("second", "second")]


def test_files_that_cannot_be_swapped_leave_postgres_as_it_was(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_both(settings, "r1")
    fill(settings, "second")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            publish_both(settings, "r2")

    assert marks(url) == [("first", "first")]
    assert schemas(url) == ["kefen"]


def end_backends(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'kefen' and datname = current_database()"
        )


@pytest.mark.parametrize("required", [True, False])
def test_a_server_lost_while_loading(
    settings: Settings, url: str, required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_both(settings, "r1")
    changed = settings_of(settings.home, required=required)
    fill(changed, "second")
    real = postgres._index

    def lost(*arguments: Any) -> None:
        end_backends(url)
        real(*arguments)

    monkeypatch.setattr(postgres, "_index", lost)
    if required:
        with pytest.raises(
            PublicationError, match=r"terminating connection.*nothing was published"
        ):
            publish_both(changed, "r2")
    else:
        assert "readers see what was published before" in (
            outcome(publish_both(changed, "r2")).fault or ""
        )

    assert marks(url) == [("first", "first")]
    expected = "first" if required else "second"
    assert query(published(settings.home), "select distinct mark from customer_rfm") == [
        (expected,)
    ]


def test_a_server_lost_once_the_files_are_swapped_is_told_and_fails_nothing(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_both(settings, "r1")
    fill(settings, "second")
    real = postgres._show

    def lost(*arguments: Any) -> None:
        end_backends(url)
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "_show", lost)
        done = outcome(publish_both(settings, "r2"))

    assert done.fault
    assert done.tables == {}
    assert query(published(settings.home), "select distinct mark from customer_rfm") == [
        ("second",)
    ]
    assert marks(url) == [("first", "first")]
    publish_both(settings, "r3")
    assert marks(url) == [("second", "second")]


@pytest.mark.parametrize("required", [True, False])
def test_a_server_that_is_down(
    tmp_path: Path, required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "postgresql://kefen:s3cret@127.0.0.1:1/crm")
    settings = settings_of(tmp_path, required=required)
    fill(settings, "first")

    if required:
        with pytest.raises(PublicationError) as caught:
            publish_both(settings, "r1")
        said = str(caught.value)
        assert "publish.postgres.required: false" in said
        assert not published(settings.home).exists()
        assert not (settings.published_dir / "current").exists()
    else:
        said = outcome(publish_both(settings, "r1")).fault or ""
        assert published(settings.home).exists()
    assert "127.0.0.1" in said
    assert "refused" in said
    assert "s3cret" not in said


def test_a_url_that_is_not_set_is_named_before_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL, raising=False)

    with pytest.raises(PublicationError, match="variable KEFEN_POSTGRES_URL is not set"):
        night.prepare(settings_of(tmp_path), now=NOW)


def test_a_url_that_is_none_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "postgres:/kefen:s3cret@db.example.com/crm")

    with pytest.raises(PublicationError, match="holds no connection URL") as caught:
        night.prepare(settings_of(tmp_path), now=NOW)

    assert "s3cret" not in str(caught.value)


def test_a_schema_kept_by_somebody_stays(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema kefen_old_1")
        connection.execute("create schema kefen_old_backup")
        connection.execute("create table kefen_old_backup.mine (n integer)")

    publish_both(settings, "r2")

    assert schemas(url) == ["kefen", "kefen_old_n", "kefen_old_backup"]


def test_a_client_that_is_not_installed_is_named_before_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "dagster_project.publish.postgres")
    monkeypatch.delattr("dagster_project.publish.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(PublicationError, match=r"needs the package psycopg.*extra postgres"):
        night.prepare(settings_of(tmp_path), now=NOW)


def test_a_schema_of_somebody_else_is_refused(settings: Settings, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema kefen")
        connection.execute("create table kefen.theirs (n integer)")

    with pytest.raises(PublicationError, match="holds 1 objects that Kefen did not write"):
        publish_both(settings, "r1")

    assert ask(url, "select count(*) from kefen.theirs") == [(0,)]
    assert not published(settings.home).exists()


def test_an_empty_schema_made_for_kefen_is_used(settings: Settings, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema kefen")

    publish_both(settings, "r1")

    assert marks(url) == [("first", "first")]


def test_a_type_without_a_counterpart_is_named(settings: Settings, url: str) -> None:
    with open_work_db(settings) as connection:
        connection.execute("create table lists as select [1, 2] as numbers")

    with pytest.raises(PublicationError, match=r"lists\.numbers is of type INTEGER\[\]"):
        publish_both(settings, "r1")


@pytest.mark.parametrize("name", ["public", "pg_kefen", "information_schema", "Kefen", "a" * 31])
def test_schema_names_that_cannot_be_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="schema"):
        settings_of(tmp_path, schema=name)


def test_settings_survive_being_handed_on(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, schema="customers")

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_an_older_date_leaves_postgres_alone(settings: Settings, url: str) -> None:
    publish_both(settings, "r1")
    fill(settings, "older")

    done = publish(
        settings,
        run_id="r2",
        replace_current=False,
        beside=night._beside(settings),
    )

    assert done.beside is None
    assert marks(url) == [("first", "first")]


def test_a_night_publishes_its_tables_there_and_says_so(
    second_evening: Callable[..., Settings], url: str
) -> None:
    settings = second_evening(publish={"postgres": {}})

    done = finish(settings, run_id=run_id_of(NOW), started_at=NOW)

    database = published(settings.home)
    tables = tables_of(database)
    assert len(tables) > 30
    for table in tables:
        assert rows_there(url, table) == rows_here(database, table), table
    for documented_query in documented("sql"):
        here = query(database, documented_query)
        with psycopg.connect(url, options="-csearch_path=kefen") as connection:
            assert len(connection.execute(documented_query).fetchall()) == len(here)
    assert f"PostgreSQL, schema kefen: tables 表 {len(tables)}" in done.summary
    uncommented = ask(
        url,
        "select distinct c.relname from pg_class as c inner join pg_attribute as a "
        "on c.oid = a.attrelid where c.relnamespace = 'kefen'::regnamespace and c.relkind = 'r' "
        "and a.attnum > 0 and col_description(c.oid, a.attnum) is null order by 1",
    )
    assert uncommented == []


def test_a_fault_that_fails_nothing_is_in_the_summary(
    second_evening: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "postgresql://kefen:s3cret@127.0.0.1:1/crm")
    settings = second_evening(publish={"postgres": {"required": False}})

    done = finish(settings, run_id=run_id_of(NOW), started_at=NOW)

    assert "**not published 未发布**: PostgreSQL ($KEFEN_POSTGRES_URL)" in done.summary
    assert "s3cret" not in done.summary
