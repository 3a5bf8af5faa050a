"""What must always hold of scores, classes and tiers, whatever the customers are.

The compiled models run on made-up buyers: the same SQL as a night's, without the night.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.settings import Settings
from tests.integration.test_dbt_unit import dbt, register_empty_raw_zone

DAY = date(2026, 6, 30)
MODELS = ("int_customers__rfm_cut_points", "int_customers__rfm", "int_customers__abc")
CLASSES = {
    f"{money}_{kind}"
    for money in ("important", "general")
    for kind in ("value", "develop", "keep", "winback")
}


@dataclass(frozen=True)
class Buyer:
    recency_days: int
    frequency: int
    monetary: Decimal


BUYERS = st.lists(
    st.builds(
        Buyer,
        recency_days=st.integers(0, 400),
        frequency=st.integers(0, 12),
        monetary=st.decimals(
            min_value=-500, max_value=5000, places=2, allow_nan=False, allow_infinity=False
        ),
    ),
    min_size=1,
    max_size=40,
)


@dataclass
class Compiled:
    connection: duckdb.DuckDBPyConnection
    queries: dict[str, str]

    def scores(self, buyers: list[Buyer]) -> dict[int, tuple[int, int, int, str, str]]:
        """Give each buyer's three scores, class and tier, by its number."""
        rows = [
            (
                DAY,
                str(number),
                DAY - timedelta(days=buyer.recency_days),
                buyer.recency_days,
                buyer.frequency,
                buyer.frequency,
                buyer.monetary,
                buyer.monetary,
                max(buyer.frequency, 1),
            )
            for number, buyer in enumerate(buyers)
        ]
        self.connection.execute("delete from intermediate.int_customers__buyers")
        self.connection.executemany(
            "insert into intermediate.int_customers__buyers (as_of_date, customer_key, "
            "last_purchase_date, recency_days, frequency, window_purchase_days, monetary_base, "
            "rfm_monetary_base, purchase_days) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for model in MODELS:
            self.connection.execute(
                f"create or replace table intermediate.{model} as {self.queries[model]}"
            )
        found = self.connection.execute(
            "select rfm.customer_key, r_score, f_score, m_score, rfm_class, abc_tier_raw "
            "from intermediate.int_customers__rfm as rfm "
            "inner join intermediate.int_customers__abc as abc using (as_of_date, customer_key)"
        ).fetchall()
        assert len(found) == len(buyers), "each buyer has one row"
        return {int(row[0]): row[1:] for row in found}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    home = tmp_path_factory.mktemp("compiled")
    config = Settings.model_validate(
        {"home": home, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}}
    )
    register_empty_raw_zone(config)
    dbt(config, "build", "--empty", "--select", "+int_customers__rfm", "+int_customers__abc",
        "--resource-type", "model", "--resource-type", "seed")  # fmt: skip
    dbt(config, "seed")
    dbt(config, "run", "--select", "int_config__thresholds")
    dbt(config, "compile", "--select", *MODELS)
    folder = config.work_dir / "dbt_target" / "compiled" / "kefen" / "models"
    queries = {
        path.stem: path.read_text(encoding="utf-8")
        for path in folder.rglob("*.sql")
        if path.stem in MODELS
    }
    with duckdb.connect(str(config.work_db)) as connection:
        yield Compiled(connection, queries)


PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(buyers=BUYERS)
def test_scores_depend_on_the_value_alone(compiled: Compiled, buyers: list[Buyer]) -> None:
    found = compiled.scores(buyers)
    for measure, position in (("recency_days", 0), ("frequency", 1), ("monetary", 2)):
        seen: dict[object, int] = {}
        for number, buyer in enumerate(buyers):
            value = getattr(buyer, measure)
            assert seen.setdefault(value, found[number][position]) == found[number][position]


@PROPERTY
@given(buyers=BUYERS)
def test_more_is_never_scored_lower(compiled: Compiled, buyers: list[Buyer]) -> None:
    found = compiled.scores(buyers)
    tiers = {"A": 3, "B": 2, "C": 1}
    numbers = range(len(buyers))
    by_recency = sorted(numbers, key=lambda n: -buyers[n].recency_days)
    by_frequency = sorted(numbers, key=lambda n: buyers[n].frequency)
    by_money = sorted(numbers, key=lambda n: buyers[n].monetary)
    assert [found[n][0] for n in by_recency] == sorted(found[n][0] for n in numbers)
    assert [found[n][1] for n in by_frequency] == sorted(found[n][1] for n in numbers)
    assert [found[n][2] for n in by_money] == sorted(found[n][2] for n in numbers)
    assert [tiers[found[n][4]] for n in by_money] == sorted(tiers[found[n][4]] for n in numbers)


@PROPERTY
@given(buyers=BUYERS, seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(
    compiled: Compiled, buyers: list[Buyer], seed: int
) -> None:
    order = list(range(len(buyers)))
    random.Random(seed).shuffle(order)
    found = compiled.scores(buyers)
    shuffled = compiled.scores([buyers[n] for n in order])
    assert {n: shuffled[position] for position, n in enumerate(order)} == found


@PROPERTY
@given(buyers=BUYERS)
def test_classes_and_tiers_partition_the_customers(compiled: Compiled, buyers: list[Buyer]) -> None:
    found = compiled.scores(buyers)
    assert {row[3] for row in found.values()} <= CLASSES
    tiers = Counter(row[4] for row in found.values())
    assert set(tiers) <= {"A", "B", "C"}
    positive = [buyer for buyer in buyers if buyer.monetary > 0]
    assert bool(positive) == bool(tiers["A"]), "the largest positive amount is an A, if any"
    for number, buyer in enumerate(buyers):
        assert all(1 <= score <= 5 for score in found[number][:3])
        if buyer.monetary <= 0:
            assert found[number][4] == "C"


@PROPERTY
@given(buyers=BUYERS)
def test_scores_equal_those_of_an_independent_reckoning(
    compiled: Compiled, buyers: list[Buyer]
) -> None:
    found = compiled.scores(buyers)
    in_window = [b for b in buyers if b.frequency > 0] or buyers
    for measure, position in (("recency_days", 0), ("frequency", 1), ("monetary", 2)):
        values = sorted(float(getattr(b, measure)) for b in in_window)
        cuts = [round(_quantile(values, k), 6) for k in range(1, 5)]
        for number, buyer in enumerate(buyers):
            value = float(getattr(buyer, measure))
            below = sum(cut < value for cut in cuts)
            assert found[number][position] == (5 - below if position == 0 else 1 + below)


def _quantile(values: list[float], k: int) -> float:
    """Type 7 quantile k/5, reckoned with whole numbers until the last step."""
    whole, part = divmod((len(values) - 1) * k, 5)
    upper = values[min(whole + 1, len(values) - 1)]
    return values[whole] + part / 5 * (upper - values[whole])
