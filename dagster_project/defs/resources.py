"""Resources of a run: the settings, the dates asked for, the writer's lock, dbt."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.metadata import version

from dagster import ConfigurableResource, InitResourceContext
from dagster_dbt import DbtCliResource
from packaging.version import Version
from pydantic import PrivateAttr

from dagster_project.lock import one_writer
from dagster_project.night import record_failure, release, run_id_of
from dagster_project.settings import PROJECT_DIR, Settings, load_settings
from dagster_project.transform.dbt import dbt_executable

# Longer than any night; a run of the daemon waits this long for another to end.
QUEUE_SECONDS = 6 * 60 * 60


class SettingsFile(ConfigurableResource):  # type: ignore[type-arg]
    """Where the settings come from; settings_json: the settings, empty = those of load_settings."""

    settings_json: str = ""

    def load(self) -> Settings:
        """Read and check the settings."""
        if self.settings_json:
            return Settings.model_validate_json(self.settings_json)
        return load_settings()


class Night(ConfigurableResource):  # type: ignore[type-arg]
    """What one run computes, and the lock that makes it the only one.

    settings_json: the settings; empty = those of load_settings.
    as_of, known: ISO dates; empty = the newest drop, and all that is loaded.
    from_date, to_date: a range for a backfill; empty for a night.
    started_at: ISO time of the run; empty = when the resource was set up.
    wait_seconds: how long to wait for another run to end before giving up.
    """

    settings_json: str = ""
    as_of: str = ""
    known: str = ""
    from_date: str = ""
    to_date: str = ""
    started_at: str = ""
    wait_seconds: float = QUEUE_SECONDS

    _settings: Settings = PrivateAttr()
    _now: datetime = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Night"]:  # noqa: ARG002
        """Hold the writer's lock for the length of the run."""
        self._settings = (
            Settings.model_validate_json(self.settings_json)
            if self.settings_json
            else load_settings()
        )
        self._now = (
            datetime.fromisoformat(self.started_at) if self.started_at else datetime.now(UTC)
        )
        with one_writer(
            self._settings.work_dir, now=self._now, wait_seconds=self.wait_seconds
        ) as unfinished:
            if unfinished:
                record_failure(self._settings, run_id=run_id_of(unfinished), started_at=unfinished)
            try:
                yield self
            finally:
                release(self._settings)

    @property
    def settings(self) -> Settings:
        """The settings, read once per run."""
        return self._settings

    @property
    def now(self) -> datetime:
        """When the run started; the only clock the run knows."""
        return self._now

    @property
    def run_id(self) -> str:
        """A name that sorts by time."""
        return run_id_of(self._now)

    def range_asked(self) -> tuple[date, date] | None:
        """Give the first and last date of a backfill, or None for a night."""
        if not self.from_date and not self.to_date:
            return None
        first = date.fromisoformat(self.from_date or self.to_date)
        last = date.fromisoformat(self.to_date or self.from_date)
        return first, last

    def as_of_asked(self) -> date | None:
        """Give the as-of date asked for, if any."""
        return date.fromisoformat(self.as_of) if self.as_of else None

    def known_asked(self) -> date | None:
        """Give the knowledge date asked for, if any."""
        return date.fromisoformat(self.known) if self.known else None


class DbtCommand(DbtCliResource):
    """The dbt command without what dagster-dbt adds to each call: 4 s of a short night.

    It asks `dbt --version` in a process of its own, and loads dbt into this process to count rows
    over a second connection, which DuckDB would refuse. Both are private names: see the pin.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(  # type: ignore[override]
        self, args: Sequence[str]
    ) -> None:
        del args


def dbt_resource() -> DbtCommand:
    """Build the dbt command of this environment on this project."""
    return DbtCommand(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR / "dbt"),
        dbt_executable=str(dbt_executable()),
    )


def build_resources() -> dict[str, object]:
    """Build what the assets and checks ask for, by name."""
    return {"night": Night(), "settings_file": SettingsFile(), "dbt": dbt_resource()}
