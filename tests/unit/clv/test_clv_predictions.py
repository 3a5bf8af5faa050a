"""The predictions of a run, on the purchase days of a database."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.clv import facts
from dagster_project.clv.facts import Moment, _query, customers_at
from dagster_project.clv.predictions import (
    Asked,
    Predicted,
    earlier_month_ends,
    month_end,
    predict,
)
from dagster_project.clv.tables import TABLES
from dagster_project.demo.purchases import PurchaseModel, draw_amounts, draw_purchases
from tests.portable_sql import findings

DAY = date(2026, 6, 20)
FIRST_EXPORT = date(2024, 1, 1)
Row = tuple[str, date, int, float, date, date | None]


class Database:
    """What the predictions ask of an engine, in memory."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("create schema raw; create schema intermediate")
        self.connection.execute(
            "create table intermediate.int_purchases__customer_days (customer_key varchar, "
            "event_date date, orders bigint, net_base decimal(18, 2), known_from date, "
            "known_to date)"
        )
        table = pa.table(
            list(zip(*rows, strict=True)) or [[]] * 6,
            names=["customer_key", "event_date", "orders", "net_base", "known_from", "known_to"],
        )
        self.connection.register("incoming", table)
        self.connection.execute(
            "insert into intermediate.int_purchases__customer_days select * from incoming"
        )

    def fetch(self, sql: str) -> pa.Table:
        return self.connection.cursor().execute(sql).to_arrow_table()

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        whole = pa.concat_tables([TABLES[table].empty_table(), *parts])
        self.connection.register("incoming", whole)
        self.connection.execute(f"create or replace table raw.{table} as select * from incoming")
        return whole.num_rows

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


def sales(count: int = 150, *, until: date = DAY, seed: int = 3) -> list[Row]:
    """Purchase days of the demo's process; the customers arrive over two years."""
    rng = np.random.default_rng(seed)
    age = np.floor(rng.uniform(1, 730, count))
    who, when = draw_purchases(PurchaseModel(), age, rng)
    cents = draw_amounts(PurchaseModel(), who, count, rng)
    days = {
        (int(person), until - timedelta(days=int(age[person]) - int(day))): int(amount) / 100
        for person, day, amount in zip(who, when, cents, strict=True)
    }
    return [
        (f"c{person:04d}", day, 1, amount, FIRST_EXPORT, None)
        for (person, day), amount in sorted(days.items())
    ]


def asked(day: date = DAY, *, known: date | None = None, least: float = 10) -> Asked:
    return Asked(as_of=day, known=known or day, monthly_rate=0.01, min_repeat_customers=least)


def run(rows: Iterable[Row], *dates: Asked) -> tuple[Database, Predicted]:
    database = Database(rows)
    return database, predict(database, dates or (asked(),), knowledge=lambda day: day)


SALES = sales()
FIT = "select * exclude (as_of_date) from raw.clv_fits order by as_of_date"
SCORES = "select * from raw.clv_scores order by as_of_date, customer_key"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 6, 20), date(2026, 5, 31)),
        (date(2026, 6, 30), date(2026, 6, 30)),
        (date(2026, 1, 1), date(2025, 12, 31)),
        (date(2024, 2, 29), date(2024, 2, 29)),
        (date(2024, 2, 28), date(2024, 1, 31)),
    ],
)
def test_the_last_month_end_up_to_a_day(day: date, expected: date) -> None:
    assert month_end(day) == expected


def test_earlier_month_ends_are_the_newest_first() -> None:
    assert earlier_month_ends(date(2026, 3, 31), 3) == [
        date(2026, 2, 28), date(2026, 1, 31), date(2025, 12, 31),
    ]  # fmt: skip


def test_the_query_means_the_same_on_every_engine() -> None:
    assert findings(_query([Moment(DAY, DAY, DAY), Moment(DAY, DAY, FIRST_EXPORT)])) == []


def test_a_customers_history_in_days() -> None:
    rows: list[Row] = [
        ("a", date(2026, 6, 1), 1, 10.0, FIRST_EXPORT, None),
        ("a", date(2026, 6, 5), 2, 20.5, FIRST_EXPORT, None),
        ("a", date(2026, 6, 9), 1, 30.25, FIRST_EXPORT, None),
        ("a", date(2026, 6, 21), 1, 99.0, FIRST_EXPORT, None),  # future
        ("a", date(2026, 6, 7), 1, 99.0, date(2026, 6, 25), None),  # not known yet
        ("a", date(2026, 6, 6), 1, 99.0, FIRST_EXPORT, date(2026, 6, 20)),  # no longer known
        ("a", date(2026, 6, 8), 0, 0.0, FIRST_EXPORT, None),  # a refund alone
        ("b", date(2026, 6, 20), 1, 5.0, FIRST_EXPORT, None),
        ("unknown", date(2026, 6, 2), 1, 7.0, FIRST_EXPORT, None),
    ]
    [(_, found)] = customers_at(Database(rows), [Moment(DAY, DAY, date(2026, 6, 4))])
    order = np.argsort(found.keys.to_pylist())

    who = found.purchasers
    assert [found.keys.to_pylist()[n] for n in order] == ["a", "b"]
    assert who.repeats[order].tolist() == [2, 0]
    assert who.last[order].tolist() == [8, 0]
    assert who.age[order].tolist() == [19, 0]
    assert who.repeat_spend[order].tolist() == [50.75, 0]
    assert who.total_spend[order].tolist() == [60.75, 5]
    assert found.recent[order].tolist() == [2, 1]


