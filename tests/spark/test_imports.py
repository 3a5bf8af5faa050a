"""Importing Great Expectations where PySpark is installed."""

import subprocess
import sys

from dagster_project.settings import PROJECT_DIR


def test_a_process_without_a_main_file_survives_the_import() -> None:
    """As the runs that Dagster's daemon and UI start; PySpark would take it for its doctests."""
    code = "import expectations.data_docs, expectations.spark_engine; print('imported')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "imported\n", done.stderr
