"""The table of schema raw that hands noted changes to the models.

What belongs here: its columns and types. What does not: what is written into it.
"""

import pyarrow as pa

TABLES: dict[str, pa.Schema] = {
    "tier_changes": pa.schema(
        {
            "as_of_date": pa.date32(), "customer_key": pa.string(),
            "from_tier": pa.string(), "to_tier": pa.string(),
        }
    ),
}  # fmt: skip
