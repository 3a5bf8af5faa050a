"""The normal form of a phone number: E.164, by the numbering plan of its country.

What belongs here: what a text means as a number. Which texts are asked about stands in step.py.
"""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

# A mainland mobile, or a landline with its area code, as nearly all are written. ENT-020 takes each
# for valid, whether the number is assigned or not; the macro phone_e164 reads them in SQL.
PLAIN_PHONE = (
    "([+]?86[ -]?)?"
    "(1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    "|[(]?0(10|2[0-9]|[3-9][0-9][0-9])[)]?[ -]?[1-9][0-9]{6,7})"
)

HOME = "CN"
ABROAD = "US"
CODE = "86"

_PLAIN = re.compile(PLAIN_PHONE)
# CRMs made in America write numbers of their country this way, without naming it.
_NORTH_AMERICAN = re.compile(r"(1[-. ])?[(]?[2-9][0-9]{2}[)]?[-. ]{0,2}[0-9]{3}[-. ]?[0-9]{4}")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_EXTENSION = re.compile(
    r"[\s,;]*(?:转|轉|分机号?|extension|ext|x|#)[\s.:]*([0-9]{1,6})", re.IGNORECASE
)
_LANDLINE_AND_EXTENSION = re.compile(
    r"((?:[+]?86[ -]?)?[(]?0[0-9]{2,3}[)]?[ -]?[0-9]{7,8})-[0-9]{1,6}"
)
_NUMBER = re.compile(r"[+]?[0-9 ().\-/]+")
_NOT_A_DIGIT = re.compile(r"[^0-9]")


@dataclass(frozen=True)
class Phone:
    """A valid number; kind as the library names it."""

    e164: str
    region: str
    kind: str


def normalise_phone(text: str, region: str | None = None) -> Phone | None:
    """Read a number as one of its record's country; None if it is no valid one.

    region: ISO code of the country; None if the record names none. A number of plain mainland form
    is valid wherever its record is; extensions are left out.
    """
    written = unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
    extension = _EXTENSION.search(written)
    number = written[: extension.start()] if extension else written
    if not _NUMBER.fullmatch(number) or (extension and extension.end() < len(written)):
        return None
    landline = _LANDLINE_AND_EXTENSION.fullmatch(number)
    readings = [landline[1], number] if landline else [number]
    found = _first_valid(readings, region or HOME)
    # At home 415-555-0100 would be a landline without the 0 that all write.
    is_american = not region and _NORTH_AMERICAN.fullmatch(number)
    if is_american and (not found or found.kind == "fixed_line"):
        found = _first_valid(readings, ABROAD)
    return found or _plain(readings[0])


def _first_valid(readings: list[str], region: str) -> Phone | None:
    for reading in readings:
        try:
            parsed = phonenumbers.parse(reading, region)
        except NumberParseException:
            continue
        found = phonenumbers.region_code_for_number(parsed)
        kind = phonenumbers.number_type(parsed)
        if found and kind != PhoneNumberType.UNKNOWN:
            e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
            return Phone(e164, found, PhoneNumberType.to_string(kind).lower())
    return None


def _plain(number: str) -> Phone | None:
    if not _PLAIN.fullmatch(number):
        return None
    national = _NOT_A_DIGIT.sub("", number).removeprefix(CODE).removeprefix("0")
    is_mobile = re.match("1[3-9]", national)
    return Phone(f"+{CODE}{national}", HOME, "mobile" if is_mobile else "fixed_line")
