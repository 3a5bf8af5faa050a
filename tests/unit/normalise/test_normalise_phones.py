"""What a text means as a phone number, and that plain texts need no library."""

import csv
import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumber
from phonenumbers.geocoder import description_for_valid_number

from dagster_project.normalise.phones import (
    PLAIN_PHONE,
    Phone,
    normalise_phone,
)
from dagster_project.rules.seeds import SEEDS_DIR
from tests.macros import rendered

PHONE_E164 = rendered("duckdb", "phone_e164('x', 'phones')")
MOBILE = Phone("+8613800138000", "CN", "mobile")
BEIJING = Phone("+861062345678", "CN", "fixed_line")


@pytest.mark.parametrize(
    "text",
    [
        "13800138000", "138 0013 8000", "138-0013-8000", "138.0013.8000", "138–0013–8000",
        "138\u00a00013\u00a08000", "(138)00138000", "+8613800138000", "+86 138-0013-8000",
        "86-13800138000", "8613800138000", "0086 13800138000", "１３８００１３８０００",
        "＋８６　１３８００１３８０００", " 13800138000 ", "13800138000\n",
    ],
)  # fmt: skip
def test_mainland_mobile_with_every_separator(text: str) -> None:
    assert normalise_phone(text) == MOBILE
    assert normalise_phone(text, "CN") == MOBILE


@pytest.mark.parametrize(
    "text",
    [
        "010-62345678", "01062345678", "(010)62345678", "（010）62345678", "+86 10 62345678",
        "+86-010-62345678", "010-62345678-801", "(010)62345678-1", "010-62345678转801",
        "010-62345678 转 801", "010-62345678 ext. 801", "010-62345678x801", "010-62345678#801",
        "010-62345678 分机号：801",
    ],
)  # fmt: skip
def test_landline_with_area_code_and_extension(text: str) -> None:
    assert normalise_phone(text) == BEIJING


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("0512-62345678", "CN", Phone("+8651262345678", "CN", "fixed_line")),
        ("0535-82345678", "CN", Phone("+8653582345678", "CN", "fixed_line")),
        ("400-820-8820", None, Phone("+864008208820", "CN", "shared_cost")),
        ("164-1234-5678", None, Phone("+8616412345678", "CN", "mobile")),
        ("2345 6789", "HK", Phone("+85223456789", "HK", "fixed_line")),
        ("+852 9123 4567", None, Phone("+85291234567", "HK", "mobile")),
        ("0912-345-678", "TW", Phone("+886912345678", "TW", "mobile")),
        ("(415) 555-0100", "US", Phone("+14155550100", "US", "fixed_line_or_mobile")),
        ("415-555-0100", None, Phone("+14155550100", "US", "fixed_line_or_mobile")),
        ("1-415-555-0100", None, Phone("+14155550100", "US", "fixed_line_or_mobile")),
        ("13802138000", "US", Phone("+13802138000", "US", "fixed_line_or_mobile")),
        ("13800138000", "US", MOBILE),
        ("020 7946 0958", "GB", Phone("+442079460958", "GB", "fixed_line")),
        ("+44 (0)20 7946 0958", None, Phone("+442079460958", "GB", "fixed_line")),
        ("030 123456", "DE", Phone("+4930123456", "DE", "fixed_line")),
        ("0151 23456789", "DE", Phone("+4915123456789", "DE", "mobile")),
    ],
)
def test_number_of_the_country_of_its_record(
    text: str, region: str | None, expected: Phone
) -> None:
    assert normalise_phone(text, region) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "110", "10086", "12345", "1381234567", "12345678901", "138-0000-000",
        "00000000000", "62345678", "电话未知", "13800138000 张三", "1-800-FLOWERS", "n/a",
        "13800138000/13900139000", "13800138000,13900139000", "138001380001", "+999 12345678",
        "555-555-5555", "010-62345678转801转2",
    ],
)  # fmt: skip
def test_no_valid_number(text: str) -> None:
    assert normalise_phone(text) is None


def test_american_numbers_are_read_without_a_country_only() -> None:
    assert normalise_phone("(212) 555-0123", "GB") is None


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@settings(deadline=None)
@given(text=st.from_regex(re.compile(PLAIN_PHONE), fullmatch=True))
def test_plain_form_is_read_in_sql_as_by_the_library(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    query = f"select {PHONE_E164} from (select ? as x) as t, (select null as phone_text, null as "
    (found,) = database.execute(query + "phone_e164) as phones", [text]).fetchall()

    expected = normalise_phone(text)
    assert expected is not None
    assert found == (expected.e164,)
    assert expected.region == "CN"


def test_areas_of_landlines_are_those_of_the_library() -> None:
    with (SEEDS_DIR / "mappings" / "phone_areas.csv").open(encoding="utf-8") as file:
        seeded = {row["area_code"]: row["phone_area"] for row in csv.DictReader(file)}

    named = {}
    for code in ("10", *map(str, range(20, 30)), *map(str, range(300, 1000))):
        number = PhoneNumber(country_code=86, national_number=int(code + "20000000"))
        named[code] = description_for_valid_number(number, "zh", region="CN")
    assert seeded == {code: area for code, area in named.items() if area not in {"", "中国"}}
    assert not {"400", "800"} & set(seeded)
