"""Exports to the raw zone, and the dates of the run."""

import time
from collections.abc import Sequence

from dagster import (
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.defs.resources import Night
from dagster_project.night import complete_manifest, prepare
from dagster_project.transient import attempts


def build_raw_assets(staging: Sequence[AssetKey]) -> list[AssetsDefinition]:
    """Build the raw zone that every model reads from, and its manifest.

    staging: the assets that must be there before the manifest's counts can be completed.
    """

    @asset(
        group_name="raw",
        owners=["team:data"],
        kinds={"duckdb", "parquet"},
        description=(
            "Complete drops landed as text in the immutable raw zone, what changed since the drop "
            "before, and the dates this run computes. 导出文件落地。"
        ),
    )
    def raw_zone(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        started = time.monotonic()
        prepared = attempts()(
            prepare,
            night.settings,
            now=night.now,
            as_of=night.as_of_asked(),
            known=night.known_asked(),
            date_range=night.range_asked(),
        )
        return MaterializeResult(
            metadata={
                "files_new": prepared.files_new,
                "bytes_new": prepared.bytes_new,
                "seconds": round(time.monotonic() - started, 3),
                "dagster/row_count": prepared.rows_read,
                "as_of_date": str(prepared.dates[-1].as_of_date),
                "knowledge_date": str(prepared.dates[-1].knowledge_date),
                "raw_zone": MetadataValue.path(night.settings.raw_dir),
            }
        )

    @asset(
        deps=list(staging),
        group_name="raw",
        owners=["team:data"],
        kinds={"duckdb"},
        description=(
            "The load manifest with its counts completed: rows read = loaded + quarantined. "
            "装载清单。"
        ),
    )
    def load_manifest_counts(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        return MaterializeResult(metadata={"files_completed": complete_manifest(night.settings)})

    return [raw_zone, load_manifest_counts]
