"""Publish to PostgreSQL beside the files: the same tables, in a schema replaced as a whole.

What belongs here: types, loading, comments, indexes, grants and the swap of the schema.
What does not: which tables there are and what is in them. They are read from the prepared
database, so that both publications hold the same rows.

All of it is one transaction: a killed night leaves no trace. It ends after the files were swapped,
so that PostgreSQL never shows a night that the files do not show. Readers are never kept waiting
for the end of another's query: the schemas are renamed, and the old tables are dropped later.
"""

import io
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from pyarrow import csv

from dagster_project.publish.publication import Beside, PublicationError
from dagster_project.report.data_dictionary import published_models
from dagster_project.settings import Postgres, Settings
from dagster_project.transform.dbt import duckdb_limits

LOGGER = logging.getLogger(__name__)

# How long the swap tries to find a moment without a query on the old tables, and how long new
# queries wait for one attempt: shorter than PostgreSQL's deadlock_timeout of 1 s.
READERS_SECONDS = 10.0
_ATTEMPT = "200ms"
_BATCH_ROWS = 20_000
_KEYS = ("customer_key", "as_of_date")
_MARK = "Kefen 客分"
_EXPECTED_URL = "postgresql://user:password@host:5432/database"
_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38, 0)",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20, 0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "JSON": "json",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}

# Rights on the old schema and on its tables and columns that are there again, but the owner's own.
_GRANTS = """
    with rights as (
        select n.nspowner as owner, (aclexplode(n.nspacl)).*,
            'schema ' || quote_ident(%(next)s::text) as target, '' as columns
        from pg_namespace as n
        where n.nspname = %(old)s
        union all
        select t.relowner, (aclexplode(t.relacl)).*,
            format('table %%I.%%I', %(next)s::text, t.relname), ''
        from pg_class as t
        inner join pg_class as fresh
            on t.relname = fresh.relname and fresh.relnamespace = to_regnamespace(%(next)s::text)
        where t.relnamespace = to_regnamespace(%(old)s) and t.relkind = 'r'
        union all
        select t.relowner, (aclexplode(c.attacl)).*,
            format('table %%I.%%I', %(next)s::text, t.relname), format('(%%I)', c.attname)
        from pg_class as t
        inner join pg_attribute as c on t.oid = c.attrelid
        inner join pg_class as fresh
            on t.relname = fresh.relname and fresh.relnamespace = to_regnamespace(%(next)s::text)
        inner join pg_attribute as fresh_column
            on fresh.oid = fresh_column.attrelid and c.attname = fresh_column.attname
        where t.relnamespace = to_regnamespace(%(old)s) and t.relkind = 'r'
    )

    select format('grant %%s%%s on %%s to %%s%%s', privilege_type, columns, target,
        case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
        case when is_grantable then ' with grant option' else '' end)
    from rights
    where grantee <> owner
"""
_DEFAULT_GRANTS = """
    with rights as (
        select (aclexplode(defaclacl)).*
        from pg_default_acl
        where defaclnamespace = to_regnamespace(%(old)s) and defaclobjtype = 'r'
            and defaclrole = current_user::regrole
    )

    select format('alter default privileges in schema %%I grant %%s on tables to %%s%%s',
        %(next)s::text, privilege_type,
        case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
        case when is_grantable then ' with grant option' else '' end)
    from rights
"""

# Views of others that read the tables of a schema; views on those views follow by themselves.
_VIEWS = """
    select distinct quote_ident(n.nspname) || '.' || quote_ident(v.relname), pg_get_viewdef(v.oid)
    from pg_depend as d
    inner join pg_rewrite as r on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass
    inner join pg_class as v on r.ev_class = v.oid and v.relkind = 'v'
    inner join pg_namespace as n on v.relnamespace = n.oid
    inner join pg_class as t on d.refobjid = t.oid and d.refclassid = 'pg_class'::regclass
    where t.relnamespace = to_regnamespace(%s) and v.relnamespace <> t.relnamespace
    order by 1
"""


class PostgresError(PublicationError):
    """The publication to PostgreSQL failed; what its readers see is untouched."""


