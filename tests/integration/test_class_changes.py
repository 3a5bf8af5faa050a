"""What changed between two dates and why: a customer per cause, planted in two nights' exports."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.changes.causes import CHANGES, find_changes
from dagster_project.changes.models import CLASSES, DATABASE, class_models
from dagster_project.changes.pairs import HISTORY, Neighbours, both_databases, kept_file
from dagster_project.changes.whatif import KINDS, WhatIf
from dagster_project.settings import Settings
from dagster_project.transform.context import Exports, run_dates
from dagster_project.transform.engines import engine_of
from dagster_project.transform.history import IDENTITY
from tests.support import NOW, published, run_light_night

YESTERDAY, TODAY = date(2026, 3, 10), date(2026, 3, 11)
LONG_AGO = date(2025, 1, 1)


def _shop(home: Path) -> Settings:
    return Settings.model_validate({
        "home": home,
        "sources": {
            "shop": {
                "path": "exports/shop",
                "currency": "CNY",
                "money": "orders",
                "header_maps": [
                    {
                        "kind": "accounts", "stems": ["accounts"], "required": ["id"],
                        "columns": {
                            "id": ["id"], "name": ["name"], "industry": ["industry"],
                            "created_at": ["created"],
                        },
                    },
                    {
                        "kind": "orders", "stems": ["orders"], "required": ["id"],
                        "columns": {
                            "id": ["order"], "account_id": ["account"], "order_date": ["day"],
                            "grand_total": ["total"],
                        },
                    },
                    {
                        "kind": "deals", "stems": ["deals"], "required": ["id"],
                        "columns": {
                            "id": ["deal"], "account_id": ["account"], "stage": ["stage"],
                            "created_at": ["created"], "close_date": ["closed"],
                        },
                    },
                    {
                        "kind": "contacts", "stems": ["contacts"], "required": ["id"],
                        "columns": {
                            "id": ["contact"], "account_id": ["account"], "title": ["title"],
                            "created_at": ["created"],
                        },
                    },
                ],
            }
        },
    })  # fmt: skip


def _deliver(settings: Settings, day: date, accounts: dict[str, str], orders: list[Any]) -> None:
    folder = settings.home / "exports" / "shop" / day.isoformat()
    folder.mkdir(parents=True)
    lines = [f"{key},{key} Ltd,{industry},2024-05-05" for key, industry in accounts.items()]
    (folder / "accounts.csv").write_text("id,name,industry,created\n" + "\n".join(lines) + "\n")
    lines = [f"{n},{account},{on},{total}" for n, (account, on, total) in enumerate(orders, 1)]
    (folder / "orders.csv").write_text("order,account,day,total\n" + "\n".join(lines) + "\n")
    # The same on both days: what the CRM says of a day before it came.
    (folder / "deals.csv").write_text(
        f"deal,account,stage,created,closed\n1,opens,Intent,{TODAY},\n2,closes,Won,{LONG_AGO},{TODAY}\n"
    )
    (folder / "contacts.csv").write_text(f"contact,account,title,created\n1,hires,CEO,{TODAY}\n")
    (folder / "_SUCCESS").touch()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two nights; who is who stands in the key."""
    settings = _shop(tmp_path_factory.mktemp("changes"))
    accounts = dict.fromkeys(
        (
            "buys", "late", "corrected", "decays", "steady", "drifts", "edited", "left",
            "opens", "closes", "hires",
        ),
        "Retail",
    )  # fmt: skip
    # So many that one which is gone is no suspicious loss.
    accounts |= {f"quiet_{n}": "Retail" for n in range(60)}
    orders = [
        *(("steady", TODAY - timedelta(days=10 * n), 1000) for n in range(2, 12)),
        ("corrected", date(2025, 9, 9), 100),
        ("decays", TODAY - timedelta(days=181), 90),
        ("drifts", date(2025, 9, 10), 2000),
        ("edited", date(2025, 9, 11), 80),
    ]
    _deliver(settings, YESTERDAY, accounts, orders)
    run_light_night(settings, data_tests=False, now=NOW - timedelta(days=1))
    del accounts["left"]
    accounts |= {"edited": "Banking", "enters": "Retail"}
    orders[10] = ("corrected", date(2025, 9, 9), 100_000)
    orders += [("buys", TODAY, 70), ("late", TODAY - timedelta(days=2), 60)]
    _deliver(settings, TODAY, accounts, orders)
    run_light_night(settings, data_tests=False)
    return settings


