"""Resources of a run: the settings, the dates asked for, the writer's lock, dbt.

Every run, of the daemon or of a command, passes through the resource Night: so it is here that the
time limit is set, and the end of a run is logged and told.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version

from dagster import ConfigurableResource, InitResourceContext
from dagster_dbt import DbtCliResource
from packaging.version import Version
from pydantic import PrivateAttr

from dagster_project.defs.outcome import TELLING, Outcome, notice_of, outcome_of
from dagster_project.instance import QUEUE_SECONDS
from dagster_project.lock import NightIsRunningError, Owner, one_writer, owner_of
from dagster_project.night import record_failure, release, run_id_of
from dagster_project.notices.notice import FailedStep
from dagster_project.notices.send import send
from dagster_project.settings import PROJECT_DIR, Settings, load_settings
from dagster_project.transform.dbt import DBT_CHILD
from dagster_project.watchdog import TimeLimit, time_limit

LOGGER = logging.getLogger(__name__)

# Jobs whose runs end in a publication, or have failed.
JOBS = ("nightly", "backfill")


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
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Night"]:
        """Hold the writer's lock for the length of the run, and tell how it ended."""
        self._settings = (
            Settings.model_validate_json(self.settings_json)
            if self.settings_json
            else load_settings()
        )
        self._now = (
            datetime.fromisoformat(self.started_at) if self.started_at else datetime.now(UTC)
        )
        work_dir = self._settings.work_dir
        before = owner_of(work_dir)
        limit = TimeLimit(None)
        refused = None
        try:
            with one_writer(
                work_dir, now=self._now, wait_seconds=self.wait_seconds, kind=self.kind
            ) as unfinished:
                if unfinished:
                    self._tell_of_a_dead_run(unfinished, before)
                with time_limit(self._settings, on_stuck=self._tell_of_a_stuck_run) as limit:
                    try:
                        yield self
                    finally:
                        release(self._settings)
        except NightIsRunningError as error:
            refused = FailedStep("start", str(error))
            raise
        finally:
            # Without the lock: a mail server may be slow, and the next run need not wait for it.
            self._end(lambda: Outcome((refused,)) if refused else self._outcome(context, limit))

    def _outcome(self, context: InitResourceContext, limit: TimeLimit) -> Outcome:
        """Read from the run's events what failed."""
        run, instance = context.run, context.instance
        if run is None or instance is None:
            return Outcome(is_whole=False)
        entries = instance.all_logs(run.run_id, of_type=TELLING)
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        outcome = outcome_of(events, self._settings, interruption=limit.reason)
        if limit.is_over and not outcome.steps:
            outcome = replace(outcome, steps=(FailedStep("time limit", limit.reason),))
        is_whole = run.job_name in JOBS and run.asset_selection is None
        return replace(outcome, is_whole=is_whole)

    def _end(self, outcome: Callable[[], Outcome]) -> None:
        """Log and tell how this run ended; nothing in it changes how the run ended."""
        _end_run(self._settings, outcome, run_id=self.run_id, started_at=self._now, kind=self.kind)

    def _tell_of_a_stuck_run(self, reason: str) -> None:
        self._end(lambda: Outcome((FailedStep("time limit", reason),)))

    def _tell_of_a_dead_run(self, started_at: datetime, owner: Owner | None) -> None:
        """Log and tell of a run that ended without a word: killed, or its machine was."""
        named = owner if owner and owner.since == started_at else None
        who = named.says(self._now) if named else f"since {started_at.isoformat()}"
        reason = (
            f"the run ended without a word: killed (out of memory?), or the machine stopped: {who}"
        )
        _end_run(
            self._settings,
            lambda: Outcome((FailedStep("killed", reason),)),
            run_id=run_id_of(started_at),
            started_at=started_at,
            kind=named.kind if named else "night",
        )

    @property
    def settings(self) -> Settings:
        """The settings, read once per run."""
        return self._settings

    @property
    def now(self) -> datetime:
        """When the run started; the only clock the run knows."""
        return self._now

    @property
    def kind(self) -> str:
        """What kind of run this is, as the run log calls it."""
        return "backfill" if self.range_asked() else "night"

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


def _end_run(
    settings: Settings,
    outcome: Callable[[], Outcome],
    *,
    run_id: str,
    started_at: datetime,
    kind: str,
) -> None:
    """Log a run that failed, and send the notice of its end.

    A notice must never fail a night, nor hide that one failed: whatever is wrong with it is logged.
    """
    try:
        found = outcome()
        notice = notice_of(settings, found, run_id=run_id, kind=kind)
        if notice.status != "published" and not found.steps and not found.is_whole:
            return
        if notice.status != "published":
            record_failure(settings, run_id=run_id, started_at=started_at, kind=kind)
        send(settings, notice)
    except Exception:
        LOGGER.exception("the end of run %s could not be told", run_id)


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
        dbt_executable=sys.executable,
        global_config_flags=list(DBT_CHILD),
    )


def build_resources() -> dict[str, object]:
    """Build what the assets and checks ask for, by name."""
    return {"night": Night(), "settings_file": SettingsFile(), "dbt": dbt_resource()}