@contextmanager
def published_beside(settings: Settings, target: Postgres, database: Path) -> Iterator[Beside]:
    """Load the tables of a prepared database, and show them when the block ends without error.

    The block swaps the files; if it raises, PostgreSQL keeps what it had. Raises PostgresError
    before the block if the tables cannot be loaded and the target is required, else gives the
    fault.
    """
    beside = Beside(f"PostgreSQL, schema {target.schema_name}")
    started = time.monotonic()
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(closing(_connect(target)))
            beside.tables = _load(connection, settings, target, database)
            _rename(connection, target.schema_name)
        except (psycopg.Error, PostgresError) as error:
            beside.fault = _fault(target, error)
            if target.required:
                raise PostgresError(
                    f"{beside.fault}; nothing was published, neither there nor as files; see to "
                    "the database and run again, or set publish.postgres.required: false"
                ) from error
        yield beside
        if not beside.fault:
            _show(connection, target, beside)
    if beside.fault:
        beside.tables = {}
        LOGGER.warning("%s", beside.fault)
    beside.seconds = time.monotonic() - started


def _show(connection: psycopg.Connection, target: Postgres, beside: Beside) -> None:
    """End the transaction, once the files are swapped: from here on a fault fails no night."""
    try:
        connection.commit()
    except psycopg.Error as error:
        beside.fault = _fault(target, error)
        return
    try:
        _drop_old(connection, target.schema_name)
    except psycopg.Error as error:
        LOGGER.warning("PostgreSQL: the schema replaced stays until the next night: %s", error)


def url_of(target: Postgres) -> str:
    """Read the connection URL; PostgresError if its variable is not set or holds something else."""
    url = os.environ.get(target.url_env, "")
    if not url:
        raise PostgresError(
            f"publish.postgres: the environment variable {target.url_env} is not set; expected "
            f"{_EXPECTED_URL}"
        )
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Its message may hold the password.
        raise PostgresError(
            f"publish.postgres: the environment variable {target.url_env} holds no connection URL; "
            f"expected {_EXPECTED_URL}, with %-escapes for special characters in the password"
        ) from None
    return url


def _connect(target: Postgres) -> psycopg.Connection:
    return psycopg.connect(
        url_of(target),
        connect_timeout=10,
        # A server that is gone in the middle is noticed within a minute.
        tcp_user_timeout=60_000,
        # Poolers in front of the server do not know prepared statements.
        prepare_threshold=None,
        application_name="kefen",
    )


def _fault(target: Postgres, error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return (
        f"PostgreSQL (${target.url_env}), schema {target.schema_name}: {'; '.join(lines)}; its "
        "readers see what was published before"
    )


def _refuse_foreign(connection: psycopg.Connection, schema: str) -> None:
    """Replace only a schema that is ours, or that nobody uses yet."""
    row = connection.execute(
        "select obj_description(to_regnamespace(%(name)s), 'pg_namespace'), "
        "(select count(*) from pg_class where relnamespace = to_regnamespace(%(name)s))",
        {"name": schema},
    ).fetchone()
    if row and row[1] and not (row[0] or "").startswith(_MARK):
        raise PostgresError(
            f"the schema {schema} holds {row[1]} objects that Kefen did not write; expected an "
            "empty schema or none; set publish.postgres.schema to another name"
        )


def _load(
    connection: psycopg.Connection,
    settings: Settings,
    target: Postgres,
    database: Path,
) -> dict[str, int]:
    """Make and fill every table of the database in a new schema; rows by table."""
    old, fresh = target.schema_name, _fresh(target.schema_name)
    _refuse_foreign(connection, old)
    _drop_old(connection, old)
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(fresh)))
    connection.execute(
        sql.SQL("comment on schema {} is {}").format(
            sql.Identifier(fresh), sql.Literal(f"{_MARK}: replaced as a whole by every night")
        )
    )
    # Before the tables, which then have these rights from the start.
    _repeat_grants(connection, _DEFAULT_GRANTS, old=old, fresh=fresh)
    described = published_models()
    counts = {}
    with duckdb.connect(
        ":memory:",
        config=duckdb_limits(settings),
    ) as source:
        quoted = str(database).replace("'", "''")
        source.execute(f"attach '{quoted}' as fresh (read_only)")
        for table, columns in _columns(source).items():
            place = sql.Identifier(fresh, table)
            _create(connection, place, table, columns, described.get(table))
            counts[table] = _copy(connection, source, place, table, columns)
            _index(connection, place, columns)
            connection.execute(sql.SQL("analyze {}").format(place))
    _repeat_grants(connection, _GRANTS, old=old, fresh=fresh)
    return counts


