"""The published results on CDNOW; skipped where the data are not at hand."""

import csv
import os
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from dagster_project.clv.bgnbd import expected_from_start, expected_purchases, fit_bgnbd
from dagster_project.clv.bgnbd import probability_alive as alive
from dagster_project.clv.facts import Moment, customers_at
from dagster_project.clv.gamma_gamma import expected_spend, fit_gamma_gamma

DATA = Path(os.environ.get("KEFEN_TEST_DATA") or "nowhere") / "cdnow"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="KEFEN_TEST_DATA names no folder with cdnow"
)
# The 39 weeks the models are fitted on.
CALIBRATED_TO = date(1997, 9, 30)


class Purchases:
    """CDNOW's transactions of the 1/10 sample, as the purchase days of the models."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("create schema intermediate")
        self.connection.execute(
            "create table intermediate.int_purchases__customer_days as select "
            "parts[2] as customer_key, cast(strptime(parts[3], '%Y%m%d') as date) as event_date, "
            "count(*) as orders, cast(sum(cast(parts[5] as decimal(18, 2))) as decimal(18, 2)) "
            "as net_base, date '1997-01-01' as known_from, cast(null as date) as known_to from "
            "(select regexp_split_to_array(trim(line), ' +') as parts from (select unnest("
            "string_split(content, chr(10))) as line from read_text(?))) "
            "where len(parts) >= 5 group by 1, 2",
            [str(DATA / "CDNOW_sample.txt")],
        )

    def fetch(self, sql: str) -> pa.Table:
        return self.connection.execute(sql).to_arrow_table()


@pytest.fixture(scope="module")
def customers():
    [(_, found)] = customers_at(Purchases(), [Moment(CALIBRATED_TO, CALIBRATED_TO, CALIBRATED_TO)])
    return found


def test_each_customers_summary_equals_the_shipped_one(customers) -> None:
    who = customers.purchasers
    mean = who.repeat_spend / np.maximum(who.repeats, 1)
    found = {
        int(key): values
        for key, *values in zip(
            customers.keys.to_pylist(), who.repeats, who.last / 7, who.age / 7, mean, strict=True
        )
    }
    with (DATA / "cdnow_customers_summary_with_transactions.csv").open(encoding="utf-8") as file:
        shipped = {
            int(row["ID"]): [float(row[name]) for name in ("x", "t_x", "T", "zbar")]
            for row in csv.DictReader(file)
        }

    assert len(shipped) == 2357
    assert found.keys() == shipped.keys()
    for key, expected in shipped.items():
        assert found[key] == pytest.approx(expected, abs=0.0051), key


def test_published_parameters_in_weeks(customers) -> None:
    who = customers.purchasers
    fit = fit_bgnbd(who.repeats, who.last / 7, who.age / 7)

    model = fit.model
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx(
        (0.2426, 4.4135, 0.7929, 2.4258), rel=2e-3
    )
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.1)
    example = np.array([2]), np.array([30.43]), np.array([38.86])
    assert expected_purchases(model, *example, np.array([39.0]))[0, 0] == pytest.approx(
        1.226, abs=1e-3
    )
    assert alive(model, *example)[0] == pytest.approx(0.72661, abs=2e-4)
    assert expected_from_start(model, np.array([1.0, 32.0, 78.0])) == pytest.approx(
        [0.0532, 1.0437, 1.858], abs=1e-3
    )


def test_published_parameters_of_the_amounts(customers) -> None:
    who = customers.purchasers
    spent = (who.repeats > 0) & (who.repeat_spend > 0)
    fit = fit_gamma_gamma(who.repeats[spent], who.repeat_spend[spent])

    assert spent.sum() == 946
    assert (fit.model.p, fit.model.q, fit.model.v) == pytest.approx((6.25, 3.74, 15.44), rel=2e-3)
    mean = expected_spend(fit.model, who.repeats, who.repeat_spend).mean()
    assert mean == pytest.approx(35.25, abs=0.01)