def _changes(settings: Settings) -> dict[tuple[str, str], tuple[str | None, str | None, str]]:
    with duckdb.connect(str(published(settings.home)), read_only=True) as connection:
        rows = connection.execute(f"""
            select names.customer_name, dimension, from_value, to_value, cause
            from {CHANGES} inner join (
                select customer_key, max(customer_name) as customer_name
                from customer_classification_history group by customer_key
            ) as names using (customer_key)
            where as_of_date = '{TODAY}' and previous_as_of_date = '{YESTERDAY}'
        """).fetchall()
    return {(name.removesuffix(" Ltd"), dimension): tuple(rest) for name, dimension, *rest in rows}


def test_each_cause_is_found_where_it_was_planted(settings: Settings) -> None:
    found = _changes(settings)
    assert found["buys", "customer_status"] == ("prospect", "new", "new_purchase")
    assert found["buys", "prospect_stage"] == ("first_contact", "purchase", "new_purchase")
    assert found["late", "customer_status"] == ("prospect", "new", "late_data")
    assert found["corrected", "abc_tier"] == ("C", "A", "late_data")
    assert found["drifts", "abc_tier"] == ("B", "C", "threshold_drift")
    assert found["decays", "customer_status"][2] == "time_decay"
    assert found["decays", "customer_status"][1] == "churned"
    assert found["edited", "industry"] == ("retail", "finance", "record_change")
    # What a record says of its beginning and its end begins and ends then, whenever it is exported.
    assert found["opens", "prospect_stage"] == ("first_contact", "intent", "record_change")
    assert found["closes", "prospect_stage"] == ("intent", "first_contact", "record_change")
    assert found["hires", "decision_power"] == ("unknown", "decision_maker", "record_change")
    assert found["enters", "customer_status"] == (None, "prospect", "entered")
    assert found["left", "customer_status"] == ("prospect", None, "left")
    assert {dimension for key, dimension in found if key == "enters"} == set(_dimensions(settings))


def test_ranges_say_what_held_on_each_date(settings: Settings) -> None:
    columns = ", ".join(f"cast({name} as varchar) as {name}" for name in _dimensions(settings))
    with duckdb.connect(str(published(settings.home)), read_only=True) as connection:
        differing = connection.execute(f"""
            with history as (
                unpivot (
                    select as_of_date, customer_key, {columns} from customer_classification_history
                ) on {", ".join(_dimensions(settings))} into name dimension value value
            ),
            ranges as (
                select dates.as_of_date, customer_key, dimension, value
                from customer_class_ranges
                inner join (select distinct as_of_date from history) as dates
                    on dates.as_of_date >= valid_from
                    and dates.as_of_date <= coalesce(valid_to, date '9999-12-31')
            )
            (from history except all from ranges) union all (from ranges except all from history)
        """).fetchall()
    assert differing == []


def test_every_move_is_counted_once(settings: Settings) -> None:
    with duckdb.connect(str(published(settings.home)), read_only=True) as connection:
        everybody = connection.execute(
            "select count(distinct customer_key) from customer_classification_history "
            f"where as_of_date in ('{YESTERDAY}', '{TODAY}')"
        ).fetchone()
        by_dimension = connection.execute(
            "select distinct sum(customers), count(distinct dimension) over () "
            f"from class_migration where as_of_date = '{TODAY}' group by dimension"
        ).fetchall()
        differing = connection.execute(f"""
            with moved as (
                select as_of_date, dimension, from_value, to_value, customers
                from class_migration where from_value is distinct from to_value
            ),
            counted as (
                select as_of_date, dimension, from_value, to_value, count(*) as customers
                from {CHANGES} group by all
            )
            (from moved except from counted) union all (from counted except from moved)
        """).fetchall()
        money = connection.execute(
            "select sum(monetary_base), (select sum(monetary_base) from customer_abc) "
            f"from class_migration where as_of_date = '{TODAY}' and dimension = 'abc_tier' "
            "and to_value is not null"
        ).fetchone()
    assert everybody
    assert by_dimension == [(everybody[0], len(_dimensions(settings)))]
    assert differing == []
    assert money
    assert money[0] == money[1]


