"""When nights run."""

from dagster import ScheduleDefinition

from dagster_project.defs.jobs import nightly
from dagster_project.settings import Settings


def build_nightly_schedule(settings: Settings) -> ScheduleDefinition:
    """Build the schedule, in the business time zone: at two by default.

    Where clocks are put forward over that time, the night starts when they stand on it again; where
    they are put back, it starts once.
    """
    return ScheduleDefinition(
        name="nightly_at_two",
        job=nightly,
        cron_schedule=settings.schedule.nightly,
        execution_timezone=settings.business_time_zone,
    )