def a_date_near(day: date) -> st.SearchStrategy[date]:
    return st.integers(-6, 6).map(lambda days: day + timedelta(days=days))


@settings(deadline=None, max_examples=60)
@given(
    days=st.lists(
        st.tuples(
            st.sampled_from("abc"), a_date_near(DAY), st.integers(0, 2), st.integers(-900, 900),
            a_date_near(DAY), st.none() | a_date_near(DAY),
        ),
        max_size=12, unique_by=lambda day: day[:2],
    ),
    moments=st.lists(
        st.builds(Moment, a_date_near(DAY), a_date_near(DAY), a_date_near(DAY)),
        min_size=1, max_size=4, unique=True,
    ),
)  # fmt: skip
def test_each_moment_sees_its_own_days_however_many_are_read_at_once(
    days: list[tuple[str, date, int, int, date, date | None]], moments: list[Moment]
) -> None:
    rows = [(key, day, orders, cents / 100, *known) for key, day, orders, cents, *known in days]
    for moment, found in customers_at(Database(rows), moments):
        seen: dict[str, list[tuple[date, int]]] = {}
        for key, day, orders, cents, since, until in sorted(days):
            is_known = since <= moment.known and (until is None or until > moment.known)
            if orders and day <= moment.on and is_known:
                seen.setdefault(key, []).append((day, cents))
        who = found.purchasers
        columns = (who.repeats, who.last, who.age, who.repeat_spend, who.total_spend, found.recent)
        assert sorted(
            zip(found.keys.to_pylist(), *(column.tolist() for column in columns), strict=True)
        ) == [
            (
                key,
                len(bought) - 1,
                (bought[-1][0] - bought[0][0]).days,
                (moment.on - bought[0][0]).days,
                sum(cents for _, cents in bought[1:]) / 100,
                sum(cents for _, cents in bought) / 100,
                sum(day > moment.since for day, _ in bought),
            )
            for key, bought in sorted(seen.items())
        ]


def test_every_customer_is_scored_by_the_parameters_of_the_last_month_end() -> None:
    database, predicted = run(SALES)
    people = len({row[0] for row in SALES if row[1] <= DAY})

    [(fitted_on, status, reason, customers)] = database.rows(
        "select fitted_on, status, reason, customers from raw.clv_fits"
    )
    assert (fitted_on, status, reason) == (date(2026, 5, 31), "fitted", None)
    assert customers == len({row[0] for row in SALES if row[1] <= fitted_on})
    assert predicted == Predicted(people, {"fitted": 1})
    assert database.rows(
        "select count(*), count(distinct customer_key), min(status), "
        "bool_and(p_alive between 0 and 1 and predicted_clv_base >= 0) from raw.clv_scores"
    ) == [(people, people, "fitted", True)]


def test_purchases_after_the_month_end_change_scores_but_no_parameters() -> None:
    new: Row = ("c0001", date(2026, 6, 19), 1, 5000.0, FIRST_EXPORT, None)
    rows = [row for row in SALES if row[:2] != new[:2]]
    before, _ = run(rows)
    after, _ = run([*rows, new])

    assert before.rows(FIT) == after.rows(FIT)
    changed = set(before.rows(SCORES)) ^ set(after.rows(SCORES))
    assert {row[1] for row in changed} == {"c0001"}


def test_facts_exported_after_the_month_ends_knowledge_date_do_not_count_in_the_fit() -> None:
    late = [(f"late{n}", date(2026, 5, 1 + n), 1, 9.0, date(2026, 6, 10), None) for n in range(20)]
    before, _ = run(SALES)
    after, _ = run([*SALES, *late])

    assert before.rows(FIT) == after.rows(FIT)
    assert after.rows("select count(*) from raw.clv_scores where customer_key like 'late%'") == [
        (20,)
    ]


def test_the_newest_earlier_month_end_with_a_fit_stands_in() -> None:
    # All is void from an export in April on: only month ends before it can be fitted.
    void = [(*row[:5], date(2026, 4, 10)) for row in SALES]
    rows: list[Row] = [*void, ("new", date(2026, 4, 1), 1, 9.0, FIRST_EXPORT, None)]
    database, predicted = run(rows)
    march, _ = run(SALES, asked(date(2026, 3, 31)))

    assert predicted.dates == {"last_good": 1}
    [fit] = database.rows(FIT)
    [expected] = march.rows(FIT)
    assert fit[0] == date(2026, 3, 31)
    assert fit[:-2] == expected[:-2]
    assert fit[-2:] == ("last_good", "too_few_repeat_customers")