def _columns(source: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Read the types of the columns, by table."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in source.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "semi join (from duckdb_tables() where database_name = 'fresh') as tables "
        "using (database_name, schema_name, table_name) "
        "where schema_name = 'main' order by table_name, column_index"
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def _postgres_type(table: str, column: str, kind: str) -> str:
    if kind.startswith("DECIMAL("):
        return kind.replace("DECIMAL", "numeric")
    if kind.startswith("ENUM("):
        return "text"
    if kind not in _TYPES:
        raise PostgresError(
            f"{table}.{column} is of type {kind}; expected one of {', '.join(sorted(_TYPES))} or "
            "DECIMAL; cast it in the model"
        )
    return _TYPES[kind]


def _create(
    connection: psycopg.Connection,
    place: sql.Identifier,
    table: str,
    columns: Mapping[str, str],
    described: Mapping[str, Any] | None,
) -> None:
    statements: list[sql.Composable] = [
        sql.SQL("create table {} ({})").format(
            place,
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(
                    sql.Identifier(column), sql.SQL(_postgres_type(table, column, kind))
                )
                for column, kind in columns.items()
            ),
        )
    ]
    if described:
        statements.append(
            sql.SQL("comment on table {} is {}").format(
                place, sql.Literal(described["description"])
            )
        )
        statements += [
            sql.SQL("comment on column {}.{} is {}").format(
                place, sql.Identifier(column["name"]), sql.Literal(column["description"])
            )
            for column in described["columns"]
            if column["name"] in columns
        ]
    connection.execute(sql.SQL("; ").join(statements))


def _copy(
    connection: psycopg.Connection,
    source: duckdb.DuckDBPyConnection,
    place: sql.Identifier,
    table: str,
    columns: Mapping[str, str],
) -> int:
    """Stream a table as CSV, some thousand rows at a time."""
    # PostgreSQL's text cannot hold a NUL character.
    selected = ", ".join(
        f"replace(cast(\"{column}\" as varchar), chr(0), '')"
        if kind in {"VARCHAR", "JSON"} or kind.startswith("ENUM(")
        else f'"{column}"'
        for column, kind in columns.items()
    )
    batches = source.execute(f'select {selected} from fresh.main."{table}"').to_arrow_reader(
        _BATCH_ROWS
    )
    options = csv.WriteOptions(include_header=False)
    # Frozen: a reader whose transaction began before this one sees the rows, not an empty table.
    statement = sql.SQL("copy {} from stdin (format csv, freeze)").format(place)
    rows = 0
    cursor = connection.cursor()
    with cursor.copy(statement) as copy:
        for batch in batches:
            rows += batch.num_rows
            sink = io.BytesIO()
            csv.write_csv(batch, sink, options)
            copy.write(sink.getbuffer())
    if cursor.rowcount != rows:
        raise PostgresError(f"{table} has {cursor.rowcount} rows there, {rows} here")
    return rows


def _index(
    connection: psycopg.Connection, place: sql.Identifier, columns: Mapping[str, str]
) -> None:
    """Index what BI tools join and filter by."""
    keys = [key for key in _KEYS if key in columns]
    for number in range(len(keys)):
        names = sql.SQL(", ").join(sql.Identifier(key) for key in keys[number:])
        connection.execute(sql.SQL("create index on {} ({})").format(place, names))


def _repeat_grants(connection: psycopg.Connection, query: str, *, old: str, fresh: str) -> None:
    for (statement,) in connection.execute(query, {"old": old, "next": fresh}).fetchall():
        connection.execute(statement)


