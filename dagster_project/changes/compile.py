"""Compile the models that decide the classes, at installation (`make install`)."""

import os
import subprocess
import sys

from dagster_project.changes.models import CLASSES, COMPILED, DATABASE
from dagster_project.settings import PROJECT_DIR
from dagster_project.transform.dbt import dbt_executable


def compile_models() -> int:
    """Run `dbt compile` for DuckDB into target/classes; give its return code."""
    done = subprocess.run(
        [
            *(str(dbt_executable()), "--quiet", "compile", "--profiles-dir", "dbt"),
            *("--target", "duckdb", "--target-path", str(COMPILED.parent)),
            *("--select", f"source:raw.run_context+,+{CLASSES},resource_type:model"),
        ],
        cwd=PROJECT_DIR,
        env=os.environ
        | {"KEFEN_WORK_DB": f"target/{DATABASE}.duckdb", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(compile_models())