def test_a_twin_with_all_facts_has_the_published_classes(settings: Settings) -> None:
    """The question asked with nothing held back gives the answer of the night itself."""
    with both_databases(settings, engine_of(settings)) as connection:
        seen = ", ".join(
            f"date '{TODAY}' as {kind}_{end}" for kind in KINDS for end in ("on", "known")
        )
        WhatIf(connection, class_models()).ask(
            f"select date '{TODAY}' as clock, customer_key, '#' as suffix, "
            f"customer_key || '#' as twin_key, {seen} from {HISTORY} where as_of_date = '{TODAY}'",
            f"select as_of_date, window_start, as_of_date as cut_date "
            f"from night.raw.run_context where as_of_date = '{TODAY}'",
        )
        columns = ", ".join(("customer_name", "owner_key", *_dimensions(settings)))
        published_rows = (
            f"select customer_key || '#', {columns} from {HISTORY} where as_of_date = '{TODAY}'"
        )
        twins = f"select customer_key, {columns} from {DATABASE}.intermediate.{CLASSES}"
        differing = connection.execute(
            f"({published_rows} except {twins}) union all ({twins} except {published_rows})"
        ).fetchall()
        counts = connection.execute(
            f"select (select count(*) from ({twins})), (select count(*) from ({published_rows}))"
        ).fetchone()
    assert differing == []
    assert counts
    assert counts[0] == counts[1] > 0


def test_lines_that_are_lost_are_computed_again(settings: Settings) -> None:
    """The dates before are compared with by what is kept of them, or made anew."""
    before = _changes(settings)
    kept_file(settings).unlink()
    run_light_night(settings, data_tests=False, now=NOW + timedelta(days=1))
    assert _changes(settings) == before


def test_a_rule_in_force_since_today_is_the_cause(settings: Settings) -> None:
    """One threshold moved on the day: the only thing that says why a customer is new again."""
    engine = engine_of(settings)
    with duckdb.connect(str(settings.work_db)) as connection:
        connection.execute(f"""
            update seeds.class_thresholds set valid_to = '{YESTERDAY}'
            where parameter = 'new_tenure_days';
            insert into seeds.class_thresholds by name
            select * replace (date '{TODAY}' as valid_from, null as valid_to, 200 as value)
            from seeds.class_thresholds where parameter = 'new_tenure_days';
            update main.customer_classification_history set customer_status = 'new'
            where customer_name = 'steady Ltd' and as_of_date = '{TODAY}'
        """)
    dates = run_dates(
        [YESTERDAY, TODAY], exports=Exports(first=YESTERDAY, newest=TODAY), settings=settings
    )
    beside = Neighbours(previous={TODAY: YESTERDAY})
    find_changes(settings, engine, dates, beside=beside, rules_changed=[TODAY])
    with duckdb.connect(str(kept_file(settings)), read_only=True) as connection:
        causes = connection.execute(
            f"select distinct cause from {CHANGES} where to_value = 'new' and from_value = 'stable'"
        ).fetchall()
        others = connection.execute(
            f"select distinct cause from {CHANGES} where to_value = 'churned'"
        ).fetchall()
    assert causes == [("rule_change",)]
    assert others == [("time_decay",)]


def _dimensions(settings: Settings) -> list[str]:
    with duckdb.connect(str(published(settings.home)), read_only=True) as connection:
        columns = connection.execute("describe customer_classification_history").fetchall()
    return [row[0] for row in columns if row[0] not in IDENTITY]
