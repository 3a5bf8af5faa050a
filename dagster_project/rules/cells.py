"""Checks of every seed alike, from what is declared: types, blanks, keys, periods, codes."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise

from dagster_project.rules.faults import Fault
from dagster_project.rules.seeds import FIRST_DAY, Row, Seed

DECIMAL = re.compile(r"decimal\((\d+), *(\d+)\)")
NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?")
INTEGER = re.compile(r"-?\d{1,18}")

Codes = Mapping[str, set[str]]


def cell_faults(seed: Seed) -> Iterator[Fault]:
    """Values that are not of the column's type, and blanks where there must be a value."""
    optional = {*seed.declared.expected.optional, "valid_to"}
    for row in seed.rows:
        for column, declared_type in seed.declared.types.items():
            text = row[column]
            if text.strip() == "":
                if column not in optional or text:
                    yield seed.fault(
                        "nothing" if not text else "only blanks",
                        expected=_expected(declared_type),
                        action="fill it in",
                        at=(row.line, column),
                    )
            elif not _is_of_type(text, declared_type):
                yield seed.fault(
                    repr(text),
                    expected=_expected(declared_type),
                    action="correct the value",
                    at=(row.line, column),
                )


def _is_of_type(text: str, declared_type: str) -> bool:
    if declared_type in {"integer", "bigint"}:
        return bool(INTEGER.fullmatch(text))
    if declared_type == "boolean":
        return text in {"true", "false"}
    if declared_type == "date":
        try:
            return date.fromisoformat(text).isoformat() == text
        except ValueError:
            return False
    number = NUMBER.fullmatch(text)
    decimal = DECIMAL.fullmatch(declared_type)
    if decimal:
        digits, scale = int(decimal[1]), int(decimal[2])
        return bool(number) and _fits(text, digits=digits - scale, scale=scale)
    return bool(number) or declared_type != "double"


def _fits(text: str, *, digits: int, scale: int) -> bool:
    whole, _, decimals = text.lstrip("-").partition(".")
    return len(whole.lstrip("0")) <= digits and len(decimals) <= scale


def _expected(declared_type: str) -> str:
    decimal = DECIMAL.fullmatch(declared_type)
    if decimal:
        return f"a number with at most {decimal[2]} decimals, such as 0.6"
    return {
        "integer": "a whole number, such as 90",
        "bigint": "a whole number, such as 90",
        "double": "a number, such as 0.6",
        "boolean": "true or false",
        "date": "a date such as 2026-07-01",
    }.get(declared_type, "a text")


def key_faults(seed: Seed) -> Iterator[Fault]:
    """Rows that stand twice, rules of which two hold on one day, and days on which none does."""
    first_lines: dict[tuple[str, ...], int] = {}
    rows_of: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    key_columns = seed.declared.expected.key
    for row in seed.rows:
        cells = tuple(row.values.values())
        if cells in first_lines:
            yield seed.fault(
                f"the same row as in line {first_lines[cells]}",
                expected="every row once",
                action="delete one of them",
                at=(row.line, ""),
            )
            continue
        first_lines[cells] = row.line
        if key_columns:
            rows_of[tuple(row[column] for column in key_columns)].append(row)
    for key, rows in rows_of.items():
        if seed.declared.is_dated:
            yield from _period_faults(seed, key, rows)
            continue
        for row in rows[1:]:
            yield seed.fault(
                f"{_named(key)} again, as in line {rows[0].line}",
                expected=f"one row per {', '.join(key_columns)}",
                action="keep one of them",
                at=(row.line, key_columns[0]),
            )


