"""Names, phones, e-mails, credit codes: what identifies a person or company, by its number.

What belongs here: one-to-one functions of a number, so that two people never share a phone by
accident and no state is kept. What does not: who exists.
"""

from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import (
    Bools,
    Ints,
    Strings,
    characters,
    integers,
    join,
    padded,
    take,
    where,
)

_CREDIT_CHARACTERS: Final = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype=np.uint8)
_CREDIT_WEIGHTS: Final = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_ORGANISATION_WEIGHTS: Final = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ASCII_X: Final = ord("X")
_DIGITS_8: Final = 10**8
# 0 .. 9, and X for 10.
_ORGANISATION_CHECKS: Final = np.array(
    [*range(10), int(np.flatnonzero(_CREDIT_CHARACTERS == _ASCII_X)[0])]
)


def _spread(numbers: Ints, modulus: int, factor: int = 61_803_419) -> Ints:
    """Shuffle 0 .. modulus - 1 one to one (factor and modulus have no common divisor)."""
    return (numbers % modulus) * factor % modulus


def person_names(numbers: Ints, english: Bools) -> Strings:
    """Full names: 张伟明, or James Smith."""
    return where(english, join(_first(numbers), " ", _last(numbers)), _chinese_person(numbers))


def _chinese_person(numbers: Ints) -> Strings:
    given = len(words.GIVEN)
    number = _spread(numbers, len(words.SURNAMES) * given * given)
    return join(
        surnames(numbers),
        take(words.GIVEN, number // len(words.SURNAMES) % given),
        take(words.GIVEN, number // len(words.SURNAMES) // given),
    )


def _surname_index(numbers: Ints) -> Ints:
    given = len(words.GIVEN)
    return _spread(numbers, len(words.SURNAMES) * given * given) % len(words.SURNAMES)


def surnames(numbers: Ints) -> Strings:
    """Name the family of a Chinese person."""
    return take(words.SURNAMES, _surname_index(numbers))


def _first(numbers: Ints) -> Strings:
    # The middle initials keep namesakes rare.
    letters = [f" {letter}." for letter in "ABCDEFGHJKLMNPRSTW"]
    first = len(words.ENGLISH_FIRST)
    return join(
        take(words.ENGLISH_FIRST, numbers % first),
        take(letters, numbers // (first * len(words.ENGLISH_LAST)) % len(letters)),
    )


def _last(numbers: Ints) -> Strings:
    return take(words.ENGLISH_LAST, numbers // len(words.ENGLISH_FIRST) % len(words.ENGLISH_LAST))


def first_names(numbers: Ints, english: Bools, names: Strings) -> Strings:
    """Split off the given name, a column of its own in Zoho."""
    return where(english, _first(numbers), _after_surname(names))


def last_names(numbers: Ints, english: Bools) -> Strings:
    """Split off the family name, a column of its own in Zoho."""
    return where(english, _last(numbers), surnames(numbers))


def _after_surname(names: Strings) -> Strings:
    return pc.utf8_slice_codeunits(names, 1)


def company_names(numbers: Ints, city: Ints, english: Bools) -> Strings:
    """Make registered names with their legal form: 深圳华盛恒软件有限公司, Northfield Foods Inc."""
    brand = len(words.BRAND)
    number = _spread(numbers, brand**3, 7_368_787)
    places = [place.city.removesuffix("市") for place in words.CITIES]
    chinese = join(
        take(places, city),
        take(words.BRAND, number % brand),
        take(words.BRAND, number // brand % brand),
        take(words.BRAND, number // brand**2),
        take(words.TRADES, _trade(numbers)),
        take(words.LEGAL_FORMS, numbers * 7 % 11 % len(words.LEGAL_FORMS)),
    )
    first, second = len(words.ENGLISH_BRAND), len(words.ENGLISH_BRAND_2)
    letters = ["", *(f" {letter}" for letter in "ABCDEFGHJKLMNPRSTUVWXYZ")]
    number = numbers // len(words.ENGLISH_TRADE)
    foreign = join(
        take(words.ENGLISH_BRAND, number % first),
        take(words.ENGLISH_BRAND_2, number // first % second),
        take(letters, number // (first * second) % len(letters)),
        " ",
        take(words.ENGLISH_TRADE, numbers % len(words.ENGLISH_TRADE)),
        " ",
        take(words.ENGLISH_FORMS, numbers * 5 % 7 % len(words.ENGLISH_FORMS)),
    )
    return where(english, foreign, chinese)


def _trade(numbers: Ints) -> Ints:
    return numbers * 11 % 97 % len(words.TRADES)


def mobiles(numbers: Ints, abroad: Ints) -> Strings:
    """Make a Chinese mobile (11 digits), or an international number of the country abroad."""
    chinese = join(
        take(words.MOBILE_PREFIXES, numbers % len(words.MOBILE_PREFIXES)),
        padded(_spread(numbers, _DIGITS_8), 8),
    )
    if not (abroad >= 0).any():
        return chinese
    local = np.zeros(len(numbers), dtype=np.int64)
    for row, place in enumerate(words.ABROAD):
        local = np.where(abroad == row, place.first + _spread(numbers, place.numbers), local)
    prefixes = [place.phone for place in words.ABROAD]
    foreign = join(take(prefixes, np.maximum(abroad, 0)), integers(local))
    return where(abroad >= 0, foreign, chinese)


def landlines(numbers: Ints, city: Ints) -> Strings:
    """Make a landline with the area code of the city: 0755-82345678, 0535-6234567."""
    codes = [place.area_code for place in words.CITIES]
    short = np.array([code in words.SHORT_AREA_CODES for code in codes])[city]
    long_digits = 20_000_000 + _spread(numbers, 60_000_000, 7_368_787)
    digits = np.where(short, 2_000_000 + _spread(numbers, 6_000_000, 7_368_787), long_digits)
    return join(take(codes, city), "-", integers(digits))


def emails(numbers: Ints) -> Strings:
    """Make a private or business address."""
    surname = take(words.SURNAME_PINYIN, _surname_index(numbers))
    domain = take(words.MAIL_DOMAINS, numbers % len(words.MAIL_DOMAINS))
    return join(surname, integers(numbers + 1000), "@", domain)


def websites(numbers: Ints) -> Strings:
    """Make the address of a home page."""
    brand = words.BRAND_PINYIN
    return join(
        "https://www.",
        take(brand, numbers % len(brand)),
        take(brand, numbers // len(brand) % len(brand)),
        integers(numbers),
        ".com",
    )


def credit_codes(numbers: Ints, city: Ints) -> Strings:
    """Unified social credit codes (GB 32100) with both check characters right."""
    regions = np.array([[int(d) for d in place.region_code] for place in words.CITIES])
    codes: NDArray[Any] = np.zeros((len(numbers), 18), dtype=np.int64)
    codes[:, 0] = 9
    codes[:, 1] = 1
    codes[:, 2:8] = regions[city]
    powers = 10 ** np.arange(7, -1, -1)
    organisation = _spread(numbers + 1, _DIGITS_8)[:, None] // powers % 10
    codes[:, 8:16] = organisation
    check = (11 - organisation @ _ORGANISATION_WEIGHTS % 11) % 11
    codes[:, 16] = _ORGANISATION_CHECKS[check]
    codes[:, 17] = (31 - codes[:, :17] @ _CREDIT_WEIGHTS % 31) % 31
    return characters(_CREDIT_CHARACTERS[codes])
