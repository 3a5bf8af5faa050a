"""Whole nights on real exports with the shipped examples; skipped where the data are not at hand.

What came out is compared with sums that pandas takes from the files themselves.
"""

import os
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dagster_project.settings import PROJECT_DIR, Settings, load_settings
from tests.support import published, query, run_light_night

DATA = os.environ.get("KEFEN_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="KEFEN_TEST_DATA names no folder of real exports")
# Later than any file was copied: a drop must have settled.
NOW = datetime(2099, 1, 1, tzinfo=UTC)


def night(example: str, source: str, folder: str, home: Path, **changes: object) -> Settings:
    data = Path(DATA or "") / folder
    settings = load_settings(PROJECT_DIR / "examples" / f"{example}.yml", home=home)
    body = settings.model_dump(mode="json") | changes
    body["sources"][source]["path"] = str(data)
    settings = Settings.model_validate(body)
    run_light_night(settings, now=NOW)
    return settings


def rows(settings: Settings, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return query(published(settings.home), sql, *values)


def assert_no_row_is_lost(settings: Settings) -> None:
    files = rows(
        settings, "select file, rows_read, rows_loaded, rows_quarantined from load_manifest"
    )
    assert files
    assert [f for f in files if f[2] is None or f[1] != f[2] + f[3]] == []


# Zoho Analytics -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zoho(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("zoho")
    return night("zoho_analytics", "zoho", "zoho_crm_analytics_sample", home)


def test_zoho_every_row_is_loaded_or_quarantined(zoho: Settings) -> None:
    assert_no_row_is_lost(zoho)
    assert rows(zoho, "select sum(rows_read) from load_manifest where kind = 'leads'") == [(3900,)]


@pytest.mark.parametrize(("file", "kind"), [("Invoices", "invoices"), ("Sales_Orders", "orders")])
def test_zoho_totals_equal_the_file_to_the_cent(zoho: Settings, file: str, kind: str) -> None:
    frame = pd.read_csv(Path(DATA or "") / "zoho_crm_analytics_sample" / f"{file}.csv", dtype=str)
    texts = frame["Grand Total"].dropna().str.replace(r"[$,\s]", "", regex=True)
    total = sum((Decimal(text) for text in texts if text), Decimal(0))

    found = query(
        zoho.work_db,
        "select sum(grand_total), count(*) from staging.stg_crm__orders where _kind = ?",
        kind,
    )

    assert found == [(total.quantize(Decimal("0.01"), ROUND_HALF_UP), len(frame))]


def test_zoho_customers_are_classified(zoho: Settings) -> None:
    classes = rows(
        zoho,
        "select rfm_class, abc_tier, relationship_stage, customer_status, count(*) "
        "from customer_classification group by all",
    )
    assert sum(row[4] for row in classes) > 2000
    for position in range(4):
        values = {row[position] for row in classes}
        assert None not in values
        assert len(values) >= 3
    assert rows(zoho, "select count(*) > 100 from customer_rfm") == [(True,)]
    assert rows(zoho, "select count(*) > 0 from funnel_conversion") == [(True,)]


def test_zoho_rules_are_not_judged_on_what_was_never_exported(zoho: Settings) -> None:
    """Accounts of this workspace have no phone or address, leads no link to what they became."""
    assert rows(
        zoho,
        "select distinct status from dq_results where (rule_id, entity) in "
        "(('ENT-002', 'accounts'), ('ENT-048', 'leads'))",
    ) == [("NOT_APPLICABLE",)]


def test_zoho_lines_that_do_not_add_up_are_those_of_the_file(zoho: Settings) -> None:
    wrong = 0
    for name in ("Sales_Order_Line_Items", "Invoice_Line_Items"):
        frame = pd.read_csv(
            Path(DATA or "") / "zoho_crm_analytics_sample" / f"{name}.csv", dtype=str
        )
        columns = ["Quantity", "List Price", "Discount", "Tax", "Net Total"]
        texts = frame[columns].replace(r"[$,]", "", regex=True)
        quantity, price, discount, tax, total = (pd.to_numeric(texts[c]) for c in columns)
        parts = quantity * price - discount
        gaps = ((parts - total).abs().round(6), (parts + tax - total).abs().round(6))
        wrong += int(((gaps[0] > 0.01) & (gaps[1] > 0.01)).sum())

    assert rows(
        zoho, "select failed from dq_results where rule_id = 'ENT-041' and entity = 'order_lines'"
    ) == [(wrong,)]


def test_zoho_a_missing_account_is_named_as_in_the_file(zoho: Settings) -> None:
    assert rows(
        zoho, "select distinct value from dq_violations where rule_id = 'STR-008' order by 1"
    ) == [("2238",), ("2243",)]


# Maven: a third CRM by configuration ----------------------------------------------------------


@pytest.fixture(scope="module")
def maven(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return night("maven", "maven", "maven_crm_sales", tmp_path_factory.mktemp("maven"))


@pytest.fixture(scope="module")
def pipeline() -> pd.DataFrame:
    frame = pd.read_csv(Path(DATA or "") / "maven_crm_sales" / "sales_pipeline.csv")
    frame["product"] = frame["product"].replace("GTXPro", "GTX Pro")
    return frame


def test_maven_deals_without_an_account_belong_to_nobody(maven: Settings) -> None:
    assert_no_row_is_lost(maven)
    assert rows(
        maven, "select count(*) filter (customer_key = 'unknown'), count(*) from fct_deals"
    ) == [(1425, 8800)]


@pytest.mark.parametrize(
    ("column", "name"), [("product", "deals.product_name"), ("sales_agent", "owners.owner_name")]
)
def test_maven_win_rates_equal_the_file(
    maven: Settings, pipeline: pd.DataFrame, column: str, name: str
) -> None:
    expected = {
        key: (
            int((group.deal_stage == "Won").sum()),
            int((group.deal_stage == "Lost").sum()),
            int(group.deal_stage.isin(["Prospecting", "Engaging"]).sum()),
            round(
                (group.deal_stage == "Won").sum() / group.deal_stage.isin(["Won", "Lost"]).sum(), 6
            ),
        )
        for key, group in pipeline.groupby(column)
    }
    found = rows(
        maven,
        f"select {name}, count(*) filter (is_won), count(*) filter (is_lost), "
        "count(*) filter (is_open), "
        "round(count(*) filter (is_won) / count(*) filter (is_won or is_lost), 6) "
        "from fct_deals as deals left join dim_owner as owners using (owner_key) group by 1",
    )
    assert {key: tuple(rest) for key, *rest in found} == expected


def test_maven_won_value_is_the_net_of_the_purchases(
    maven: Settings, pipeline: pd.DataFrame
) -> None:
    won = Decimal(int(pipeline[pipeline.deal_stage == "Won"].close_value.sum()))
    assert rows(maven, "select sum(net_base) from fct_orders where is_counted") == [(won,)]
    assert rows(
        maven, "select round(sum(amount_base), 2) from fct_deals where is_won"
    ) == [(won,)]  # fmt: skip


# CDNOW: purchases only ------------------------------------------------------------------------


@pytest.mark.parametrize(("count_zero_value", "customers"), [(True, 23_570), (False, 23_502)])
def test_cdnow_scores_are_safe_from_ties(
    tmp_path: Path, *, count_zero_value: bool, customers: int
) -> None:
    settings = night(
        "cdnow", "cdnow", "cdnow/CDNOW_master.txt", tmp_path, count_zero_value=count_zero_value
    )

    assert_no_row_is_lost(settings)
    assert rows(settings, "select count(*) from customer_rfm") == [(customers,)]
    for measure, column in (
        ("recency", "recency_days"), ("frequency", "frequency"), ("monetary", "monetary_base"),
    ):  # fmt: skip
        score = f"{measure[0]}_score"
        assert (
            rows(
                settings,
                f"select {column} from customer_rfm group by 1 having count(distinct {score}) > 1",
            )
            == []
        )
        # The thresholds say which bins came out, and how many customers are in each.
        assert rows(
            settings,
            f"select {score}, count(*), min({column})::double, max({column})::double "
            "from customer_rfm group by 1 order by 1",
        ) == rows(
            settings,
            f"""
            select thresholds.score, thresholds.customers, min(rfm.{column})::double,
                max(rfm.{column})::double
            from rfm_thresholds as thresholds
            join customer_rfm as rfm on rfm.{score} = thresholds.score
            where thresholds.measure = ?
                and (thresholds.lower_bound is null or rfm.{column} > thresholds.lower_bound)
                and (thresholds.upper_bound is null or rfm.{column} <= thresholds.upper_bound)
            group by all having thresholds.customers > 0 order by 1
            """,
            measure,
        )
    # Half of the customers bought once: fewer than five bins of frequency can come out.
    assert rows(settings, "select count(distinct f_score) < 5 from customer_rfm") == [(True,)]
