"""The macros that hide a difference between the engines give equal results on tricky inputs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest

from dagster_project.settings import Settings
from dagster_project.transform.spark_session import close_spark_session, spark_session
from tests.macros import rendered
from tests.spark.support import spark_settings

pytestmark = pytest.mark.spark

ENGINES = ("duckdb", "spark")


@dataclass(frozen=True)
class Case:
    """A macro call over a column x, with the inputs it is tried on; null is always one of them."""

    call: str
    kind: str
    inputs: tuple[str, ...]


NUMBERS = (
    "12", "1045.0", "95,570.69", "$12,400.00", "¥88", "$342.09K", "(12.50)", "45%", "-5", "+5",
    "1e3", "1.5e-3", ".5", "5.", "1_000", "1.2345675", "-0.0000005", "0.0000005", "１２", "NaN",
    "inf", "", " ", "-", "0x1A", "1e", "1d", "99999999999999", " 12 ", "1 2", "12\n", "￥1,000",
    "USD 12", "12,4OO", "1,00", "1.2.3", "(1,000.5)", "3B", "7M", "KK", "100%", "١٢",
)  # fmt: skip
TIMES = (
    "2026", "2026-1", "2026-1-5", "2026-01-05", "2026-01-05T", "2026-01-05 10:00", "2026-02-30",
    "2026-01-05T10:00:00", "2026-01-05 1:2:3", "2026-01-05 10:00:00.123456", "20260105",
    "2026-01-05 24:00:00", "2026/01/05", "epoch", "infinity", "12026-01-01", "-2026-01-01",
    "2026-01-05x", "0026-01-05", "2026-01-05 25:00", "2026-01-05 10:60", "2026-01-05 10:00:00.5",
    "now", "today", "２０２６-01-05", "2026-13-01", "2024-02-29", "2023-02-29", "0000-01-01", "",
    "2026-01-05 23:59:60", "2026-01-05 (BC)", "2026-01-05 10:00Z",
)  # fmt: skip
TEXTS = (
    "", " ", "a", " A ", "　全角　", "　 混 　", "é", "ÀÉ", "a\n", "\ta", "x\r", "张三", "Straße",
    "it's", 'say "hi"', "a\\b", "😀", "测试公司", "TEST 12", "n/a", "aaa", "a　b", "\u200b", "%_",
)  # fmt: skip
EMAILS = (
    "a@b.com", "test@b.com", "a@example.com", "a@b", "A@B.com", "a@b.com\n", "a b@c.com",
    "x.y+z@sub.b.co", "@b.com", "张@b.com",
)  # fmt: skip
WEBSITES = (
    "www.a.com",
    "https://a.com/x?y=1",
    "a",
    "http://a b.com",
    "a.com:8080",
    "中国.公司",
    "a.com\n",
)
TIMES = ("2026-01-01 23:00:00", "2024-02-28 20:30:15", "2026-03-29 01:59:59")
DATES = ("2026-01-01", "2024-02-29", "2026-12-31", "1969-12-31", "2026-11-22", "1900-03-01")
DOUBLES = ("0.0015625", "0.1234565", "-0.0000005", "2.5", "1", "123456.1234565", "0.3333333333")
RELATED = (
    '[{"describe_api_name": "AccountObj", "id": "64ab"}]',
    '[{"describe_api_name": "LeadsObj", "id": "1"}, {"describe_api_name":"AccountObj","id":"2"}]',
    '[{"describe_api_name": "AccountObj"}]', "[]", "", "AccountObj",
)  # fmt: skip

CASES = {
    "text_to_decimal": Case("text_to_decimal('x')", "string", NUMBERS),
    "as_number": Case("as_number('x')", "string", NUMBERS),
    "plain_number": Case("plain_number('x')", "string", NUMBERS),
    "as_timestamp": Case("as_timestamp('x')", "string", TIMES),
    "as_date": Case("as_date('x')", "string", TIMES),
    "as_bool": Case("as_bool('x')", "string", ("Yes", "是", "0", "maybe", " y", "TRUE", "")),
    "trimmed": Case("trimmed('x')", "string", TEXTS),
    "folded": Case("folded('x')", "string", TEXTS),
    "place_text": Case("place_text('x')", "string", (*TEXTS, "Xi'an", "St. John’s, NL", "·-_")),
    "word_text": Case("word_text('x')", "string", (*TEXTS, "VP/Owner", "Co-founder & CEO")),
    "matches": Case("matches('x', '^[a-z]+$|全')", "string", TEXTS),
    "matches_class": Case("matches('x', '[$%_]')", "string", TEXTS),
    "matches_dot": Case("matches('x', '^.$')", "string", TEXTS),
    "unnest_texts": Case("unnest_texts('x')", "string", ("a", " a b ", "")),
    "is_clean_name": Case("is_clean_name('x')", "string", TEXTS),
    "is_website": Case("is_website('x')", "string", (*EMAILS, *WEBSITES)),
    "robust_z": Case("robust_z('ln(abs(x) + 1)', '0.3', '0.05')", "double", DOUBLES),
    "ending": Case("ending('x', 'b|ab| *12')", "string", (*TEXTS, "cab", "ab\n", "a  12")),
    "name_words": Case(
        "name_words('x')", "string", (*TEXTS, "Acme Co., Ltd.", "甲（中国）有限公司")
    ),
    "area_code": Case("area_code('x')", "string", ("+861012345678", "+8621123", "+8651212345678")),
    "is_usable_email": Case("is_usable_email('x')", "string", EMAILS),
    "add_hours": Case("add_hours('cast(x as timestamp)', 4)", "string", TIMES),
    "related_object_id": Case("related_object_id('AccountObj')", "string", RELATED),
    "add_days": Case("add_days('x', 30)", "date", DATES),
    "add_days_back": Case("add_days('x', -1)", "date", DATES),
    "days_between": Case("days_between('x', \"date '2026-11-20'\")", "date", DATES),
    "iso_weekday": Case("iso_weekday('x')", "date", DATES),
    "month_of": Case("month_of('x')", "date", DATES),
    "rounded": Case("rounded('x')", "double", DOUBLES),
}
AGGREGATES = {
    "percentile_of": "percentile_of('x', 0.9)",
    "percentile_low": "percentile_of('x', 0.2)",
    "median_of": "median_of('x')",
}


@dataclass(frozen=True)
class Both:
    """One query on both engines."""

    embedded: duckdb.DuckDBPyConnection
    spark: Any

    def run(self, sql: str, *, engine: str) -> list[tuple[Any, ...]]:
        if engine == "duckdb":
            return self.embedded.execute(sql).fetchall()
        return [tuple(row) for row in self.spark.sql(sql).collect()]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    settings: Settings = spark_settings(tmp_path_factory.mktemp("macros"))
    with mock.patch.dict(os.environ):
        yield Both(embedded=duckdb.connect(), spark=spark_session(settings))
    close_spark_session()


def inputs_as_file(both: Both, folder: Path, case: Case) -> dict[str, str]:
    """Give both engines the same bytes, without a literal between; say how each reads them."""
    path = folder / "inputs.parquet"
    values = [(number, value) for number, value in enumerate((None, *case.inputs))]
    both.embedded.execute("create or replace table inputs (n integer, x varchar)")
    both.embedded.executemany("insert into inputs values (?, ?)", values)
    both.embedded.execute(
        f"copy (select n, cast(x as {case.kind}) as x, x as related_objects from inputs) "
        f"to '{path}' (format parquet)"
    )
    return {"duckdb": f"read_parquet('{path}')", "spark": f"parquet.`{path}`"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_both_engines_agree(both: Both, tmp_path: Path, case: Case) -> None:
    read = inputs_as_file(both, tmp_path, case)
    results = {
        engine: dict(
            both.run(
                f"select n, {rendered(engine, case.call)} as y from {read[engine]} as versions",
                engine=engine,
            )
        )
        for engine in ENGINES
    }
    shown = (None, *case.inputs)
    assert {shown[n]: y for n, y in results["spark"].items()} == {
        shown[n]: y for n, y in results["duckdb"].items()
    }
    assert any(y is not None for y in results["duckdb"].values())


@pytest.mark.parametrize("call", AGGREGATES.values(), ids=AGGREGATES.keys())
@pytest.mark.parametrize("values", [("1", "2", "4"), ("5",), ("3", "3", "8", "9.5", "-1"), ()])
def test_both_engines_agree_on_aggregates(
    both: Both, tmp_path: Path, call: str, values: tuple[str, ...]
) -> None:
    read = inputs_as_file(both, tmp_path, Case(call, "double", values))
    results = [
        both.run(f"select {rendered(engine, call)} from {read[engine]}", engine=engine)
        for engine in ENGINES
    ]
    assert results[0] == results[1]


@pytest.mark.parametrize("sign", ["-", "+"])
def test_both_engines_agree_on_wilson_bounds(both: Both, sign: str) -> None:
    call = f"wilson_bound('a', 'b', '{sign}')"
    rows = " union all ".join(
        f"select cast({a} as bigint) as a, cast({b} as bigint) as b"
        for b in (0, 1, 3, 64, 640)
        for a in {0, b // 3, b}
    )
    results = [
        sorted(
            both.run(f"select a, b, {rendered(engine, call)} from ({rows}) as t", engine=engine),
            key=str,
        )
        for engine in ENGINES
    ]
    assert results[0] == results[1]


def test_both_engines_agree_on_the_days_of_a_range(both: Both) -> None:
    call = "unnest_days(\"date '2026-02-26'\", \"date '2026-03-02'\")"
    results = [
        both.run(f"select {rendered(engine, call)} as day order by day nulls last", engine=engine)
        for engine in ENGINES
    ]
    assert results[0] == results[1]
    assert len(results[0]) == 5


def test_both_engines_agree_on_lists(both: Both) -> None:
    lists = "array('a', null, 'c')", "['a', null, 'c']"
    results = [
        both.run(f"select {rendered(engine, 'joined_texts(' + repr(texts) + ')')}", engine=engine)
        for engine, texts in zip(("spark", "duckdb"), lists, strict=True)
    ]
    assert results[0] == results[1] == [("a; c",)]


def test_money_is_multiplied_exactly_and_rounded_half_up(both: Both) -> None:
    sql = (
        "select cast(cast(a as decimal(18, 2)) * cast(r as decimal(19, 12)) as decimal(18, 2)) "
        "from (select '9999999999999.99' as a, '1.005' as r union all select '0.5', '0.01' "
        "union all select '-0.5', '0.01' union all select '1.15', '0.1') as t order by a nulls last"
    )
    results = [both.run(sql, engine=engine) for engine in ENGINES]
    assert results[0] == results[1]
    assert (Decimal("0.01"),) in results[0]
