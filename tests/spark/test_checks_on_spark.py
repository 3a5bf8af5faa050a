"""A night on Spark as the command line runs it: Dagster, dbt as a child, Great Expectations.

Its tables equal those of DuckDB, and the rules judge both equally.
"""

from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.night import judge
from expectations.rules import Stage, load_rules
from tests.spark.support import spark_settings, unequal_tables
from tests.support import NOW, deliver, demo_settings, published, run_light_night, run_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)


def test_the_rules_judge_both_engines_equally(tmp_path: Path) -> None:
    write_demo_exports(tmp_path / "world", customers=80, dirt=0.05, last_date=LAST)
    embedded = demo_settings(tmp_path / "duckdb")
    distributed = spark_settings(tmp_path / "spark")
    for settings in (embedded, distributed):
        deliver(tmp_path / "world", settings, LAST)

    run_light_night(embedded, now=NOW)
    run_night(distributed, now=NOW)

    assert unequal_tables(published(embedded.home), published(distributed.home)) == []
    rules = load_rules()
    for stage in get_args(Stage):
        on_duckdb, on_spark = (
            judge(settings, stage=stage, rules=rules) for settings in (embedded, distributed)
        )
        assert on_duckdb
        assert on_spark == on_duckdb
