"""The publication: the last asset of a night."""

import time
from collections.abc import Sequence
from datetime import timedelta

from dagster import (
    AssetKey,
    AssetsDefinition,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.defs.resources import Night
from dagster_project.night import finish
from dagster_project.preflight import size_of
from dagster_project.publish.publication import DATA_DOCS, DATABASE_NAME, FIX_LISTS
from dagster_project.settings import Settings
from dagster_project.transient import attempts

# A publication at the deadline is of this night if it is not older; a longer time would take
# yesterday's late run for tonight's.
NIGHT = timedelta(hours=12)


def build_publish_assets(
    upstream: Sequence[AssetKey], *, settings: Settings
) -> list[AssetsDefinition]:
    """Build the asset that copies the marts to readers, expected every morning."""

    @asset(
        deps=list(upstream),
        group_name="published",
        owners=["team:data"],
        kinds={"duckdb", "parquet"},
        freshness_policy=FreshnessPolicy.cron(
            deadline_cron=settings.schedule.ready_by,
            lower_bound_delta=NIGHT,
            timezone=settings.business_time_zone,
        ),
        description="What BI tools read: kefen.duckdb and Parquet per run. 对外发布的表。",
    )
    def published(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        published_dir = night.settings.published_dir
        started = time.monotonic()
        done = attempts()(finish, night.settings, run_id=night.run_id, started_at=night.now)
        return MaterializeResult(
            metadata={
                "dagster/row_count": sum(done.publication.tables.values()),
                "tables": len(done.publication.tables),
                "seconds": round(time.monotonic() - started, 3),
                "database_bytes": size_of(published_dir / DATABASE_NAME),
                "run_folder_bytes": size_of(done.publication.run_dir),
                "run_folder": MetadataValue.path(done.publication.run_dir),
                "database": MetadataValue.path(done.publication.database or ""),
                "data_docs": MetadataValue.path(published_dir / DATA_DOCS / "index.html"),
                "fix_lists": MetadataValue.path(published_dir / FIX_LISTS),
                "summary": MetadataValue.md(done.summary),
            }
        )

    return [published]
