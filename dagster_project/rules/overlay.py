"""The models run with changed seeds beside the night, in a project and a database of their own.

The night's database is attached read-only; every relation that is not made anew is a view on it,
so that nothing is copied and nothing of the night can change.
"""

import csv
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import yaml

from dagster_project.ingest.sql import literal, quoted
from dagster_project.rules.seeds import FIRST_DAY, Declared, declared_seeds, read_seed
from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.dbt import dbt_environment, dbt_executable, memory_limit

# The name under which the night's database is attached.
NIGHT = "night"
# Models that say what a customer is; what they need of the changed seeds is run, and nothing else.
COMPARED = (
    "customer_classification",
    "customer_segments",
    "customer_tags",
    "customer_abc",
    "prospect_classification",
)


class PreviewError(Exception):
    """The preview cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Overlay:
    """Where a preview works; all of it is deleted afterwards."""

    folder: Path
    night: Path

    @property
    def project(self) -> Path:
        """The dbt project with the changed seeds."""
        return self.folder / "project"

    @property
    def database(self) -> Path:
        """Named as the night's: views of the night name their relations with the database."""
        return self.folder / self.night.name


def write_project(overlay: Overlay, changed: dict[str, Path], *, on: date | None) -> None:
    """Copy the project, with the changed seeds in place of the shipped ones.

    on: the rules in force on that day hold on every day.
    """
    for name in ("models", "dbt", "seeds"):
        shutil.copytree(PROJECT_DIR / name, overlay.project / name)
    shutil.copy(PROJECT_DIR / "dbt_project.yml", overlay.project)
    declared = declared_seeds()
    for name, path in changed.items():
        place = overlay.project / declared[name].path.relative_to(PROJECT_DIR)
        if on and declared[name].is_dated:
            _write_as_of(declared[name], path, place, on=on)
        else:
            shutil.copy(path, place)
    profiles_file = overlay.project / "dbt" / "profiles.yml"
    profiles = yaml.safe_load(profiles_file.read_text(encoding="utf-8"))
    profiles["kefen"]["outputs"]["duckdb"]["attach"] = [
        {"path": str(overlay.night), "alias": NIGHT, "read_only": True}
    ]
    profiles_file.write_text(yaml.safe_dump(profiles), encoding="utf-8")


def _write_as_of(declared: Declared, path: Path, place: Path, *, on: date) -> None:
    seed, _ = read_seed(declared, path, label=str(path))
    rows = seed.rows_on(on) if seed else []
    always = {"valid_from": FIRST_DAY.isoformat(), "valid_to": ""}
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, seed.columns if seed else list(declared.types))
        writer.writeheader()
        writer.writerows(row.values | always for row in rows)


def create_database(overlay: Overlay, *, without_seeds: Sequence[str]) -> None:
    """Make a database of views on the night's relations, but for the seeds that are loaded anew.

    Of the dates of the run only the newest is computed again, with those its tiers look back at.
    """
    with duckdb.connect(str(overlay.database)) as connection:
        connection.execute(f"attach {literal(overlay.night)} as {NIGHT} (read_only)")
        relations = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = ? "
            "union all select schema_name, view_name from duckdb_views() "
            "where database_name = ? and not internal order by all",
            (NIGHT, NIGHT),
        ).fetchall()
        for schema in sorted({schema for schema, _ in relations}):
            connection.execute(f"create schema if not exists {quoted(schema)}")
        connection.execute(
            f"create table raw.run_context as "
            f"select * replace (is_newest as is_requested) from {NIGHT}.raw.run_context "
            f"where as_of_date > (select max(as_of_date) from {NIGHT}.raw.run_context) "
            f"- (select abc_hysteresis_days from {NIGHT}.raw.run_settings)"
        )
        _create_views(
            connection,
            [
                f"{quoted(schema)}.{quoted(name)}"
                for schema, name in relations
                if (schema, name) != ("raw", "run_context")
                and not (schema == "seeds" and name in without_seeds)
            ],
        )


def _create_views(connection: duckdb.DuckDBPyConnection, relations: Sequence[str]) -> None:
    """Make the views; a view of the night is read then, and with it the relations it names."""
    waiting: list[str] = []
    for relation in relations:
        try:
            connection.execute(f"create view {relation} as from {NIGHT}.{relation}")
        except duckdb.CatalogException:
            waiting.append(relation)
    # What is left names a seed that is loaded anew; a model that needs it is run anew itself.
    if 0 < len(waiting) < len(relations):
        _create_views(connection, waiting)


def run_models(overlay: Overlay, settings: Settings, *, seeds: Sequence[str]) -> None:
    """Load the changed seeds and run the models that lie between them and the compared ones.

    Raises PreviewError with what dbt said.
    """
    environment = dbt_environment(settings) | {
        "DBT_PROJECT_DIR": str(overlay.project),
        "DBT_PROFILES_DIR": str(overlay.project / "dbt"),
        "DBT_TARGET_PATH": str(overlay.folder / "target"),
        "DBT_LOG_PATH": str(overlay.folder / "logs"),
        "KEFEN_WORK_DB": str(overlay.database),
        "KEFEN_TEMP_DIR": str(overlay.folder / "tmp"),
    }
    selected = [f"{seed}+,+{model}" for seed in seeds for model in COMPARED]
    done = subprocess.run(
        [
            *(str(dbt_executable()), "--quiet", "--no-write-json", "build"),
            *("--resource-type", "model", "--resource-type", "seed", "--select", *selected),
            # Histories keep what was published.
            *("--exclude", "config.materialized:incremental"),
        ],
        cwd=overlay.project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise PreviewError(
            f"the models do not run with these rules; dbt said:\n{said}\n"
            "correct the rules; nothing was changed"
        )


def open_both(overlay: Overlay, settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the preview's database, with the night's beside it."""
    connection = duckdb.connect(
        str(overlay.database),
        config={
            "memory_limit": memory_limit(settings),
            "temp_directory": str(overlay.folder / "tmp"),
        },
    )
    connection.execute(f"attach {literal(overlay.night)} as {NIGHT} (read_only)")
    return connection
