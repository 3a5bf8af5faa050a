"""What the data rules cost: their share of a night, and ten times as many rules on one table.

Both are taken on the home that the benchmark of the night leaves (KEFEN_BENCH_DIR): run that one
first, as `make bench` does.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dagster_project.settings import PROJECT_DIR, load_settings
from dagster_project.transform.dbt import dbt_environment, dbt_executable
from expectations.custom import CustomRule, counts_and_violations
from tests.benchmarks.test_night_benchmark import FOLDER, MEMORY_LIMIT, _measured, _say, _steps

pytestmark = pytest.mark.bench

ROWS = 1_000_000
FEW, MANY = 10, 100
REPEATS = 3
MAX_GROWTH = 3.0
# A user's own rules are read by one scan, too; what is left is their own SQL, a tenth of it regular
# expressions: less than half of what ten times the rules would be.
MAX_GROWTH_OF_OWN = 5.0
LEAST_RULES = 10
MAX_SHARE = 0.35
MAX_MEMORY = 8_000_000_000
JUDGE = (
    "from dagster_project.night import judge\n"
    "from dagster_project.settings import load_settings\n"
    "from expectations.rules import load_rules\n"
    "for stage in ('raw', 'records', 'marts'):\n"
    "    judge(load_settings(), stage=stage, rules=load_rules())\n"
)
# Where a rule applies, and what fails.
LIKE_THE_SHIPPED_ONES = (
    (None, "account_name is null"),
    (None, "length(account_name) > {high}"),
    ("employees is not null", "employees > 100000 + {high}"),
    (None, "valid_to < valid_from"),
    (None, "modified_at < created_date"),
    ("customer_type = 'company'", "industry is null and length(account_name) < {low}"),
    ("annual_revenue is not null", "annual_revenue < employees * {low}"),
    ("phone is not null", "not regexp_matches(phone, '^[+]?[0-9 ()-]{{{low},20}}$')"),
    ("country = 'China'", "province is null and city is not null"),
    (None, "phone like '%{high}'"),
)
RULE_MODELS = (
    *("int_dq__*", "dq_results", "dq_violations", "dq_violation_changes", "dq_scorecard"),
    *("customer_data_quality", "data_fix_tasks"),
)


def test_the_share_of_the_rules_in_a_night(capfd: pytest.CaptureFixture[str]) -> None:
    home = _working_database().parent.parent
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


def test_ten_times_the_rules_on_a_table_cost_less_than_three_times(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Every table with ten rules or more: its model with a tenth of them, and with all."""
    database = _working_database()
    work = database.parent
    compiled = (work / "dbt_target" / "compiled").rglob("int_dq__*_flags.sql")
    growths = {}
    with duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(work / "duckdb_tmp")}
    ) as connection:
        connection.execute(f"attach '{database}' (read_only)")
        connection.execute("use kefen_work")
        for path in sorted(compiled):
            growths |= _growth(connection, path.stem, path.read_text(encoding="utf-8"))
    with capfd.disabled():
        _say("")
        for table, (few, many, few_seconds, many_seconds) in growths.items():
            _say(
                f"{table:26s} {few} rules {few_seconds:.2f} s, {many} rules {many_seconds:.2f} s, "
                f"ratio {many_seconds / few_seconds:.2f}"
            )
    assert growths
    for _, _, few_seconds, many_seconds in growths.values():
        assert many_seconds <= MAX_GROWTH * few_seconds


def _working_database() -> Path:
    database = FOLDER / "big" / "work" / "kefen_work.duckdb"
    if not database.exists():
        pytest.fail(f"there is no {database}: run test_night_benchmark first")
    return database


def _growth(
    connection: duckdb.DuckDBPyConnection, table: str, query: str
) -> dict[str, tuple[int, int, float, float]]:
    """Make the flags of a table with a tenth of its rules and with all; numbers and seconds."""
    columns = [row[0] for row in connection.execute(f"describe {query}").fetchall()]
    rules = [column for column in columns if re.fullmatch(r"(str|ent|upd)_\d{3}", column)]
    if len(rules) < LEAST_RULES:
        return {}
    keys = [c for c in columns if c not in rules and not c.endswith("_value")]
    few = len(rules) // 10
    seconds = []
    for count in (few, len(rules)):
        chosen = [column for rule in rules[:count] for column in (rule, f"{rule}_value")]
        sql = (
            f"create or replace temp table judged as select {', '.join([*keys, *chosen])} "
            f"from ({query}) as flags"
        )
        seconds.append(_shortest(lambda sql=sql: connection.execute(sql)))
    return {table: (few, len(rules), seconds[0], seconds[1])}


def test_ten_times_the_rules_of_a_user_in_one_scan(capfd: pytest.CaptureFixture[str]) -> None:
    """The table as a night has it: opened, read as of the date, evaluated, counted and listed."""
    database = _working_database()

    def fetch(sql: str) -> pa.Table:
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.execute(sql).to_arrow_table()

    few, many = (_seconds(fetch, _like_the_shipped_ones(count)) for count in (FEW, MANY))
    with _narrow_accounts() as connection:
        narrow = [
            _seconds(lambda sql: connection.execute(sql).to_arrow_table(), _with_like(count))
            for count in (FEW, MANY)
        ]
    with capfd.disabled():
        _say(f"\n{FEW} rules on the accounts of a night {few:.2f} s, {MANY} rules {many:.2f} s")
        _say(f"ratio {many / few:.2f}")
        _say(
            f"{FEW} rules on {ROWS:,} rows of three columns in memory, each with a LIKE "
            f"{narrow[0]:.2f} s, {MANY} rules {narrow[1]:.2f} s, ratio {narrow[1] / narrow[0]:.2f}"
        )
    assert many <= MAX_GROWTH_OF_OWN * few


@contextmanager
def _narrow_accounts() -> Iterator[duckdb.DuckDBPyConnection]:
    """Make a table whose reading costs next to nothing: what is left is the rules."""
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


def _like_the_shipped_ones(count: int) -> list[CustomRule]:
    """Make rules on accounts: missing values, lengths, ranges, two columns, one pattern in ten."""
    return [
        CustomRule(
            rule_id=f"ENT-{n:03d}",
            entity="accounts",
            applies_when=applies,
            fails_when=fails.format(low=2 + n // 10, high=40 + n),
            value="account_name",
        )
        for n in range(1, count + 1)
        for applies, fails in [LIKE_THE_SHIPPED_ONES[n % len(LIKE_THE_SHIPPED_ONES)]]
    ]


def _with_like(count: int) -> list[CustomRule]:
    return [
        CustomRule(
            rule_id=f"ENT-{n:03d}",
            entity="accounts",
            applies_when="website is not null",
            fails_when=f"employees = {n} and website like '%{n % 10}'",
            value="account_name",
        )
        for n in range(1, count + 1)
    ]


def _seconds(fetch: Callable[[str], pa.Table], rules: list[CustomRule]) -> float:
    def judge() -> None:
        counts, violations = counts_and_violations(fetch, judged=rules, errors=[])
        assert counts.num_rows >= len(rules)
        assert violations.num_rows > 0

    return _shortest(judge)


def _shortest(work: Callable[[], object]) -> float:
    """Give the shortest of REPEATS times: what else the machine does is not the rules' cost."""
    seconds = []
    for _ in range(REPEATS):
        started = time.monotonic()
        work()
        seconds.append(time.monotonic() - started)
    return min(seconds)
