"""The tables of schema raw that the predictions are handed to the models in.

What belongs here: their columns and types. What does not: what is written into them.
"""

import numpy as np
import pyarrow as pa

from dagster_project.clv.likelihood import Floats

DAY = pa.date32()
DOUBLE = pa.float64()
TEXT = pa.string()
MONEY = pa.decimal128(18, 2)
LARGEST_MONEY = 10**15

TABLES: dict[str, pa.Schema] = {
    "clv_scores": pa.schema(
        {
            "as_of_date": DAY, "customer_key": TEXT, "purchases_x": pa.int32(),
            "p_alive": DOUBLE, "expected_purchases_12m": DOUBLE, "expected_spend_base": DOUBLE,
            "predicted_clv_base": MONEY, "status": TEXT,
        }
    ),
    "clv_fits": pa.schema(
        {
            "as_of_date": DAY, "fitted_on": DAY, "model": TEXT,
            "r": DOUBLE, "alpha": DOUBLE, "a": DOUBLE, "b": DOUBLE,
            "p": DOUBLE, "q": DOUBLE, "v": DOUBLE,
            "log_likelihood": DOUBLE, "spend_log_likelihood": DOUBLE,
            "customers": pa.int64(), "repeat_customers": pa.int64(),
            "status": TEXT, "reason": TEXT,
        }
    ),
    "clv_calibration": pa.schema(
        {
            "as_of_date": DAY, "predicted_on": DAY, "fitted_on": DAY, "decile": pa.int32(),
            "customers": pa.int64(), "predicted_purchases": DOUBLE,
            "actual_purchases": pa.int64(), "status": TEXT,
        }
    ),
}  # fmt: skip


def rounded(values: Floats) -> pa.Array:
    """Round to six decimals; NaN is null."""
    return pa.array(np.round(values, 6), type=DOUBLE, from_pandas=True)


def money(values: Floats) -> pa.Array:
    """Round to cents, half up, as decimals."""
    bounded = np.clip(values, 0.0, LARGEST_MONEY)
    cents = np.floor(np.round(bounded * 100, 4) + 0.5).astype(np.int64)
    # A decimal is its 128 bits, the lower half first.
    halves = np.zeros((len(cents), 2), dtype=np.int64)
    halves[:, 0] = cents
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(halves.tobytes())])
