"""The unit tests of the models (unit_tests: in the yml beside them), on an empty database.

dbt takes the column types of mocked inputs from the database, so that every relation must exist:
an empty raw zone is registered and every model is built from no rows first.
"""

import os
import subprocess
from datetime import date
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.context import Exports, run_dates
from dagster_project.transform.dbt import dbt_environment, dbt_executable
from dagster_project.transform.engines import engine_of

DAY = date(2026, 6, 30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"home": tmp_path, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}}
    )


def test_unit_tests_of_the_models(settings: Settings) -> None:
    register_empty_raw_zone(settings)

    dbt(settings, "build", "--empty", "--resource-type", "model", "--resource-type", "seed")
    output = dbt(settings, "test", "--select", "test_type:unit")

    assert "PASS=" in output


def register_empty_raw_zone(settings: Settings) -> None:
    dates = run_dates([DAY], exports=Exports(first=DAY, newest=DAY), settings=settings)
    engine_of(settings).register(dates, known=None)


def dbt(settings: Settings, *arguments: str) -> str:
    result = subprocess.run(
        [str(dbt_executable()), *arguments],
        cwd=PROJECT_DIR,
        env=os.environ | dbt_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
