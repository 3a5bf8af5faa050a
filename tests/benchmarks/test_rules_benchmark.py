"""What the data rules cost: their share of a night, and ten times as many rules on one table.

The share is taken on the home that the benchmark of the night leaves (KEFEN_BENCH_DIR): run that
one first, as `make bench` does.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pytest

from dagster_project.settings import PROJECT_DIR, load_settings
from dagster_project.transform.dbt import dbt_environment, dbt_executable
from expectations.custom import CustomRule, counts_and_violations
from tests.benchmarks.test_night_benchmark import FOLDER, _measured, _say, _steps

pytestmark = pytest.mark.bench

ROWS = 1_000_000
FEW, MANY = 10, 100
MAX_GROWTH = 3.0
MAX_SHARE = 0.35
MAX_MEMORY = 8 * 2**30
JUDGE = (
    "from dagster_project.night import judge\n"
    "from dagster_project.settings import load_settings\n"
    "from expectations.rules import load_rules\n"
    "for stage in ('raw', 'records', 'marts'):\n"
    "    judge(load_settings(), stage=stage, rules=load_rules())\n"
)
RULE_MODELS = (
    *("int_dq__*", "dq_results", "dq_violations", "dq_violation_changes", "dq_scorecard"),
    *("customer_data_quality", "data_fix_tasks"),
)


def test_the_share_of_the_rules_in_a_night(capfd: pytest.CaptureFixture[str]) -> None:
    home = FOLDER / "big"
    if not (home / "work" / "kefen_work.duckdb").exists():
        pytest.fail(f"{home} holds no night: run test_night_benchmark first")
    config = {"KEFEN_CONFIG": str(home / "kefen.yml"), "KEFEN_HOME": str(home)}
    settings = load_settings(home / "kefen.yml", home=home)
    environment = config | dbt_environment(settings)
    dbt = [str(dbt_executable()), "--quiet", "run", "--project-dir", str(PROJECT_DIR), "--select"]

    night = sum(_steps(home).values())
    start, _ = _measured([*dbt, "int_config__dq_thresholds"], environment)
    models, models_memory = _measured([*dbt, *RULE_MODELS], environment)
    judging, judging_memory = _measured([sys.executable, "-c", JUDGE], config)

    share = (models - start + judging) / night
    with capfd.disabled():
        _say(f"\nmodels of the rules {models - start:.1f} s, judging {judging:.1f} s")
        _say(f"night {night:.1f} s, share of the rules {share:.2f}")
        _say(f"peak memory {max(models_memory, judging_memory) / 2**30:.1f} GiB")
    assert share <= MAX_SHARE
    assert max(models_memory, judging_memory) < MAX_MEMORY


def test_ten_times_the_rules_cost_less_than_three_times(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with _accounts() as connection:
        few, many = (_seconds(connection, count) for count in (FEW, MANY))
    with capfd.disabled():
        _say(f"\n{FEW} rules on {ROWS:,} rows {few:.2f} s, {MANY} rules {many:.2f} s")
        _say(f"ratio {many / few:.2f}")
    assert many <= MAX_GROWTH * few


@contextmanager
def _accounts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": os.cpu_count() or 1}) as connection:
        connection.execute("create schema intermediate; create schema raw")
        connection.execute(
            "create table raw.run_context as select true as is_newest, "
            "date '2026-11-20' as as_of_date, date '2026-11-20' as knowledge_date"
        )
        connection.execute(
            "create table intermediate.int_crm__accounts as "
            "select 'zoho' as crm_source, 'a' || n as account_id, 'o' || n % 50 as owner_key, "
            "'公司 ' || n as account_name, n % 1000 as employees, "
            "md5(n::varchar) as website, date '2026-01-01' as valid_from, "
            "null::date as valid_to from range(?) as numbers(n)",
            [ROWS],
        )
        yield connection


def _seconds(connection: duckdb.DuckDBPyConnection, count: int) -> float:
    rules = [
        CustomRule(
            rule_id=f"ENT-{n:03d}",
            entity="accounts",
            applies_when="website is not null",
            fails_when=f"employees = {n} and website like '%{n % 10}'",
            value="account_name",
        )
        for n in range(1, count + 1)
    ]

    def fetch(sql: str) -> pa.Table:
        return connection.execute(sql).to_arrow_table()

    started = time.monotonic()
    counts, violations = counts_and_violations(fetch, judged=rules, errors=[])
    assert counts.num_rows == 50 * count
    assert violations.num_rows > 0
    return time.monotonic() - started
