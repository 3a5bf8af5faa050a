"""The predictions of a run: parameters, a score per customer and date, and how good they were.

What belongs here: which facts parameters are fitted on, what stands in for a fit that fails, and
the tables that are handed to the models. Parameters are those of the facts of the last month end;
where they cannot be fitted, of the newest of the 3 month ends before; else everybody gets the mean.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.clv.facts import Customers, Moment, Reader, batches_at, customers_at
from dagster_project.clv.scoring import (
    Parameters,
    Purchasers,
    Reason,
    expect_within,
    fit,
    score,
)
from dagster_project.clv.tables import TABLES, money, rounded

LOGGER = logging.getLogger(__name__)

MODEL = "bgnbd_gamma_gamma"
EARLIER_MONTH_ENDS = 3
CALIBRATION_DAYS = 90
DECILES = 10

Status = Literal["fitted", "fitted_at_bound", "last_good", "segment_mean"]
# K(D), the exports that the facts up to a date are read from.
KnowledgeDate = Callable[[date], date]


class Store(Reader, Protocol):
    """A database that the predictions are read from and written to."""

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        """Replace a table of schema raw, part by part; give the number of rows."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One as-of date of the run, with the thresholds in force on it."""

    as_of: date
    known: date
    monthly_rate: float
    min_repeat_customers: float


@dataclass(frozen=True)
class Fit:
    """What a date is scored by, and where it comes from; a mean has neither parameters nor date.

    reason: why the parameters are not those of the last month end.
    """

    parameters: Parameters | None
    status: Status
    reason: Reason | None
    fitted_on: date | None


class _Alike(NamedTuple):
    """What dates have in common that are scored at once."""

    status: Status
    fitted_on: date
    min_repeat_customers: float
    monthly_rate: float


@dataclass(frozen=True)
class Predicted:
    """How many scores were written, and how many dates each status has."""

    scores: int
    dates: Mapping[str, int]


def month_end(day: date) -> date:
    """Give the last month end up to that day."""
    tomorrow = day + timedelta(days=1)
    return day if tomorrow.day == 1 else day.replace(day=1) - timedelta(days=1)


def earlier_month_ends(day: date, count: int) -> list[date]:
    """Give the month ends before a month end, newest first."""
    found: list[date] = []
    for _ in range(count):
        day = day.replace(day=1) - timedelta(days=1)
        found.append(day)
    return found


def predict(store: Store, asked: Sequence[Asked], *, knowledge: KnowledgeDate) -> Predicted:
    """Fit, score and compare; writes the tables raw.clv_*."""
    newest = max(asked, key=lambda one: one.as_of)
    looked_at = _Calibrated(newest, newest.as_of - timedelta(days=CALIBRATION_DAYS))
    needs = [(one.as_of, one.min_repeat_customers) for one in asked]
    needs.append((looked_at.predicted_on, newest.min_repeat_customers))
    fits = find_fits(store, needs, knowledge=knowledge)
    by_moment = {
        Moment(one.as_of, one.known, min(looked_at.predicted_on, one.as_of)): one for one in asked
    }
    rows: list[dict[str, Any]] = []
    outcome: dict[str, pa.Array] = {}

    def parts() -> Iterator[pa.Table]:
        for batch in batches_at(store, list(by_moment)):
            alike: dict[_Alike, list[tuple[date, Customers]]] = {}
            for moment, customers in batch:
                one = by_moment[moment]
                chosen = fits[one.as_of, one.min_repeat_customers]
                rows.append(_fit_row(customers, one, chosen))
                if one is newest:
                    outcome.update(customer_key=customers.keys, actual=pa.array(customers.recent))
                # A mean is that of the customers of its date.
                key = _Alike(
                    status=chosen.status,
                    fitted_on=chosen.fitted_on or one.as_of,
                    min_repeat_customers=one.min_repeat_customers,
                    monthly_rate=one.monthly_rate,
                )
                alike.setdefault(key, []).append((one.as_of, customers))
            for key, dates in alike.items():
                yield score_table(
                    dates,
                    parameters=fits[dates[0][0], key.min_repeat_customers].parameters,
                    status=key.status,
                    monthly_rate=key.monthly_rate,
                )

    scores = store.store("clv_scores", parts())
    store.store("clv_fits", [_table("clv_fits", rows)])
    day = looked_at.predicted_on
    [(_, customers)] = customers_at(store, [Moment(day, knowledge(day), day)])
    chosen = fits[day, newest.min_repeat_customers]
    store.store("clv_calibration", [_calibration(customers, outcome, looked_at, chosen)])
    statuses = [row["status"] for row in rows]
    for row in rows:
        if row["reason"] and row["as_of_date"] == newest.as_of:
            LOGGER.warning(
                "CLV of %s: no parameters of the last month end (%s), used %s; see clv_parameters",
                *(row[name] for name in ("as_of_date", "reason", "status")),
            )
    return Predicted(scores, {status: statuses.count(status) for status in sorted(set(statuses))})


@dataclass(frozen=True)
class _Calibrated:
    """The newest date, and the date whose predictions it is held against."""

    newest: Asked
    predicted_on: date


