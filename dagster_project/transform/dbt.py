"""The environment dbt runs in: paths and limits from the settings, telemetry off."""

import os
import sys
from pathlib import Path

from dagster_project.settings import PROJECT_DIR, Settings


def dbt_executable() -> Path:
    """Find the dbt beside this Python: cron and systemd do not have it on their PATH."""
    return Path(sys.executable).parent / "dbt"


def memory_limit(settings: Settings) -> str:
    """Give the configured limit of the database, else 60 % of the machine's memory."""
    if settings.duckdb.memory_limit:
        return settings.duckdb.memory_limit
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{int(total * 0.6 / 2**20)}MiB"


def spark_conf_dir(settings: Settings) -> Path:
    """Give the folder of the Spark properties, the same for every process of a run."""
    return settings.work_dir / "spark" / "conf"


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that dbt/profiles.yml and dbt itself read."""
    threads = str(settings.duckdb.threads or os.cpu_count() or 1)
    return {
        "DBT_PROJECT_DIR": str(PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR / "dbt"),
        "DBT_TARGET_PATH": str(settings.work_dir / "dbt_target"),
        "DBT_LOG_PATH": str(settings.work_dir / "dbt_logs"),
        # The console has what a person reads; a log file costs a night seconds, even unwritten.
        "DBT_LOG_LEVEL_FILE": "none",
        # Nobody reads the artifacts of a night: models and their rows are in Dagster's events.
        "DBT_WRITE_JSON": "false",
        "KEFEN_ENGINE": settings.engine,
        "KEFEN_SPARK_METHOD": settings.spark.method,
        "KEFEN_SPARK_HOST": settings.spark.host,
        "KEFEN_SPARK_PORT": str(settings.spark.port),
        "KEFEN_SPARK_USER": settings.spark.user or "",
        "SPARK_CONF_DIR": str(spark_conf_dir(settings)),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "KEFEN_WORK_DB": str(settings.work_db),
        "KEFEN_TEMP_DIR": str(settings.work_dir / "duckdb_tmp"),
        "KEFEN_MEMORY_LIMIT": memory_limit(settings),
        "KEFEN_DB_THREADS": threads,
        "KEFEN_DBT_THREADS": "2",
    }
