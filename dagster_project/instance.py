"""Dagster's instance: its folder below the home, and the dagster.yaml in it.

What belongs here: where runs and events are kept and how long a run may take. No limits of
concurrency: what a killed run holds of them is never given back, and the next night would wait for
it for ever. The writer's lock dies with its process.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from dagster_project.settings import Settings, SettingsError

# A run of the daemon waits this long for another to end: longer than any night.
QUEUE_SECONDS = 6 * 60 * 60
HEADER = "# Written by Kefen from kefen.yml at each start. Without this line the file is yours.\n"
# What dagster.yaml refers to: the address with the driver that dagster-postgres brings. SQLAlchemy
# 2.1 takes plain postgresql:// for another one.
STORAGE_VARIABLE = "KEFEN_DAGSTER_STORAGE"
DRIVER = "postgresql+psycopg2://"
# What versions before 0.4 wrote, without the header.
EARLIER = "telemetry:\n  enabled: false\n"


def instance_settings(settings: Settings) -> dict[str, Any]:
    """Give the content of dagster.yaml: telemetry off, SQLite or PostgreSQL, the time limit.

    The time limit of the run itself is watched in its own process; this one is for a run whose
    process is gone, which would look started for ever.
    """
    content: dict[str, Any] = {"telemetry": {"enabled": False}, "freshness": {"enabled": True}}
    minutes = settings.limits.max_runtime_minutes
    if minutes is not None:
        longest = int(minutes * 60) + QUEUE_SECONDS
        content["run_monitoring"] = {"enabled": True, "max_runtime_seconds": longest}
    if settings.dagster.postgres_url_env:
        content["storage"] = {"postgres": {"postgres_url": {"env": STORAGE_VARIABLE}}}
    return content


def storage_url(variable: str, url: str) -> str:
    """Give the address of PostgreSQL with its driver.

    Raises SettingsError naming the variable, not its value, if it is no such address.
    """
    match = re.fullmatch(r"postgres(?:ql)?(?:\+psycopg2)?://(.+)", url)
    if not match:
        raise SettingsError(
            f"dagster.postgres_url_env: the environment variable {variable} is "
            f"{'no such address' if url else 'not set'}; expected "
            "postgresql://user:password@host/database"
        )
    return DRIVER + match[1]


def prepare_instance(settings: Settings) -> Path:
    """Give Dagster its home below ours; a dagster.yaml that somebody wrote stays as it is.

    Raises SettingsError if PostgreSQL is asked for and its address is not in the environment.
    """
    variable = settings.dagster.postgres_url_env
    if variable:
        os.environ[STORAGE_VARIABLE] = storage_url(variable, os.environ.get(variable, ""))
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    written = file.read_text(encoding="utf-8") if file.exists() else EARLIER
    wanted = HEADER + yaml.safe_dump(instance_settings(settings), sort_keys=False)
    if written != wanted and (written == EARLIER or written.startswith(HEADER)):
        # Another process may be reading it.
        temporary = file.with_suffix(".yaml.tmp")
        temporary.write_text(wanted, encoding="utf-8")
        temporary.replace(file)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    return folder