def find_fits(
    reader: Reader, needs: Sequence[tuple[date, float]], *, knowledge: KnowledgeDate
) -> dict[tuple[date, float], Fit]:
    """Give each date (and its least number of repeat customers) what it is scored by."""
    fitted: dict[tuple[date, float], Parameters | Reason] = {}
    wanted = {(month_end(day), least) for day, least in needs}
    _fit_all(reader, wanted, knowledge=knowledge, fitted=fitted)
    failed = {key for key in wanted if not isinstance(fitted[key], Parameters)}
    earlier = {
        (day, least)
        for month, least in failed
        for day in earlier_month_ends(month, EARLIER_MONTH_ENDS)
    }
    _fit_all(reader, earlier - set(fitted), knowledge=knowledge, fitted=fitted)
    return {(day, least): _choose(month_end(day), least, fitted=fitted) for day, least in needs}


def _fit_all(
    reader: Reader,
    wanted: Iterable[tuple[date, float]],
    *,
    knowledge: KnowledgeDate,
    fitted: dict[tuple[date, float], Parameters | Reason],
) -> None:
    leasts: dict[date, list[float]] = {}
    for day, least in sorted(wanted):
        leasts.setdefault(day, []).append(least)
    moments = [Moment(day, knowledge(day), day) for day in leasts]
    for moment, customers in customers_at(reader, moments):
        for least in leasts[moment.on]:
            fitted[moment.on, least] = fit(customers.purchasers, min_repeat_customers=least)


def _choose(
    month: date,
    least: float,
    *,
    fitted: Mapping[tuple[date, float], Parameters | Reason],
) -> Fit:
    own = fitted[month, least]
    if isinstance(own, Parameters):
        at_bound = own.purchases.at_bound or own.amounts.at_bound
        return Fit(own, "fitted_at_bound" if at_bound else "fitted", None, month)
    for day in earlier_month_ends(month, EARLIER_MONTH_ENDS):
        found = fitted[day, least]
        if isinstance(found, Parameters):
            return Fit(found, "last_good", own, day)
    return Fit(None, "segment_mean", own, None)


def score_table(
    dates: Sequence[tuple[date, Customers]],
    *,
    parameters: Parameters | None,
    status: str,
    monthly_rate: float,
) -> pa.Table:
    """Score the customers of dates with the same parameters; a table of the shape of clv_scores.

    Without parameters, everybody gets the mean of all that are given.
    """
    purchasers = Purchasers.of_all([customers.purchasers for _, customers in dates])
    scores = score(purchasers, parameters, monthly_rate=monthly_rate)
    size = len(purchasers)
    return pa.table(
        [
            pa.concat_arrays(
                pa.repeat(pa.scalar(day, pa.date32()), len(customers.purchasers))
                for day, customers in dates
            ),
            pa.concat_arrays(customers.keys for _, customers in dates),
            pa.array(purchasers.repeats.astype(np.int32)),
            rounded(scores.p_alive),
            rounded(scores.expected_purchases),
            rounded(scores.expected_spend),
            money(scores.predicted_clv),
            pa.repeat(pa.scalar(status), size),
        ],
        schema=TABLES["clv_scores"],
    )


def _fit_row(customers: Customers, one: Asked, chosen: Fit) -> dict[str, Any]:
    """Describe the fit; for a mean, how many customers it is the mean of."""
    row: dict[str, Any] = {
        "as_of_date": one.as_of,
        "fitted_on": chosen.fitted_on,
        "model": MODEL,
        "customers": len(customers.purchasers),
        "repeat_customers": int((customers.purchasers.repeats > 0).sum()),
        "status": chosen.status,
        "reason": chosen.reason,
    }
    if chosen.parameters:
        purchases, amounts = chosen.parameters.purchases, chosen.parameters.amounts
        numbers = {
            **vars(purchases.model),
            **vars(amounts.model),
            "log_likelihood": purchases.log_likelihood,
            "spend_log_likelihood": amounts.log_likelihood,
        }
        row |= {name: round(value, 6) for name, value in numbers.items()}
        row["customers"] = chosen.parameters.customers
        row["repeat_customers"] = chosen.parameters.repeat_customers
    return row


def _calibration(
    customers: Customers, outcome: Mapping[str, pa.Array], looked_at: _Calibrated, chosen: Fit
) -> pa.Table:
    """Ten groups of customers in the order of what was predicted, ties in the order of keys."""
    expected = expect_within(customers.purchasers, chosen.parameters, days=CALIBRATION_DAYS)
    predicted = pa.table({"customer_key": customers.keys, "predicted": rounded(expected)})
    if not len(predicted) or not outcome:
        return TABLES["clv_calibration"].empty_table()
    joined = predicted.join(pa.table(dict(outcome)), keys="customer_key", join_type="left outer")
    order = pc.sort_indices(
        joined, sort_keys=[("predicted", "ascending"), ("customer_key", "ascending")]
    ).to_numpy()
    values = joined["predicted"].to_numpy()[order]
    actual = pc.fill_null(joined["actual"], 0).to_numpy()[order]
    rows = []
    for number, part in enumerate(np.array_split(np.arange(len(order)), DECILES), start=1):
        if len(part):
            rows.append(
                {
                    "as_of_date": looked_at.newest.as_of,
                    "predicted_on": looked_at.predicted_on,
                    "fitted_on": chosen.fitted_on,
                    "decile": number,
                    "customers": len(part),
                    "predicted_purchases": round(float(values[part].sum()), 6),
                    "actual_purchases": int(actual[part].sum()),
                    "status": chosen.status,
                }
            )
    return _table("clv_calibration", rows)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TABLES[name])
