"""The tables of schema raw that the normal forms are handed to the models in.

A text is in a table if a library was asked about it: those in plain form are not.
"""

import pyarrow as pa

TEXT = pa.string()

TABLES: dict[str, pa.Schema] = {
    "normalised_phones": pa.schema(
        {
            "phone_text": TEXT, "country_text": TEXT, "phone_e164": TEXT, "phone_region": TEXT,
            "phone_kind": TEXT, "is_valid": pa.bool_(),
        }
    ),
    "normalised_emails": pa.schema(
        {"email_text": TEXT, "email_address": TEXT, "is_valid": pa.bool_()}
    ),
    "normalised_codes": pa.schema({"code_text": TEXT, "credit_code": TEXT, "is_valid": pa.bool_()}),
    "normalised_names": pa.schema({"name_text": TEXT, "name_nfkc": TEXT}),
}  # fmt: skip
