"""Asking the models what a customer would be with other facts, another date's lines or rules.

A question is a twin of the customer: a copy under a key of its own, with the facts that the
question allows, seen from a date (its clock). One pass runs the models once for many twins; the
lines of a population (cut points, means, percentiles) are not computed from the twins but held:
those of the date that the clock is given. Facts of a twin are known on its clock's day alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.changes.kept import KEPT, NIGHT
from dagster_project.changes.models import DATABASE, ClassModels, with_part
from dagster_project.clv.bgnbd import BgNbd, BgNbdFit
from dagster_project.clv.facts import Moment, customers_at
from dagster_project.clv.gamma_gamma import GammaGamma, GammaGammaFit
from dagster_project.clv.predictions import score_table
from dagster_project.clv.scoring import Parameters
from dagster_project.clv.tables import TABLES as CLV_TABLES
from dagster_project.ingest.sql import quoted

# Kinds of facts that can change apart from each other; `record`: what stands in the CRM now.
KINDS = ("purchase", "contact", "feedback", "record")
PURCHASES = "('online_purchase', 'offline_purchase', 'purchase')"


@dataclass(frozen=True)
class Facts:
    """A relation with facts of customers, and how a date and an export see them.

    key: column with the record (or the customer) that a row is of. kind: SQL that gives the kind.
    event: when it happened; None = it stands as long as it is exported. known_from, known_to: the
    exports that hold it. keys: more columns that name the record. by_rules: rule_from and
    rule_until say by which rules it is one. also: columns that are given anew. begins: columns with
    the dates from which what a record says holds: a deal that was created or closed, a contact.
    """

    relation: str
    key: str
    kind: str
    event: str | None
    known_from: str = "valid_from"
    known_to: str = "valid_to"
    of_customer: bool = False
    keys: tuple[str, ...] = ()
    where: str = "true"
    by_rules: bool = False
    also: Mapping[str, str] = field(default_factory=dict)
    begins: tuple[str, ...] = ()

    def seen(self, on: str, known: str, attribute: str) -> str:
        """Write the condition that a row is seen; each argument is SQL for a date."""
        if self.event is None:
            return f"{self._exported(attribute)}"
        facts = f"(facts.{self.event} <= {on} and {self._exported(known)})"
        if self.kind.startswith("case when facts.is_attribute"):
            stands = f"(facts.{self.event} <= {attribute} and {self._exported(attribute)})"
            return f"(case when facts.is_attribute then {stands} else {facts} end)"
        return facts

    def began(self, after: str, until: str) -> str:
        """Write the condition that something of a record began between two dates, SQL for each."""
        return " or ".join(
            f"({self._value(column)} > {after} and {self._value(column)} <= {until})"
            for column in self.begins
        )

    def beginning_by(self, day: str, clock: str) -> dict[str, str]:
        """Give the dates of what begins, by column; what began after a day, after the clock."""
        return {
            column: f"case when {value} > {day} and {value} <= {clock} then {clock} + 1 "
            f"else {value} end"
            for column in self.begins
            for value in (self._value(column),)
        }

    def _value(self, column: str) -> str:
        return self.also.get(column, f"facts.{column}")

    def _exported(self, day: str) -> str:
        return (
            f"(facts.{self.known_from} <= {day} "
            f"and (facts.{self.known_to} is null or facts.{self.known_to} > {day}))"
        )


FACTS = (
    Facts(
        "int_purchases__customer_days", "customer_key", "'purchase'", "event_date",
        "known_from", "known_to", of_customer=True,
    ),
    Facts(
        "int_behaviour__party_days", "party_key",
        f"case when facts.interaction_kind in {PURCHASES} then 'purchase' else 'contact' end",
        "event_date", "known_from", "known_to", of_customer=True,
        where="facts.party_type = 'customer'",
    ),
    Facts(
        "int_behaviour__mentions", "party_key",
        "case when facts.is_attribute then 'record' else 'contact' end", "mention_date",
        of_customer=True, where="facts.party_type = 'customer'", by_rules=True,
    ),
    Facts("int_crm__activities", "party_key", "'contact'", "activity_date"),
    Facts("int_crm__feedback", "party_key", "'feedback'", "occurred_date",
          also={"lead_key": "cast(null as varchar)"}),
    Facts("int_crm__accounts", "account_key", "'record'", None),
    Facts("int_crm__contacts", "contact_key", "'record'", None, keys=("party_key",),
          where="facts.party_key = facts.contact_key"),
    Facts("int_profiles__contact_roles", "party_key", "'record'", None, begins=("created_date",)),
    # What a missing date stands for is said before the version's own dates are given anew.
    Facts("int_crm__deals", "party_key", "'record'", None, also={
        "created_date": "coalesce(facts.created_date, facts.valid_from)",
        "stage_changed_date": "coalesce(facts.stage_changed_date, facts.valid_from)",
    }, begins=("created_date", "close_date", "stage_changed_date")),
    Facts("int_crm__leads", "converted_account_key", "'record'", None, also={
        "converted_date": "coalesce(facts.converted_date, facts.created_date, facts.valid_from)",
    }, begins=("converted_date",)),
)  # fmt: skip
SOURCE_MAP = "int_customers__source_map"
# Models that count what is seen on a date, and whose counts they are.
_COUNTED = {
    "int_purchases__customer_metrics": "customer_key",
    "int_purchases__cadences": "customer_key",
    "int_behaviour__party_kinds": "party_type, party_key, interaction_kind",
}

# Parts of models that are held: what the whole population decides, by the lines of cut_date, and on
# which dates a twin is counted.
_HELD_PARTS = {
    "int_customers__rfm": {
        "totals": f"""
            select clocks.as_of_date, kept.* exclude (as_of_date)
            from whatif.clocks as clocks
            inner join {KEPT}.kept.rfm_totals as kept on clocks.cut_date = kept.as_of_date
        """
    },
    "int_customers__abc": {
        # Ties and new amounts alike: what all with more than this have.
        "cumulated": f"""
            select
                asked.as_of_date, asked.monetary_base, totals.amount_in_all,
                coalesce(above.amount_before + above.amount_total, 0) as amount_before
            from (
                select distinct buyers.as_of_date, buyers.monetary_base, clocks.cut_date
                from buyers inner join whatif.clocks as clocks using (as_of_date)
            ) as asked
            left join (
                select distinct as_of_date, amount_in_all from {KEPT}.kept.amounts
            ) as totals on asked.cut_date = totals.as_of_date
            asof left join {KEPT}.kept.amounts as above
                on asked.cut_date = above.as_of_date
                and asked.monetary_base < above.monetary_base
        """,
        "held": f"""
            select raw_tiers.*, coalesce(kept.held_tier, 'C') as held_tier
            from raw_tiers
            inner join whatif.twins as twins
                on raw_tiers.as_of_date = twins.clock and raw_tiers.customer_key = twins.twin_key
            left join {KEPT}.kept.held_tiers as kept
                on twins.clock = kept.as_of_date and twins.customer_key = kept.customer_key
        """,
    },
    "int_customers__value": {
        "ranked": f"""
            select
                asked.* exclude (cut_date),
                coalesce(monetary.pct, 0) as monetary_pct,
                case when asked.predicted_clv_base is not null then coalesce(clv.pct, 0) end
                    as clv_pct
            from (
                select loyal.*, clocks.cut_date
                from loyal inner join whatif.clocks as clocks using (as_of_date)
            ) as asked
            asof left join (
                select * from {KEPT}.kept.percentiles where measure = 'monetary'
            ) as monetary
                on asked.cut_date = monetary.as_of_date and asked.monetary_base >= monetary.value
            asof left join (
                select * from {KEPT}.kept.percentiles where measure = 'clv'
            ) as clv
                on asked.cut_date = clv.as_of_date and asked.predicted_clv_base >= clv.value
        """,
        "median_orders": f"""
            select clocks.as_of_date, kept.customer_type, kept.average_order_base
            from whatif.clocks as clocks
            inner join {KEPT}.kept.order_medians as kept on clocks.cut_date = kept.as_of_date
        """,
    },
    "int_customers__lifecycle": {
        part: f"""
            select clocks.as_of_date, kept.* exclude (as_of_date)
            from whatif.clocks as clocks
            inner join {KEPT}.kept.{part} as kept on clocks.cut_date = kept.as_of_date
        """
        for part in ("tier_cadences", "overall_cadences")
    },
    # All facts of a twin are seen on its clock's day, and on no other.
    **{
        model: {
            "turn_dates": f"""
                select distinct {keys}, known_from as as_of_date from days
                where known_from > (select min(as_of_date) from periods)
            """,
            "turns": f"""
                select distinct {keys}, known_from as as_of_date, known_from + 1 as next_turn
                from days
            """,
        }
        for model, keys in _COUNTED.items()
    },
}
# Models that are nothing but such lines.
_HELD_MODELS = {
    "int_customers__rfm_cut_points": f"""
        select clocks.as_of_date, kept.measure, kept.cut_number, kept.cut_point
        from whatif.clocks as clocks
        inner join {KEPT}.kept.cut_points as kept on clocks.cut_date = kept.as_of_date
    """,
    **{
        model: f"""
            select twins.clock as as_of_date, twins.twin_key as customer_key,
                kept.* exclude (as_of_date, customer_key)
            from whatif.twins as twins
            inner join whatif.clocks as clocks on twins.clock = clocks.as_of_date
            inner join {KEPT}.kept.{table} as kept
                on clocks.cut_date = kept.as_of_date and twins.customer_key = kept.customer_key
        """
        for model, table in {
            "int_customers__value_index": "value_index",
            "int_customers__rfm_ntiles": "ntiles",
        }.items()
    },
}


def statements_of(models: ClassModels) -> dict[str, str]:
    """Give the SQL of each model with the lines of the population held, in the order to run it."""
    statements = dict(models.statements)
    for model, parts in _HELD_PARTS.items():
        for part, body in parts.items():
            statements[model] = with_part(statements[model], part, body)
    statements |= _HELD_MODELS
    # Every twin belongs to one date; the model would give it to all later ones too.
    statements["int_customers__customers"] = (
        "select * from (\n" + statements["int_customers__customers"] + "\n) as everywhere "
        "semi join whatif.twins as twins on everywhere.as_of_date = twins.clock "
        "and everywhere.customer_key = twins.twin_key"
    )
    return statements


class WhatIf:
    """The models in a database of their own, beside the night's and what is kept.

    connection: has the night's database attached as `night` and the kept one as `history`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, models: ClassModels) -> None:
        self._connection = connection
        self._models = models
        self._statements = statements_of(models)
        connection.execute(f"attach ':memory:' as {DATABASE}")

    def fetch(self, sql: str) -> pa.Table:
        """Run a query on the twins, for the predictions."""
        return self._connection.execute(sql).to_arrow_table()

    def ask(self, twins: str, clocks: str, *, rules_on: date | None = None) -> None:
        """Run the models on twins; their classes are in intermediate.int_customers__classes.

        twins: a query of clock, customer_key, twin_key, suffix, and per kind of facts <kind>_on and
        <kind>_known. clocks: a query of as_of_date, window_start and cut_date (whose lines hold).
        rules_on: judge by the rules in force on that day instead of the clock's.
        """
        execute = self._connection.execute
        execute(f"create or replace table whatif.twins as {twins}")
        execute(f"create or replace table whatif.clocks as {clocks}")
        self._prepare(rules_on)
        for model, sql in self._statements.items():
            if model == "int_customers__value":
                self._predict()
            execute(f"create table {DATABASE}.intermediate.{model} as {sql}")

    def _prepare(self, rules_on: date | None) -> None:
        """Make every relation that the models read: twins of facts, the rest as it is."""
        execute = self._connection.execute
        for schema in ("intermediate", "raw", "seeds", "staging"):
            execute(f"drop schema if exists {DATABASE}.{schema} cascade")
            execute(f"create schema {DATABASE}.{schema}")
        execute(
            f"create table {DATABASE}.raw.run_context as select as_of_date, "
            "as_of_date as knowledge_date, as_of_date as attribute_date, window_start, "
            "false as is_newest, true as is_requested from whatif.clocks"
        )
        made = {("raw", "run_context"), ("raw", "clv_scores"), ("intermediate", SOURCE_MAP)}
        execute(
            "create or replace table whatif.records as "
            "select twins.*, map.record_key from whatif.twins as twins "
            f"inner join {NIGHT}.intermediate.{SOURCE_MAP} as map using (customer_key)"
        )
        execute(
            f"create table {DATABASE}.intermediate.{SOURCE_MAP} as "
            "select map.* replace (map.record_key || records.suffix as record_key, "
            "records.twin_key as customer_key, "
            "case when map.record_seen_on <= records.record_known "
            "then least(map.record_seen_on, records.clock) end as record_seen_on, "
            "records.clock as fact_seen_on) "
            f"from whatif.records as records inner join {NIGHT}.intermediate.{SOURCE_MAP} as map "
            "using (record_key, customer_key)"
        )
        for facts in FACTS:
            made.add(("intermediate", facts.relation))
            execute(self._twin_facts(facts, rules_on))
        for schema, name in sorted(self._models.inputs - made):
            execute(
                f"create view {DATABASE}.{schema}.{quoted(name)} as "
                f"{self._as_of_rules(schema, name, rules_on)}"
            )

    def _twin_facts(self, facts: Facts, rules_on: date | None) -> str:
        on, known = (
            "case "
            + " ".join(f"when {facts.kind} = '{kind}' then records.{kind}_{end}" for kind in KINDS)
            + " end"
            for end in ("on", "known")
        )
        anew = {
            **{key: f"facts.{key} || records.suffix" for key in (facts.key, *facts.keys)},
            facts.known_from: "records.clock",
            facts.known_to: "records.clock + 1",
            **facts.also,
            **facts.beginning_by("records.record_on", "records.clock"),
        }
        where = facts.where
        if rules_on and facts.by_rules:
            anew |= {"rule_from": "date '1900-01-01'", "rule_until": "date '9999-12-31'"}
            where += f" and date '{rules_on}' between facts.rule_from and facts.rule_until"
        replaced = ", ".join(f"{value} as {column}" for column, value in anew.items())
        owner = "customer_key" if facts.of_customer else "record_key"
        twins = "whatif.twins" if facts.of_customer else "whatif.records"
        return (
            f"create table {DATABASE}.intermediate.{facts.relation} as "
            f"select facts.* replace ({replaced}) "
            f"from {NIGHT}.intermediate.{facts.relation} as facts "
            f"inner join {twins} as records on facts.{facts.key} = records.{owner} "
            f"where {where} and {facts.seen(on, known, 'records.record_known')}"
        )

    def _as_of_rules(self, schema: str, name: str, rules_on: date | None) -> str:
        """Read a relation; of a dated seed what is in force on a day, as if it always were."""
        relation = f"{NIGHT}.{schema}.{quoted(name)}"
        columns = {
            row[0]
            for row in self._connection.execute(
                "select column_name from duckdb_columns() "
                "where database_name = ? and schema_name = ? and table_name = ?",
                (NIGHT, schema, name),
            ).fetchall()
        }
        if rules_on is None or schema != "seeds" or "valid_from" not in columns:
            return f"from {relation}"
        return (
            "select * replace (date '1900-01-01' as valid_from, cast(null as date) as valid_to) "
            f"from {relation} where valid_from <= date '{rules_on}' "
            f"and coalesce(valid_to, date '9999-12-31') >= date '{rules_on}'"
        )

    def _predict(self) -> None:
        """Score the twins by the parameters of the date whose lines are held."""
        execute = self._connection.execute
        self._connection.register("_scores", CLV_TABLES["clv_scores"].empty_table())
        execute(f"create table {DATABASE}.raw.clv_scores as select * from _scores")
        execute(f"use {DATABASE}")
        rows = execute(
            "select clocks.as_of_date as clock, fits.*, "
            "cast(thresholds.clv_monthly_discount_pct as double) / 100 as monthly_rate, "
            "means.expected_purchases_12m, means.predicted_clv_base "
            "from memory.whatif.clocks as clocks "
            f"inner join {KEPT}.kept.clv_fits as fits on clocks.cut_date = fits.as_of_date "
            "inner join intermediate.int_config__thresholds as thresholds "
            "on clocks.as_of_date = thresholds.as_of_date "
            f"left join {KEPT}.kept.clv_means as means on clocks.cut_date = means.as_of_date"
        ).to_arrow_table()
        fits = {row["clock"]: row for row in rows.to_pylist()}
        moments = [Moment(day, day, day) for day in fits]
        for moment, customers in customers_at(self, moments):
            fit = fits[moment.on]
            parameters = _parameters(fit)
            if parameters is None:
                scores = _everybody(customers.keys, fit)
            else:
                scores = score_table(
                    [(moment.on, customers)],
                    parameters=parameters,
                    status=fit["status"],
                    monthly_rate=fit["monthly_rate"],
                )
            self._connection.register("_scores", scores)
            execute("insert into raw.clv_scores select * from _scores")
        execute("use memory")


