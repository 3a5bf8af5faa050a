"""The environment dbt runs in: paths and limits from the settings, telemetry off."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform import dbt_child

# What Python runs instead of dbt when the models are part of a run.
DBT_CHILD = ("-m", dbt_child.__name__)


class DbtError(Exception):
    """Models could not be computed; the message has what dbt said."""


def run_dbt(
    settings: Settings, arguments: Sequence[str], *, variables: Mapping[str, str] | None = None
) -> None:
    """Run a dbt command on this project, as a process of its own that ends with this one.

    variables: of the environment, beside those of every dbt command.
    Raises DbtError with what dbt said.
    """
    done = subprocess.run(
        [sys.executable, *DBT_CHILD, "--quiet", *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, **dbt_environment(settings), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise DbtError(f"dbt {' '.join(arguments)} failed; it said:\n{said}")


def dbt_executable() -> Path:
    """Find the dbt beside this Python: cron and systemd do not have it on their PATH."""
    return Path(sys.executable).parent / "dbt"


@dataclass(frozen=True)
class Memory:
    """Memory of a container, in bytes."""

    total: int
    free: int


def container_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> Memory | None:
    """Give the limit of the container this runs in and what is left of it; None without one.

    File caches count as free: the kernel gives them up when memory is asked for.
    """
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        details = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    if limit == "max":
        return None
    cached = int(details.get("inactive_file", 0)) + int(details.get("active_file", 0))
    return Memory(total=int(limit), free=int(limit) - used + cached)


def memory_limit(settings: Settings) -> str:
    """Give the configured limit of the database, else 60 % of the machine's or container's."""
    if settings.duckdb.memory_limit:
        return settings.duckdb.memory_limit
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    container = container_memory()
    if container:
        total = min(total, container.total)
    return f"{int(total * 0.6 / 2**20)}MiB"


def duckdb_limits(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """Give what every DuckDB connection is opened with: its memory, and where it spills."""
    return {
        "memory_limit": memory_limit(settings),
        "temp_directory": str(settings.work_dir / "duckdb_tmp"),
        "preserve_insertion_order": False,
    }


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
        dbt_child.PARENT: str(os.getpid()),
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
