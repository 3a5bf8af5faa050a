"""What was known when: a late order and a corrected amount change the history only if asked."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dagster_project.settings import Settings
from tests.support import NOW, query, run_light_night

D = date(2026, 6, 10)
LATER = D + timedelta(days=5)
SOURCE = {
    "format": "custom",
    "path": "exports/shop",
    "currency": "CNY",
    "money": "orders",
    "header_maps": [
        {
            "kind": "accounts",
            "stems": ["customers"],
            "columns": {"id": ["no"], "name": ["name"], "created_at": ["since"]},
        },
        {
            "kind": "orders",
            "stems": ["orders"],
            "columns": {
                "id": ["no"],
                "account_id": ["customer"],
                "order_date": ["date"],
                "status": ["status"],
                "grand_total": ["total"],
            },
        },
    ],
    "enum_maps": {"order_status": {"Approved": "counted"}},
}
CUSTOMERS = {"steady": "1", "late": "2", "corrected": "3", "both": "4"}
ORDERS = {
    "o1": ("1", "2026-05-01", "100.00"),
    "o2": ("2", "2026-05-02", "200.00"),
    "o3": ("3", "2026-06-01", "300.00"),
    "o4": ("4", "2026-06-02", "400.00"),
    "o5": ("1", "2026-06-09", "50.00"),
}
# In the export of LATER: an order of last week nobody had entered, and an amount put right.
LATE = {
    "o3": ("3", "2026-06-01", "310.50"),
    "o4": ("4", "2026-06-02", "390.00"),
    "o6": ("2", "2026-06-08", "25.00"),
    "o7": ("4", "2026-06-07", "5.00"),
}
# What follows from them on D: money, days since the last purchase, purchase days.
PLANTED = {
    "late": ((200, 39, 1), (225, 2, 2)),
    "corrected": ((300, 9, 1), (310.5, 9, 1)),
    "both": ((400, 8, 1), (395, 3, 2)),
}


def deliver(settings: Settings, day: date, orders: dict[str, tuple[str, str, str]]) -> None:
    folder = settings.home / "exports" / "shop" / day.isoformat()
    folder.mkdir(parents=True)
    names = [f"{no},{name},2026-01-01" for name, no in CUSTOMERS.items()]
    (folder / "customers.csv").write_text("no,name,since\n" + "\n".join(names) + "\n")
    lines = [
        f"{no},{customer},{on},Approved,{total}" for no, (customer, on, total) in orders.items()
    ]
    (folder / "orders.csv").write_text("no,customer,date,status,total\n" + "\n".join(lines) + "\n")
    (folder / "_SUCCESS").touch()


def history(settings: Settings, day: date) -> dict[str, tuple[Any, ...]]:
    """All classes of each customer on a day, by its name."""
    rows = query(
        settings.work_db,
        "select * from main.customer_classification_history where as_of_date = ? order by all",
        day,
    )
    names = query(
        settings.work_db,
        "select column_name from duckdb_columns() where schema_name = 'main' "
        "and table_name = 'customer_classification_history' order by column_index",
    )
    position = [name for (name,) in names].index("customer_name")
    return {row[position]: row for row in rows}


def measures(settings: Settings) -> dict[str, tuple[float, int, int]]:
    """Money, days since and purchase days of each customer, of what was computed last."""
    rows = query(
        settings.work_db,
        "select customer_name, monetary_base, recency_days, frequency "
        "from intermediate.int_customers__rfm inner join main.dim_customer using (customer_key)",
    )
    return {row[0]: (float(row[1]), row[2], row[3]) for row in rows}


def settings_of(home: Path, **changes: object) -> Settings:
    return Settings.model_validate({"home": home, "sources": {"shop": SOURCE}, **changes})


def test_late_facts_change_the_history_only_if_asked(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    deliver(settings, D, ORDERS)
    deliver(settings, LATER, ORDERS | LATE)

    def night(number: int, settings: Settings = settings, **dates: date) -> None:
        run_light_night(settings, now=NOW + timedelta(minutes=number), data_tests=False, **dates)

    night(1, as_of=D, known=D)
    known_then = history(settings, D)
    then = measures(settings)

    # A night later: nobody asked for D.
    night(2)
    assert history(settings, D) == known_then
    assert history(settings, D + timedelta(days=1)) == {}

    # A lookback of five days replaces D, and the days between, but none before the history began.
    night(3, settings_of(tmp_path, lookback_days=6))
    looked_back = history(settings, D)
    assert looked_back != known_then
    assert [len(history(settings, D + timedelta(days=n))) for n in range(-1, 6)] == [0, *[4] * 6]
    assert query(settings.work_db, "select distinct kind from main.run_log") == [("night",)]

    # Asked for D as it is known now: what differs is what was planted.
    night(4, as_of=D, known=LATER)
    assert history(settings, D) == looked_back
    now = measures(settings)
    assert {name: (then[name], now[name]) for name in then if then[name] != now[name]} == PLANTED
    assert set(then) == set(now) == set(CUSTOMERS)
