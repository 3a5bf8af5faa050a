"""One customer's card for people: every class, why, and what would change it.

Reads the published database only. What belongs here: finding the customer, and the words.
"""

import csv
import json
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
from rapidfuzz import process
from rich.table import Table

from dagster_project.settings import PROJECT_DIR, Settings

Labels = Literal["zh", "en", "both"]
NEAREST = 5
SEEDS = PROJECT_DIR / "seeds"


class NoCustomerError(Exception):
    """There is no such customer, or several; the message names who was meant perhaps."""


@dataclass(frozen=True)
class Card:
    """A customer and the explanation of each of its classes."""

    customer_key: str
    customer_name: str
    as_of_date: str
    rows: list[dict[str, Any]]


def read_card(settings: Settings, customer: str) -> Card:
    """Find a customer by key or name and read its explanations.

    Raises NoCustomerError naming candidates if nobody, or more than one, bears the name.
    """
    database = settings.published_dir / "kefen.duckdb"
    if not database.is_file():
        raise NoCustomerError(f"there is no {database}; run `make run` first")
    with duckdb.connect(str(database), read_only=True) as connection:
        key, name, day = _find(connection, customer)
        cursor = connection.execute(
            "select dimension, value, rule_id, inputs, threshold, distance_to_next, next_input, "
            "next_value from class_explanations where customer_key = ? order by rule_id",
            [key],
        )
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return Card(customer_key=key, customer_name=name, as_of_date=day, rows=rows)


def _find(connection: duckdb.DuckDBPyConnection, customer: str) -> tuple[str, str, str]:
    found = connection.execute(
        "select customer_key, customer_name, cast(as_of_date as varchar) "
        "from customer_classification where customer_key = $who or customer_name = $who "
        "order by customer_key",
        {"who": customer},
    ).fetchall()
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(row[0] for row in found)
        raise NoCustomerError(f"{len(found)} customers are called {customer}; choose a key: {keys}")
    names = [
        row[0]
        for row in connection.execute(
            "select distinct customer_name from customer_classification"
        ).fetchall()
    ]
    nearest = ", ".join(name for name, _, _ in process.extract(customer, names, limit=NEAREST))
    raise NoCustomerError(f"no customer has the key or name {customer}; nearest names: {nearest}")


def card_table(card: Card, *, labels: Labels = "both") -> Table:
    """Lay a card out as a table: dimension, class, why, what would change it."""
    classes = _labels("labels/class_labels.csv", "label", ("dimension", "code"), labels)
    dimensions = _labels("rules/class_rules.csv", "dimension", ("dimension",), labels)
    table = Table(title=f"{card.customer_name}  {card.customer_key}  {card.as_of_date}")
    for heading in ("维度 dimension", "分类 class", "依据 why", "改变 what would change it"):
        table.add_column(heading, overflow="fold")
    for row in card.rows:
        dimension = row["dimension"]

        def named(code: str, of: str = dimension) -> str:
            return classes.get((of, code), code)

        table.add_row(
            dimensions[(dimension,)],
            named(row["value"]),
            _pairs(row["inputs"]) + _against(row["threshold"]),
            _change(row, named(row["next_value"]) if row["next_value"] else ""),
        )
    return table


def _labels(
    seed: str, prefix: str, keys: tuple[str, ...], labels: Labels
) -> dict[tuple[str, ...], str]:
    with (SEEDS / seed).open(encoding="utf-8") as file:
        return {
            tuple(row[key] for key in keys): (
                f"{row[prefix + '_zh']} {row[prefix + '_en']}"
                if labels == "both"
                else row[f"{prefix}_{labels}"]
            )
            for row in csv.DictReader(file)
        }


def _pairs(text: str) -> str:
    values = json.loads(text).items()
    return ", ".join(f"{name} {_plain(value)}" for name, value in values if value is not None)


def _against(text: str) -> str:
    return f"  ⟂ {pairs}" if (pairs := _pairs(text)) else ""


def _change(row: dict[str, Any], label: str) -> str:
    if row["distance_to_next"] is None:
        return ""
    return f"{row['next_input']} {row['distance_to_next']:+g} → {label}"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
