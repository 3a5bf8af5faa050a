"""Run a job in this process, for the command line and for tests."""

import logging
from contextlib import nullcontext
from datetime import date, datetime

from dagster import DagsterInstance, ExecuteInProcessResult

from dagster_project.defs.code_location import build_defs
from dagster_project.defs.event_log import open_instance
from dagster_project.defs.outcome import notice_of, outcome_of
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
    wait_seconds: float = 0,
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
        # 0: somebody looks at a command; it says at once that another run holds the lock.
        wait_seconds=wait_seconds,
    )
    definitions = build_defs({"night": night}, settings=settings)
    with nullcontext(instance) if instance else open_instance() as used:
        result = definitions.resolve_job_def(job_name).execute_in_process(
            instance=used,
            raise_on_error=False,
            run_config={"loggers": {"steps": {}}},
        )
    if not result.success:
        kind = "backfill" if date_range else "night"
        record_failure(settings, run_id=run_id_of(started_at), started_at=started_at, kind=kind)
        raise NightFailedError(_reasons(result, settings, run_id=run_id_of(started_at)))
    return (settings.report_dir / f"{run_id_of(started_at)}.md").read_text(encoding="utf-8")


def _reasons(result: ExecuteInProcessResult, settings: Settings, *, run_id: str) -> str:
    """Say which steps failed and which rules stopped the run."""
    outcome = outcome_of(result.all_events, settings)
    lines = [f"{step.step}: {step.reason}" for step in outcome.steps]
    lines += [
        f"{rule.message} What to do: {rule.todo_en} {rule.todo_zh}" for rule in outcome.stopping
    ]
    if notice_of(settings, outcome, run_id=run_id, kind="").status == "published":
        heading = "the tables are published; a later step failed"
    else:
        heading = "the run failed; what readers see is untouched"
    return "\n".join([heading, *(f"- {line}" for line in lines)])