def _fresh(schema: str) -> str:
    return f"{schema}_next"


def _rename(connection: psycopg.Connection, schema: str) -> None:
    """Put the new schema in the place of the old one; seen by nobody before the commit."""
    rename = sql.SQL("alter schema {} rename to {}")
    views: list[tuple[str, str]] = []
    old = connection.execute("select to_regnamespace(%s)::oid", (schema,)).fetchone()
    if old and old[0]:
        _hold_readers(connection, schema)
        # With nothing on the search path, a view names its tables in full.
        connection.execute("set local search_path = ''")
        views = _views(connection, schema)
        connection.execute(
            rename.format(sql.Identifier(schema), sql.Identifier(f"{schema}_old_{old[0]}"))
        )
    connection.execute(rename.format(sql.Identifier(_fresh(schema)), sql.Identifier(schema)))
    for name, definition in views:
        _renew_view(connection, name, definition)


def _views(connection: psycopg.Connection, schema: str) -> list[tuple[str, str]]:
    """Give the views of others and their queries, also of those that still read older tables."""
    views = connection.execute(_VIEWS, (schema,)).fetchall()
    for name in _old_schemas(connection, schema):
        views += [
            (view, definition.replace(f"{name}.", f'"{schema}".'))
            for view, definition in connection.execute(_VIEWS, (name,)).fetchall()
        ]
    return views


def _old_schemas(connection: psycopg.Connection, schema: str) -> list[str]:
    rows = connection.execute(
        "select nspname from pg_catalog.pg_namespace where nspname ~ %s "
        "and starts_with(obj_description(oid, 'pg_namespace'), %s) order by 1",
        (f"^{schema}_old_[0-9]+$", _MARK),
    ).fetchall()
    return [name for (name,) in rows]


def _renew_view(connection: psycopg.Connection, name: str, definition: str) -> None:
    """Let a view of somebody else read the new tables, if they have what it reads."""
    try:
        with connection.transaction():
            connection.execute(f"set local lock_timeout = '{_ATTEMPT}'")
            connection.execute(f"create or replace view {name} as {definition}")
    except psycopg.Error as error:
        LOGGER.warning(
            "PostgreSQL: the view %s still reads the tables of an earlier night: %s",
            name,
            "; ".join(str(error).splitlines()),
        )


def _hold_readers(connection: psycopg.Connection, schema: str) -> None:
    """Take a moment without a query on the old tables, so that none reads of two nights.

    A transaction that stays open longer than READERS_SECONDS does not hold up the night; it alone
    may then meet tables of both.
    """
    tables = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind = 'r' "
        "order by 1",
        (schema,),
    ).fetchall()
    if not tables:
        return
    names = sql.SQL(", ").join(sql.Identifier(schema, name) for (name,) in tables)
    deadline = time.monotonic() + READERS_SECONDS
    while True:
        try:
            with connection.transaction():
                connection.execute(f"set local lock_timeout = '{_ATTEMPT}'")
                connection.execute(sql.SQL("lock table {} in access exclusive mode").format(names))
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > deadline:
                LOGGER.warning(
                    "PostgreSQL: queries on schema %s have run for %.0f s; not waiting for them",
                    schema,
                    READERS_SECONDS,
                )
                return
            time.sleep(0.1)
        else:
            return


def _drop_old(connection: psycopg.Connection, schema: str) -> None:
    """Drop the schemas replaced before, but those that somebody still reads or builds on."""
    names = _old_schemas(connection, schema)
    connection.commit()
    for name in names:
        tables = connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) "
            "and relkind = 'r'",
            (name,),
        ).fetchall()
        try:
            connection.execute("set local lock_timeout = '2s'")
            if tables:
                listed = sql.SQL(", ").join(sql.Identifier(name, table) for (table,) in tables)
                connection.execute(sql.SQL("drop table {}").format(listed))
            connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(name)))
            connection.commit()
        except (errors.LockNotAvailable, errors.DependentObjectsStillExist) as error:
            connection.rollback()
            LOGGER.warning(
                "PostgreSQL: %s stays for now: %s", name, "; ".join(str(error).splitlines())
            )
