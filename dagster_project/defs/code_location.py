"""Assembles the code location; `build_defs` takes overrides of the resources, for tests."""

from collections.abc import Mapping
from typing import Any

from dagster import Definitions, colored_console_logger, in_process_executor

from dagster_project.defs.changes.assets import build_change_assets
from dagster_project.defs.clv.assets import build_clv_assets
from dagster_project.defs.dbt.assets import build_dbt_assets
from dagster_project.defs.history.assets import build_backfill_assets, build_history_assets
from dagster_project.defs.jobs import backfill, nightly
from dagster_project.defs.progress import steps_logger
from dagster_project.defs.publish.assets import build_publish_assets
from dagster_project.defs.quality.checks import build_checks
from dagster_project.defs.raw.assets import build_raw_assets
from dagster_project.defs.resources import build_resources
from dagster_project.defs.schedules import build_nightly_schedule
from dagster_project.defs.sensors import build_drop_sensor
from dagster_project.settings import Settings, load_settings


def build_defs(
    resource_overrides: Mapping[str, Any] | None = None, *, settings: Settings | None = None
) -> Definitions:
    """Assets, checks, jobs, schedule and sensor of Kefen; settings default to kefen.yml's."""
    settings = settings or load_settings()
    records, marts = build_dbt_assets()
    changes = build_change_assets(classes=sorted(marts.keys))
    return Definitions(
        assets=[
            *build_raw_assets(staging=sorted(records.keys)),
            records,
            *build_history_assets(records=sorted(records.keys)),
            *build_clv_assets(records=sorted(records.keys)),
            marts,
            *changes,
            *build_publish_assets(
                upstream=[*sorted(marts.keys), *(key for one in changes for key in one.keys)],
                settings=settings,
            ),
            *build_backfill_assets(),
        ],
        asset_checks=build_checks(),
        jobs=[nightly, backfill],
        schedules=[build_nightly_schedule(settings)],
        sensors=[build_drop_sensor()],
        resources={**build_resources(), **(resource_overrides or {})},
        # Dagster's own for the daemon and the UI; a command shows the steps alone.
        loggers={"console": colored_console_logger, "steps": steps_logger},
        # Each step of its own process would ask for the writer's lock that its run holds.
        executor=in_process_executor,
    )
