"""Dates as exports write them: which format a column has, and its rewriting to ISO text.

The order of day and month is a fact of the whole column (all files of a kind in a drop), never
of a row: it follows from the values, or is configured, or the column is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

import duckdb

from dagster_project.ingest.sql import literal, quoted
from dagster_project.settings import DateOrder

MONTHS = 12
# Of values that fit one order only, this share may contradict before the column is refused.
MISFIT_SHARE = 0.05
SAMPLES = 3

_ISO = (
    "({x} like '____-__-__' or {x} like '____-__-__ __:__' or {x} like '____-__-__ __:__:__') "
    "and try_cast({x} as timestamp) is not null"
)
_OFFSET = r"[0-9]:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
# Class of a value -> the pattern it matches whole, tried in this order.
_PATTERNS = {
    "ymd": r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([ T].*)?",
    "zh": r"[0-9]{4} ?年.*",
    "compact": r"(19|20)[0-9]{6}([0-9]{4}|[0-9]{6})?",
    "epoch_ms": r"-?[0-9]{11,13}",
    "epoch_s": r"[0-9]{10}",
    "numeric": r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})([ ,T].*)?",
    "name": r"([A-Za-z]{3,9},? )?([0-9]{1,2}[- ][A-Za-z]{3,9}|[A-Za-z]{3,9} [0-9]{1,2}).*",
}
_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f")
_DAYS: dict[str, tuple[str, ...]] = {
    "zh": ("%Y年%m月%d日", "%Y 年 %m 月 %d 日"),
    "name": (
        "%d %b, %Y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%d %B %Y", "%d %B, %Y",
        "%a, %d %b %Y", "%d-%b-%y",
    ),
    "compact": ("%Y%m%d",),
    "mdy": ("%m/%d/%Y", "%m/%d/%y"),
    "dmy": ("%d/%m/%Y", "%d/%m/%y"),
    "ymd2": ("%y/%m/%d",),
}  # fmt: skip


@dataclass(frozen=True)
class DateFacts:
    """What the values of one date column look like."""

    classes: dict[str, int] = field(default_factory=dict)
    only_dmy: int = 0
    only_mdy: int = 0
    either: int = 0
    samples: tuple[str, ...] = ()

    def __add__(self, other: "DateFacts") -> "DateFacts":
        """Join the facts of two files of one kind."""
        return DateFacts(
            classes={
                name: self.classes.get(name, 0) + other.classes.get(name, 0)
                for name in sorted({*self.classes, *other.classes})
            },
            only_dmy=self.only_dmy + other.only_dmy,
            only_mdy=self.only_mdy + other.only_mdy,
            either=self.either + other.either,
            samples=(*self.samples, *other.samples)[:SAMPLES],
        )


@dataclass(frozen=True)
class DateFormat:
    """The decision for one column: classes of values that occur, and the order of day and month."""

    classes: tuple[str, ...]
    order: DateOrder | None = None
    has_misfits: bool = True

    def __str__(self) -> str:
        """For the manifest: `iso`, `name`, `dmy`, `iso+dmy` ..."""
        names = [str(self.order) if name == "numeric" else name for name in self.classes]
        return "+".join(names) or "none"


def look(con: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> dict[str, DateFacts]:
    """Collect the facts of date columns (trimmed text) of a relation."""
    if not columns:
        return {}
    counts = ", ".join(
        f"count({x}), count(*) filter ({_ISO.format(x=x)})" for x in map(quoted, columns)
    )
    row = con.execute(f"select {counts} from {relation}").fetchone()
    found = {}
    for n, name in enumerate(columns):
        filled, iso = (row[2 * n], row[2 * n + 1]) if row else (0, 0)
        if filled == iso:
            found[name] = DateFacts({"iso": iso} if iso else {})
        else:
            found[name] = _look_closely(con, relation, quoted(name))
    return found


def _look_closely(con: duckdb.DuckDBPyConnection, relation: str, x: str) -> DateFacts:
    whens = " ".join(
        f"when regexp_full_match(x, {literal(pattern)}) then {literal(name)}"
        for name, pattern in _PATTERNS.items()
    )
    rows = con.execute(
        f"""
        with valued as (select {x} as x from {relation} where {x} is not null),
        classed as (
            select x, case when {_ISO.format(x="x")} then 'iso' {whens} else 'odd' end as class
            from valued
        ),
        parted as (
            select x, class,
                case when class = 'numeric'
                    then try_cast(regexp_extract(x, '^([0-9]+)', 1) as integer) end as a,
                case when class = 'numeric'
                    then try_cast(regexp_extract(x, '^[0-9]+.([0-9]+)', 1) as integer) end as b
            from classed
        )
        select class, count(*),
            count(*) filter (a > {MONTHS} and b <= {MONTHS}),
            count(*) filter (b > {MONTHS} and a <= {MONTHS}),
            count(*) filter (a <= {MONTHS} and b <= {MONTHS} and a <> b),
            min(x, {SAMPLES})
        from parted group by class order by class
        """
    ).fetchall()
    facts = DateFacts()
    for name, count, dmy, mdy, either, samples in rows:
        facts += DateFacts(
            {name: count}, dmy, mdy, either, tuple(samples) if name == "numeric" else ()
        )
    return facts


def joined(facts: Iterable[DateFacts]) -> DateFacts:
    """Join the facts of one column over all files of a kind."""
    return reduce(lambda a, b: a + b, facts, DateFacts())


def decide(facts: DateFacts, configured: DateOrder | None) -> DateFormat | None:
    """Decide the format of a column; None = the order of day and month cannot be told."""
    classes = tuple(sorted(name for name in facts.classes if name != "odd"))
    if "numeric" not in facts.classes:
        return DateFormat(classes, has_misfits="odd" in facts.classes)
    if configured:
        return DateFormat(classes, configured)
    proofs = facts.only_dmy + facts.only_mdy
    if not proofs:
        # 07/07/2021 reads the same both ways.
        return None if facts.either else DateFormat(classes, "dmy")
    order: DateOrder = "dmy" if facts.only_dmy > facts.only_mdy else "mdy"
    if min(facts.only_dmy, facts.only_mdy) > MISFIT_SHARE * proofs:
        return None
    return DateFormat(classes, order)


def iso_text(
    x: str, *, is_date: bool, chosen: DateFormat, source_zone: str, business_zone: str
) -> str:
    """Write SQL that rewrites trimmed text to ISO in the business time zone; misfits stay."""
    shifts = source_zone != business_zone
    plain = (
        f"left({x}, 10)" if is_date else f"case length({x}) when 16 then {x} || ':00' else {x} end"
    )
    if shifts:
        moved = _written(
            _shifted(f"try_cast({x} as timestamp)", source_zone, business_zone),
            has_time="true",
            is_date=is_date,
        )
        plain = f"case when length({x}) = 10 then {x} else {moved} end"
    slow = [
        _slow(
            x,
            name,
            is_date=is_date,
            order=chosen.order,
            zones=(source_zone, business_zone) if shifts else None,
            business_zone=business_zone,
        )
        for name in chosen.classes
        if name != "iso"
    ]
    if not slow and not chosen.has_misfits:
        return plain
    if not slow:
        return f"case when {_ISO.format(x=x)} then {plain} else {x} end"
    return f"case when {_ISO.format(x=x)} then {plain} else coalesce({', '.join(slow)}, {x}) end"


def _slow(
    x: str,
    name: str,
    *,
    is_date: bool,
    order: DateOrder | None,
    zones: tuple[str, str] | None,
    business_zone: str,
) -> str:
    """Write SQL of the ISO text of a value of one class; null when the value is not of it."""
    has_time = f"contains({x}, ':')"
    guard = f"regexp_full_match({x}, {literal(_PATTERNS[name])})"
    if name in {"epoch_ms", "epoch_s"}:
        factor = 1000 if name == "epoch_ms" else 1000000
        instant = f"make_timestamptz(try_cast({x} as bigint) * {factor})"
        written = _written(
            f"timezone({literal(business_zone)}, {instant})", has_time="true", is_date=is_date
        )
        return f"case when {guard} then {written} end"
    if name == "ymd":
        tidy = f"replace(replace(replace({x}, '/', '-'), 'T', ' '), 'Z', '+00')"
        with_offset = rf"regexp_replace({tidy}, ' ?([+-][0-9]{{2}}):?([0-9]{{2}})$', '\1:\2')"
        instant = f"try_cast({with_offset} as timestamptz)"
        naive = f"try_cast({tidy} as timestamp)"
        if zones:
            naive = f"case when {has_time} then {_shifted(naive, *zones)} else {naive} end"
        value = (
            f"case when regexp_matches({x}, {literal(_OFFSET)}) "
            f"then timezone({literal(business_zone)}, {instant}) else {naive} end"
        )
    else:
        value = _parsed(x, name, order)
        if name == "compact":
            has_time = f"length({x}) > 8"
        if zones:
            value = f"case when {has_time} then {_shifted(value, *zones)} else {value} end"
    written = _written(value, has_time=has_time, is_date=is_date)
    return f"case when {guard} then {written} end"


def _parsed(x: str, name: str, order: DateOrder | None) -> str:
    if name == "numeric":
        x = f"replace(replace(replace({x}, '-', '/'), '.', '/'), 'T', ' ')"
        # 03/04/21 and 03/04/2021 take different formats: %Y would read 21 as the year 21.
        days = _DAYS["ymd2" if order == "ymd" else str(order)]
        short = f"regexp_matches({x}, '^[0-9]+/[0-9]+/[0-9]{{2}}([^0-9]|$)')"
        if order == "ymd":
            return f"try_strptime({x}, {_formats(days)})"
        return (
            f"case when {short} then try_strptime({x}, {_formats(days[1:])}) "
            f"else try_strptime({x}, {_formats(days[:1])}) end"
        )
    if name == "compact":
        return f"try_strptime({x}, ['%Y%m%d', '%Y%m%d%H%M', '%Y%m%d%H%M%S'])"
    return f"try_strptime({x}, {_formats(_DAYS[name])})"


def _formats(days: tuple[str, ...]) -> str:
    every = [day + time for day in days for time in _TIMES]
    every += [f"{day},{time}" for day in days for time in _TIMES if time]
    return "[" + ", ".join(literal(text) for text in every) + "]"


def _shifted(value: str, source_zone: str, business_zone: str) -> str:
    return f"timezone({literal(business_zone)}, timezone({literal(source_zone)}, {value}))"


def _written(value: str, *, has_time: str, is_date: bool) -> str:
    if is_date:
        return f"strftime({value}, '%Y-%m-%d')"
    day = f"strftime({value}, '%Y-%m-%d')"
    full = f"strftime({value}, '%Y-%m-%d %H:%M:%S')"
    return full if has_time == "true" else f"case when {has_time} then {full} else {day} end"
