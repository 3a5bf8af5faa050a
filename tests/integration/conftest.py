"""Two nights of a small world, and homes in which the first one and both are published."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
from tests.support import NOW, deliver, demo_settings, run_light_night

# Long past: the command line looks at the real clock, and an export must not lie in the future.
SECOND = date(2025, 3, 20)
FIRST = SECOND - timedelta(days=1)


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two_nights")
    write_demo_exports(out, customers=60, days=400, nights=2, dirt=0.0, last_date=SECOND)
    return out


@pytest.fixture(scope="session")
def first_home(two_nights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after the first night; copy it, do not change it."""
    home = tmp_path_factory.mktemp("first_home")
    settings = demo_settings(home)
    deliver(two_nights, settings, FIRST)
    run_light_night(settings, now=NOW - timedelta(days=1))
    return home


@pytest.fixture(scope="session")
def second_home(
    two_nights: Path, first_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home after both nights, in which nothing went wrong; do not change it."""
    settings = demo_settings(tmp_path_factory.mktemp("second_home") / "home")
    shutil.copytree(first_home, settings.home, symlinks=True)
    deliver(two_nights, settings, SECOND)
    run_light_night(settings)
    return settings.home


@pytest.fixture
def second_evening(two_nights: Path, first_home: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Make a home after the first night, with the drops of the second delivered."""

    def make(**changes: object) -> Settings:
        settings = demo_settings(tmp_path / "home", **changes)
        shutil.copytree(first_home, settings.home, symlinks=True)
        deliver(two_nights, settings, SECOND)
        return settings

    return make
