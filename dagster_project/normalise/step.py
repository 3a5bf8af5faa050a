"""Asks the libraries about the texts of the exports, and hands their answers to the models.

What belongs here: which texts are asked about, in SQL that means the same on every engine. At a
million customers the libraries would take minutes for all of them, so that texts in plain form,
which the models read by themselves, are left out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import md5
from typing import Protocol

import pyarrow as pa

from dagster_project.normalise.credit_codes import (
    CHARACTERS,
    PLAIN_CODE,
    WEIGHTS,
    normalise_credit_code,
)
from dagster_project.normalise.emails import PLAIN_EMAIL, PLAIN_LENGTH, normalise_email
from dagster_project.normalise.names import PLAIN_NAME, normalise_name
from dagster_project.normalise.phones import HOME, PLAIN_PHONE, normalise_phone
from dagster_project.normalise.regions import region_key, regions_by_key
from dagster_project.normalise.tables import TABLES

ROWS_AT_ONCE = 100_000

RECORDS = ("accounts", "contacts", "leads")
# Feeds find their customer by phone or e-mail where they do not name it.
FEEDS = ("activities", "web_sessions", "feedback")
# The name of a person in parts, as the models put it together.
FULL_NAME = "trim(both ' 　' from coalesce(last_name, '') || coalesce(' ' || first_name, ''))"

Row = tuple[str | bool | None, ...]


class Store(Protocol):
    """A database that texts are read from and their normal forms written to."""

    def fetch(self, sql: str) -> pa.Table:
        """Run a query that means the same on every engine; give its rows."""

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        """Replace a table of schema raw, part by part; give the number of rows."""


def normalise(engine: Store) -> dict[str, int]:
    """Write the tables raw.normalised_*; give the number of texts of each."""
    regions = _regions_of_countries(engine)

    def phone(text: str, country: str) -> Row:
        found = normalise_phone(text, regions.get(country))
        if found is None:
            return (text, country, None, None, None, False)
        return (text, country, found.e164, found.region, found.kind, True)

    def email(text: str) -> Row:
        found = normalise_email(text)
        return (text, found, found is not None)

    def code(text: str) -> Row:
        found = normalise_credit_code(text)
        return (text, found.code, found.is_valid)

    def name(text: str) -> Row:
        return (text, normalise_name(text))

    questions: dict[str, tuple[str, Callable[..., Row]]] = {
        "normalised_phones": (_phones(regions), phone),
        "normalised_emails": (_emails(), email),
        "normalised_codes": (_codes(), code),
        "normalised_names": (_names(), name),
    }
    return {
        table: engine.store(table, _answers(table, engine.fetch(query), ask))
        for table, (query, ask) in questions.items()
    }


def _regions_of_countries(engine: Store) -> dict[str, str]:
    """Map every country text of the exports to its ISO region; unknown ones have none."""
    texts = engine.fetch(_distinct(["country"], _texts("country", RECORDS, as_name="country")))
    known = regions_by_key()
    regions = {text: known.get(region_key(text)) for text in texts["country"].to_pylist()}
    return {text: region for text, region in regions.items() if region}


def _phones(regions: dict[str, str]) -> str:
    texts = " union all ".join(
        f"select {column} as phone_text, coalesce(country, '') as country_text from raw.{table} "
        f"where {column} is not null"
        for table in RECORDS
        for column in ("phone", "mobile")
    )
    texts += " union all " + " union all ".join(
        f"select phone as phone_text, '' as country_text from raw.{table} "
        "where phone is not null and record_id is null"
        for table in FEEDS
    )
    asked = f"not {_is_plain('phone_text', PLAIN_PHONE)}"
    # In another country the same digits can be a number of that country. Hashes need no quotes,
    # which the engines write differently.
    abroad = sorted(text for text, region in regions.items() if region != HOME)
    if abroad:
        asked += f" or md5(country_text) in ({', '.join(map(_hash, abroad))})"
    return _distinct(["phone_text", "country_text"], texts, where=asked)


def _emails() -> str:
    texts = (
        _texts("email", RECORDS, as_name="email_text")
        + " union all "
        + " union all ".join(
            f"select email as email_text from raw.{table} "
            "where email is not null and record_id is null"
            for table in (*FEEDS, "email_events")
        )
    )
    plain = f"{_is_plain('email_text', PLAIN_EMAIL)} and length(email_text) <= {PLAIN_LENGTH}"
    return _distinct(["email_text"], texts, where=f"not ({plain})")


def _codes() -> str:
    texts = _texts("credit_code", ("accounts",), as_name="code_text")
    plain = f"{_is_plain('code_text', PLAIN_CODE)} and {_has_right_check_digit('code_text')}"
    return _distinct(["code_text"], texts, where=f"not ({plain})")


def _has_right_check_digit(column: str) -> str:
    terms = " + ".join(
        f"{weight} * (instr('{CHARACTERS}', substr({column}, {position}, 1)) - 1)"
        for position, weight in enumerate(WEIGHTS, start=1)
    )
    return f"({terms}) % {len(CHARACTERS)} = 0"


def _names() -> str:
    texts = " union all ".join(
        [
            _texts("name", ("accounts",), as_name="name_text"),
            _texts("full_name", ("contacts", "leads"), as_name="name_text"),
            _texts("company", ("leads",), as_name="name_text"),
            *(
                f"select {FULL_NAME} as name_text from raw.{table} where full_name is null"
                for table in ("contacts", "leads")
            ),
        ]
    )
    return _distinct(["name_text"], texts, where=f"not {_is_plain('name_text', PLAIN_NAME)}")


def _texts(column: str, tables: Sequence[str], *, as_name: str) -> str:
    return " union all ".join(
        f"select {column} as {as_name} from raw.{table} where {column} is not null"
        for table in tables
    )


def _distinct(columns: Sequence[str], texts: str, *, where: str = "true") -> str:
    return f"select distinct {', '.join(columns)} from ({texts}) as texts where {where}"


def _is_plain(column: str, pattern: str) -> str:
    """Match the whole text: $ means one thing less on either engine."""
    return f"regexp_extract({column}, '^{pattern}', 0) = {column}"


def _hash(text: str) -> str:
    return f"'{md5(text.encode(), usedforsecurity=False).hexdigest()}'"


def _answers(table: str, texts: pa.Table, ask: Callable[..., Row]) -> Iterator[pa.Table]:
    """Ask about some texts at a time, so that few answers are in memory at once."""
    for batch in texts.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = (column.to_pylist() for column in batch.columns)
        yield _table(table, [ask(*row) for row in zip(*columns, strict=True)])


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    schema = TABLES[name]
    if not rows:
        return schema.empty_table()
    columns = zip(zip(*rows, strict=True), schema.types, strict=True)
    return pa.table([pa.array(values, kind) for values, kind in columns], schema=schema)