def _period_faults(seed: Seed, key: tuple[str, ...], rows: list[Row]) -> Iterator[Fault]:
    ordered = sorted(rows, key=lambda row: (row.valid_from, row.valid_to))
    backwards = [row for row in ordered if row.valid_to < row.valid_from]
    for row in backwards:
        yield seed.fault(
            f"{row.valid_to} for {_named(key)}",
            expected=f"a day not before valid_from {row.valid_from}",
            action="correct either date",
            at=(row.line, "valid_to"),
        )
    if backwards:
        return
    for earlier, later in pairwise(ordered):
        if later.valid_from <= earlier.valid_to:
            yield seed.fault(
                f"{later.valid_from} for {_named(key)}, while line {earlier.line} holds "
                f"until {_until(earlier)}",
                expected="one row in force on a day",
                action=f"end line {earlier.line} the day before the new row begins",
                at=(later.line, "valid_from"),
            )
        elif seed.declared.expected.is_gapless and later.valid_from > _next_day(earlier):
            yield seed.fault(
                f"{later.valid_from} for {_named(key)}, while line {earlier.line} ends "
                f"on {earlier.valid_to}",
                expected=f"{_next_day(earlier)}: no day without a value",
                action="move either date",
                at=(later.line, "valid_from"),
            )
        if "rule_version" in seed.declared.types and int(later["rule_version"]) <= int(
            earlier["rule_version"]
        ):
            yield seed.fault(
                f"{later['rule_version']} for {_named(key)}",
                expected=f"more than the {earlier['rule_version']} of line {earlier.line}, "
                "which holds before",
                action="count the version up",
                at=(later.line, "rule_version"),
            )
    if seed.declared.expected.is_gapless:
        yield from _end_faults(seed, key, ordered)


def _end_faults(seed: Seed, key: tuple[str, ...], ordered: list[Row]) -> Iterator[Fault]:
    first, last = ordered[0], ordered[-1]
    if first.valid_from > FIRST_DAY:
        yield seed.fault(
            f"{first.valid_from} for {_named(key)}, and no row before",
            expected=f"{FIRST_DAY}: past dates are computed too",
            action="let the first row begin there",
            at=(first.line, "valid_from"),
        )
    if last.valid_to != date.max:
        yield seed.fault(
            f"{last.valid_to} for {_named(key)}, and no row after",
            expected="nothing: the last row stays in force",
            action="leave it empty or add the row that follows",
            at=(last.line, "valid_to"),
        )


def _named(key: tuple[str, ...]) -> str:
    return " / ".join(key)


def _until(row: Row) -> str:
    return "further notice" if row.valid_to == date.max else str(row.valid_to)


def _next_day(row: Row) -> date:
    return row.valid_to if row.valid_to == date.max else row.valid_to + timedelta(days=1)


def code_faults(seed: Seed, seeds: Mapping[str, Seed], *, labelled: Codes) -> Iterator[Fault]:
    """Codes that have no label, that a column does not know, or that another seed lacks."""
    expected = seed.declared.expected
    for row in seed.rows:
        for column, dimension in expected.labels.items():
            code = row[column]
            if code and code not in labelled.get(dimension, set()):
                yield seed.fault(
                    repr(code),
                    expected=f"a code of dimension {dimension} with labels in class_labels.csv: "
                    + _some(labelled.get(dimension, set())),
                    action="correct the code, or add its labels",
                    at=(row.line, column),
                )
        for column, codes in expected.values.items():
            if row[column] and row[column] not in codes:
                yield seed.fault(
                    repr(row[column]),
                    expected="one of " + _some(set(codes)),
                    action="correct the code",
                    at=(row.line, column),
                )
    for column, other in expected.refers.items():
        if other not in seeds:
            continue
        key_column = seeds[other].declared.expected.key[0]
        known = {row[key_column] for row in seeds[other].rows}
        for row in seed.rows:
            if row[column] and row[column] not in known:
                yield seed.fault(
                    repr(row[column]),
                    expected=f"a {key_column} of {other}.csv",
                    action=f"correct it, or add it to {other}.csv",
                    at=(row.line, column),
                )


def _some(codes: set[str]) -> str:
    shown = sorted(codes)
    return ", ".join(shown[:12]) + (" …" if len(shown) > 12 else "")  # noqa: PLR2004
