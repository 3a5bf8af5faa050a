"""When nights run."""

from dagster import ScheduleDefinition

from dagster_project.defs.jobs import nightly

nightly_schedule = ScheduleDefinition(
    name="nightly_at_two",
    job=nightly,
    cron_schedule="0 2 * * *",
    execution_timezone="Asia/Shanghai",
)
