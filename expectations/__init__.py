"""Data quality rules as data: the index, one expectation per rule and entity, and the gate.

`rules` reads the index (seeds/quality/dq_rules.csv), `suites` turns rows into Great Expectations
expectations, `engine` makes those run inside DuckDB, `runner` judges tables and decides whether
the night goes on. Nothing here imports dagster, and nothing here computes violations: the flags
(true = fails, false = passes, null = not applicable) come from SQL models and from the landing.

A new rule is one row in the index and one flag column.
"""

import os
import sys
from importlib.machinery import ModuleSpec

# Great Expectations reads this when it is imported, which happens after this package is.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
# Great Expectations imports PySpark where it is installed, and PySpark takes a process whose main
# module has neither file nor spec for its own doctests: it ends it, with status 0. The runs that
# Dagster's daemon and UI start are such processes.
_main = sys.modules["__main__"]
if _main.__spec__ is None and not hasattr(_main, "__file__"):
    _main.__spec__ = ModuleSpec("__main__", None)