def _parameters(fit: Mapping[str, Any]) -> Parameters | None:
    if fit["r"] is None:
        return None
    nothing = np.zeros(0)
    return Parameters(
        purchases=BgNbdFit(
            BgNbd(fit["r"], fit["alpha"], fit["a"], fit["b"]),
            fit["log_likelihood"], is_found=True, at_bound=False, intervals=nothing,
        ),
        amounts=GammaGammaFit(
            GammaGamma(fit["p"], fit["q"], fit["v"]),
            fit["spend_log_likelihood"], is_found=True, at_bound=False, intervals=nothing,
        ),
        customers=fit["customers"],
        repeat_customers=fit["repeat_customers"],
    )  # fmt: skip


def _everybody(keys: pa.Array, fit: Mapping[str, Any]) -> pa.Table:
    """Give everybody the mean that the whole population got on the date whose lines are held."""
    size = len(keys)
    given: dict[str, Any] = {
        "as_of_date": fit["clock"],
        "expected_purchases_12m": fit["expected_purchases_12m"],
        "predicted_clv_base": fit["predicted_clv_base"],
        "status": fit["status"],
    }
    schema = CLV_TABLES["clv_scores"]
    columns: Iterable[pa.Array] = (
        keys if column.name == "customer_key"
        else pa.repeat(pa.scalar(given.get(column.name), column.type), size)
        for column in schema
    )  # fmt: skip
    return pa.table(list(columns), schema=schema)
