"""What is asked of a customer that changed: what it would be if one thing alone had changed.

decay: yesterday's facts today. purchase, contact, feedback, record: the same with today's facts of
that kind. late: yesterday, with what today's exports say of it. drift: yesterday's facts by today's
lines. rules: yesterday by today's rules. All but drift go by yesterday's lines, all but rules by
yesterday's rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.changes.kept import NIGHT
from dagster_project.changes.models import CLASSES, DATABASE, ClassModels
from dagster_project.changes.whatif import FACTS, KINDS, SOURCE_MAP, WhatIf

# Asked as of the date before; the others as of the date itself.
AT_PREVIOUS = ("late", "drift", "rules")


@dataclass(frozen=True)
class _Pass:
    """Scenarios that one run of the models answers. pairs: which, as SQL."""

    scenarios: Sequence[str]
    pairs: str
    rules_on: date | None = None

    @property
    def clocks(self) -> str:
        """Write the query for the dates of the pass, and whose lines are held on each."""
        day, window = "as_of_date", "window_start"
        if self.scenarios[0] in AT_PREVIOUS:
            day, window = "previous", "previous_window"
        cut = "as_of_date" if self.scenarios == ("drift",) else "previous"
        return (
            f"select pairs.{day} as as_of_date, pairs.{window} as window_start, "
            f"pairs.{cut} as cut_date from whatif.pairs as pairs where {self.pairs}"
        )

    @property
    def twins(self) -> str:
        """Write the query for the twins of the pass."""
        return " union all ".join(_twins(one, self.pairs) for one in self.scenarios)


def ask(
    connection: duckdb.DuckDBPyConnection, models: ClassModels, dimensions: Sequence[str]
) -> None:
    """Answer every question of the customers of whatif.changed, into whatif.found."""
    connection.execute(
        "create table whatif.found (scenario varchar, as_of_date date, customer_key varchar, "
        "dimension varchar, value varchar)"
    )
    connection.execute(
        "create table whatif.asked as select distinct as_of_date, customer_key "
        "from whatif.changed where from_value is not null and to_value is not null"
    )
    if not _any(connection, "from whatif.asked"):
        return
    _store_touched(connection)
    whatif = WhatIf(connection, models)
    for one in _passes(connection):
        if _any(connection, one.twins):
            whatif.ask(one.twins, one.clocks, rules_on=one.rules_on)
            _note(connection, dimensions)


def _passes(connection: duckdb.DuckDBPyConnection) -> list[_Pass]:
    questions = [("decay", *KINDS), ("late",), ("drift",)]
    passes = [_Pass(asked, "not pairs.has_new_rules") for asked in questions]
    # Seeds in force by the date of a clock would be the new ones: such a pair is asked apart.
    for day, previous in connection.execute(
        "select as_of_date, previous from whatif.pairs where has_new_rules order by as_of_date"
    ).fetchall():
        one = f"pairs.as_of_date = date '{day}'"
        passes.append(_Pass(("rules",), one, day))
        passes += [_Pass(asked, one, previous) for asked in questions]
    return passes


def _any(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    row = connection.execute(f"select exists ({query})").fetchone()
    return bool(row and row[0])


def _twins(scenario: str, pairs: str) -> str:
    """Write the query for a scenario: of each kind of facts up to when, and by which exports."""
    seen = []
    for kind in KINDS:
        on, known = "previous", "previous_known"
        if scenario == kind:
            on, known = "as_of_date", "knowledge_date"
        elif scenario == "late":
            known = "knowledge_date"
        if kind == "record":
            known = "attribute_date" if scenario == "record" else "previous_attribute"
        seen.append(f"pairs.{on} as {kind}_on, pairs.{known} as {kind}_known")
    # Where nothing of the kind is new, the answer is that of decay.
    touched = (
        f"""semi join (from whatif.touched where kind = '{scenario}') as touched
            on asked.as_of_date = touched.as_of_date
            and asked.customer_key = touched.customer_key"""
        if scenario in (*KINDS, "late")
        else ""
    )
    clock = "previous" if scenario in AT_PREVIOUS else "as_of_date"
    return f"""
        select
            '{scenario}' as scenario, pairs.as_of_date as pair_date, pairs.{clock} as clock,
            asked.customer_key, '#{scenario}#' || pairs.as_of_date as suffix,
            asked.customer_key || '#{scenario}#' || pairs.as_of_date as twin_key,
            {", ".join(seen)}
        from whatif.asked as asked
        inner join whatif.pairs as pairs on asked.as_of_date = pairs.as_of_date {touched}
        where {pairs}
    """


def _store_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Write whatif.touched: whose facts of a kind are not the same on both dates, or came late."""
    queries = []
    for facts in FACTS:
        source, owner = f"{NIGHT}.intermediate.{facts.relation} as facts", f"facts.{facts.key}"
        if not facts.of_customer:
            source += (
                f" inner join {NIGHT}.intermediate.{SOURCE_MAP} as map on {owner} = map.record_key"
            )
            owner = "map.customer_key"
        before = facts.seen("pairs.previous", "pairs.previous_known", "pairs.previous_attribute")
        today = facts.seen("pairs.as_of_date", "pairs.knowledge_date", "pairs.attribute_date")
        late = facts.seen("pairs.previous", "pairs.knowledge_date", "pairs.previous_attribute")
        began = f" or {facts.began('pairs.previous', 'pairs.as_of_date')}" if facts.begins else ""
        queries += [
            f"""
                select distinct asked.as_of_date, asked.customer_key, {kind} as kind
                from {source}
                inner join whatif.asked as asked on {owner} = asked.customer_key
                inner join whatif.pairs as pairs on asked.as_of_date = pairs.as_of_date
                where {facts.where} and ({seen})
            """
            for kind, seen in (
                (facts.kind, f"{today} is distinct from {before}{began}"),
                ("'late'", f"{late} is distinct from {before}"),
            )
        ]
    connection.execute("create table whatif.touched as " + " union ".join(queries))


def _note(connection: duckdb.DuckDBPyConnection, dimensions: Sequence[str]) -> None:
    """Note the twins' classes in the dimensions that changed."""
    lines = ", ".join(
        "{" + f"dimension: '{name}', value: cast(classes.{name} as varchar)" + "}"
        for name in dimensions
    )
    connection.execute(f"""
        insert into whatif.found
        select answers.* exclude (line), answers.line.dimension, answers.line.value
        from (
            select twins.scenario, twins.pair_date as as_of_date, twins.customer_key,
                unnest([{lines}]) as line
            from {DATABASE}.intermediate.{CLASSES} as classes
            inner join whatif.twins as twins
                on classes.customer_key = twins.twin_key and classes.as_of_date = twins.clock
        ) as answers
        semi join whatif.changed as changed
            on answers.as_of_date = changed.as_of_date
            and answers.customer_key = changed.customer_key
            and answers.line.dimension = changed.dimension
    """)
