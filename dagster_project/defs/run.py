"""Run a job in this process, for the command line and for tests."""

import logging
from contextlib import nullcontext
from datetime import date, datetime

from dagster import (
    AssetCheckSeverity,
    DagsterEventType,
    DagsterInstance,
    ExecuteInProcessResult,
)

from dagster_project.definitions import defs
from dagster_project.defs.event_log import open_instance
from dagster_project.defs.resources import Night
from dagster_project.night import record_failure, run_id_of
from dagster_project.settings import Settings

LOGGER = logging.getLogger(__name__)


class NightFailedError(Exception):
    """A run failed; what readers see is untouched. The message says where and why."""


def run_job(
    settings: Settings,
    *,
    job_name: str,
    started_at: datetime,
    as_of: date | None = None,
    known: date | None = None,
    date_range: tuple[date, date] | None = None,
    instance: DagsterInstance | None = None,
) -> str:
    """Run a job to its end; give the summary of what was published.

    Raises NightFailedError naming the step and the reason.
    """
    night = Night(
        settings_json=settings.model_dump_json(),
        as_of=as_of.isoformat() if as_of else "",
        known=known.isoformat() if known else "",
        from_date=date_range[0].isoformat() if date_range else "",
        to_date=date_range[1].isoformat() if date_range else "",
        started_at=started_at.isoformat(),
        # Somebody looks at a command: it says at once that another run holds the lock.
        wait_seconds=0,
    )
    with nullcontext(instance) if instance else open_instance() as used:
        result = defs.resolve_job_def(job_name).execute_in_process(
            instance=used,
            resources={"night": night},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    if not result.success:
        record_failure(settings, run_id=run_id_of(started_at), started_at=started_at)
        raise NightFailedError(_reasons(result))
    return (settings.report_dir / f"{run_id_of(started_at)}.md").read_text(encoding="utf-8")


def _reasons(result: ExecuteInProcessResult) -> str:
    """Say which steps failed and which rules stopped the run."""
    lines = []
    for event in result.all_events:
        if event.event_type is DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            lines.append(f"{event.step_key}: {cause.message.strip() if cause else 'failed'}")
        if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is AssetCheckSeverity.ERROR and check.blocking:
                lines.append(f"{check.check_name}: {check.description}")
        if event.event_type is DagsterEventType.RUN_FAILURE and not lines:
            # No step began: a resource could not be set up, such as the lock of another run.
            error = event.job_failure_data.error
            cause = error.cause if error and error.cause else error
            lines.append(cause.message.strip() if cause else "no step began")
    heading = "the run failed; what readers see is untouched"
    return "\n".join([heading, *(f"- {line}" for line in lines)])
