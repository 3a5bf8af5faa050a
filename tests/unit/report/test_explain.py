"""The card of one customer: who is meant, and what it says."""

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from dagster_project.report.explain import NoCustomerError, card_table, read_card
from dagster_project.settings import Settings

CUSTOMERS = [("k1", "北京大华"), ("k2", "上海远见"), ("k3", "上海远见")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings.model_validate(
        {"home": tmp_path, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}}
    )
    made.published_dir.mkdir()
    with duckdb.connect(str(made.published_dir / "kefen.duckdb")) as connection:
        connection.execute(
            "create table customer_classification (customer_key varchar, customer_name varchar, "
            "as_of_date date)"
        )
        connection.executemany(
            "insert into customer_classification values (?, ?, '2026-11-20')", CUSTOMERS
        )
        connection.execute(
            "create table class_explanations as select 'k1' as customer_key, "
            "'loyalty_class' as dimension, 'low' as value, 'CLS-006' as rule_id, "
            """'{"loyalty_score": 0.500000}' as inputs, '{"loyalty_high": 0.600000}' """
            "as threshold, 0.1::double as distance_to_next, 'loyalty_score' as next_input, "
            "'high' as next_value"
        )
    return made


@pytest.mark.parametrize("customer", ["k1", "北京大华"])
def test_a_customer_is_found_by_key_or_name(settings: Settings, customer: str) -> None:
    assert read_card(settings, customer).customer_key == "k1"


def test_a_name_of_several_lists_their_keys(settings: Settings) -> None:
    with pytest.raises(NoCustomerError, match=r"2 customers .* k2, k3"):
        read_card(settings, "上海远见")


def test_an_unknown_name_gives_the_nearest(settings: Settings) -> None:
    with pytest.raises(NoCustomerError, match="北京大华"):
        read_card(settings, "北京大花")


def test_without_a_publication_it_says_what_to_do(settings: Settings) -> None:
    (settings.published_dir / "kefen.duckdb").unlink()

    with pytest.raises(NoCustomerError, match="make run"):
        read_card(settings, "k1")


@pytest.mark.parametrize(
    ("labels", "said"),
    [("zh", ("忠诚度", "低忠诚", "高忠诚")), ("en", ("Loyalty", "Not loyal", "Loyal"))],
)
def test_the_card_says_why_and_what_would_change_it(
    settings: Settings, labels: str, said: tuple[str, ...]
) -> None:
    console = Console(width=140, record=True, quiet=False, file=(settings.home / "out").open("w"))
    console.print(card_table(read_card(settings, "k1"), labels=labels))
    text = console.export_text()

    assert all(word in text for word in (*said, "loyalty_score 0.5", "+0.1"))