def test_dates_of_one_fit_keep_their_own_status() -> None:
    # As above: what is fitted for March stands in for April, and both dates are read at once.
    void = [(*row[:5], date(2026, 4, 10)) for row in SALES]
    rows: list[Row] = [*void, ("new", date(2026, 3, 1), 1, 9.0, FIRST_EXPORT, None)]

    database, predicted = run(rows, asked(date(2026, 4, 5)), asked(date(2026, 5, 5)))

    assert predicted.dates == {"fitted": 1, "last_good": 1}
    assert database.rows(
        "select distinct as_of_date, status from raw.clv_scores order by as_of_date"
    ) == [(date(2026, 4, 5), "fitted"), (date(2026, 5, 5), "last_good")]


def test_without_any_fit_everybody_has_the_mean() -> None:
    rows: list[Row] = [
        ("a", date(2026, 6, 10), 1, 100.0, FIRST_EXPORT, None),
        ("b", date(2026, 5, 31), 1, 50.0, FIRST_EXPORT, None),
        ("b", date(2026, 6, 12), 1, 30.0, FIRST_EXPORT, None),
    ]
    database, predicted = run(rows)

    assert predicted == Predicted(2, {"segment_mean": 1})
    # One repeat purchase of 30 in 10 + 20 days.
    [fit] = database.rows(
        "select fitted_on, r, p, customers, repeat_customers, status, reason from raw.clv_fits"
    )
    assert fit == (None, None, None, 2, 1, "segment_mean", "too_few_repeat_customers")
    rows_found = database.rows(
        "select customer_key, purchases_x, p_alive, expected_purchases_12m, expected_spend_base, "
        "cast(predicted_clv_base as double), status from raw.clv_scores order by customer_key"
    )
    yearly = round(365 / 30, 6)
    value = round(365 / 30 / 12 * 30 * sum(1.01**-n for n in range(1, 13)), 2)
    assert rows_found == [
        ("a", 0, None, yearly, 30.0, value, "segment_mean"),
        ("b", 1, None, yearly, 30.0, value, "segment_mean"),
    ]


def test_nobody_has_a_status_and_no_scores() -> None:
    database, predicted = run([])

    assert predicted == Predicted(0, {"segment_mean": 1})
    assert database.rows("select customers, status, reason from raw.clv_fits") == [
        (0, "segment_mean", "no_customers")
    ]
    assert database.rows("select count(*) from raw.clv_calibration") == [(0,)]


def test_only_future_purchases_are_nobody() -> None:
    database, predicted = run([("a", date(2026, 6, 21), 1, 9.0, FIRST_EXPORT, None)])

    assert predicted.scores == 0
    assert database.rows("select status from raw.clv_fits") == [("segment_mean",)]


def test_deciles_hold_everybody_and_compare_what_was_predicted_with_what_happened() -> None:
    database, _ = run(SALES)
    before = DAY - timedelta(days=90)
    people = {row[0] for row in SALES if row[1] <= before}
    happened = sum(row[0] in people and before < row[1] <= DAY for row in SALES)

    [(deciles, customers, actual, on, fitted_on, status)] = database.rows(
        "select count(*), sum(customers), sum(actual_purchases), min(predicted_on), "
        "min(fitted_on), min(status) from raw.clv_calibration"
    )
    assert (deciles, customers, actual) == (10, len(people), happened)
    assert (on, fitted_on, status) == (before, date(2026, 2, 28), "fitted")
    means = database.rows(
        "select predicted_purchases / customers from raw.clv_calibration order by decile"
    )
    assert means == sorted(means)
    [(predicted,)] = database.rows("select sum(predicted_purchases) from raw.clv_calibration")
    assert predicted == pytest.approx(happened, rel=0.35)


def test_a_customer_that_is_gone_bought_nothing() -> None:
    void = [(*row[:5], date(2026, 6, 15) if row[0] == "c0001" else None) for row in SALES]
    database, _ = run(void)
    people = {row[0] for row in SALES if row[1] <= DAY - timedelta(days=90)}

    assert database.rows("select sum(customers) from raw.clv_calibration") == [(len(people),)]


def test_many_dates_at_once_equal_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [DAY - timedelta(days=25 * n) for n in range(4)]
    together, _ = run(SALES, *(asked(day) for day in days))
    monkeypatch.setattr(facts, "MAX_ROWS", 1)
    apart, _ = run(SALES, *(asked(day) for day in days))
    assert together.rows(SCORES) == apart.rows(SCORES)

    for day in days:
        alone, _ = run(SALES, asked(day))
        for table in ("clv_scores", "clv_fits"):
            where = f"from raw.{table} where as_of_date = '{day}' order by all"
            assert together.rows(where) == alone.rows(where)
    assert together.rows("select distinct as_of_date from raw.clv_calibration") == [(DAY,)]


def test_the_order_of_the_rows_changes_nothing() -> None:
    first, _ = run(SALES)
    second, _ = run(reversed(SALES))

    for table in TABLES:
        query = f"from raw.{table} order by all"
        assert first.rows(query) == second.rows(query)
