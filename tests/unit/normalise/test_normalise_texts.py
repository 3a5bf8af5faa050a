"""E-mail addresses, credit codes, names and countries in their normal form."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.normalise.credit_codes import CreditCode, normalise_credit_code
from dagster_project.normalise.emails import PLAIN_EMAIL, PLAIN_LENGTH, normalise_email
from dagster_project.normalise.names import PLAIN_NAME, normalise_name
from dagster_project.normalise.regions import region_key, regions_by_key

VALID_CODE = "91110000600037341L"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zhang.wei@qq.com", "zhang.wei@qq.com"),
        (" Li.Na@QQ.COM ", "li.na@qq.com"),
        ("ｌｉ＠ｑｑ．ｃｏｍ", "li@qq.com"),
        ("a@中文.中国", "a@xn--fiq228c.xn--fiqs8s"),
        ("a@XN--FIQ228C.cn", "a@xn--fiq228c.cn"),
        ("张@qq.com", "张@qq.com"),
        ("o'neil+tag@mail.example.com", "o'neil+tag@mail.example.com"),
        ("a@b-c.com.cn", "a@b-c.com.cn"),
    ],
)
def test_valid_address(text: str, expected: str) -> None:
    assert normalise_email(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "无", "zhang.wei@", "@qq.com", "wang@@163.com", "a..b@c.com", ".a@b.com",
        "a.@b.com", "a@b..com", "a@b", "a@-b.com", "a@b-.com", '"a b"@c.com', "a b@c.com",
        "a@b.test", "a@localhost", "a@[127.0.0.1]", "Name <a@b.com>", "a@b.com,c@d.com",
        f"{'a' * 65}@b.com", f"a@{'b' * 64}.com",
    ],
)  # fmt: skip
def test_no_valid_address(text: str) -> None:
    assert normalise_email(text) is None


def _texts(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=12)


LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHANUMERICS = LETTERS + "0123456789"
LOCALS = st.lists(_texts(f"{ALPHANUMERICS}_+-"), min_size=1, max_size=3).map(".".join)
LABELS = st.lists(_texts(ALPHANUMERICS), min_size=1, max_size=3).map("-".join)
ENDINGS = st.text(LETTERS, min_size=2, max_size=3)
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@settings(max_examples=500)
@given(st.builds("{}@{}.{}".format, LOCALS, HOSTS, ENDINGS).map(lambda text: text[-PLAIN_LENGTH:]))
def test_plain_addresses_are_valid_and_in_normal_form(text: str) -> None:
    if re.fullmatch(PLAIN_EMAIL, text):
        assert normalise_email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        VALID_CODE,
        VALID_CODE.lower(),
        " 9111 0000 6000 3734 1L",
        "９１１１００００６０００３７３４１Ｌ",
    ],
)
def test_valid_credit_code(text: str) -> None:
    assert normalise_credit_code(text) == CreditCode(VALID_CODE, is_valid=True)


@pytest.mark.parametrize(
    "text",
    [
        "91110000600037341M", "91110000600037341", "91110000600037341LL", "", "无",
        *(f"9111000060003734{letter}L" for letter in "IOSVZ"),
        *(f"91110000600037341{letter}" for letter in "IOSVZ"), "A1110000600037341L",
        "٩1110000600037341L",
    ],
)  # fmt: skip
def test_invalid_credit_code(text: str) -> None:
    assert not normalise_credit_code(text).is_valid


def test_an_invalid_code_is_kept_in_its_form() -> None:
    assert normalise_credit_code("9111-x").code == "9111X"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＡＢＣ　１２３", "ABC 123"),
        ("上海（中国）有限公司", "上海(中国)有限公司"),
        ("ﾊﾟﾅｿﾆｯｸ", "パナソニック"),
        ("第Ⅷ厂", "第VIII厂"),
        ("㈱テスト", "(株)テスト"),
        ("测试😀", "测试😀"),
        ("e\u0301", "é"),
        ("甲乙", "甲乙"),
    ],
)
def test_name_in_usual_characters(text: str, expected: str) -> None:
    assert normalise_name(text) == expected


def test_plain_names_are_left_as_they_are() -> None:
    plain = re.compile(PLAIN_NAME)
    points = [chr(point) for point in range(0x20000) if plain.fullmatch(chr(point))]

    assert len(points) == 95 + 0xA000 - 0x4E00
    assert [point for point in points if normalise_name(point) != point] == []
    # Nor do neighbours combine: none of them is a combining character.
    assert not any(unicodedata.combining(point) for point in points)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("中国", "CN"), ("China", "CN"), ("P.R. China", "CN"), ("CHN", "CN"), ("cn", "CN"),
        ("香港", "HK"), ("中国台湾", "TW"), ("U.S.A.", "US"), ("美国", "US"),
        ("United Kingdom", "GB"),
        ("Deutschland", "DE"), ("德国", "DE"), ("火星", None), ("", None),
    ],
)  # fmt: skip
def test_region_of_a_country(country: str, region: str | None) -> None:
    assert regions_by_key().get(region_key(country)) == region
