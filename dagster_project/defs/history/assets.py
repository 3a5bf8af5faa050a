"""History in chunks as a step of every run, and by its dates as the way in for a backfill."""

from collections.abc import Sequence

from dagster import AssetKey, AssetsDefinition, Failure, MaterializeResult, asset

from dagster_project.backfill import compute_history
from dagster_project.defs.resources import Night
from dagster_project.transform.dbt import DbtError

CHUNKS = AssetKey("history_chunks")


def build_history_assets(records: Sequence[AssetKey]) -> list[AssetsDefinition]:
    """Build the step that computes the dates of a range, or those that a night looks back at.

    records: the assets whose rules must have passed before anything is computed from them.
    """

    @asset(
        deps=list(records),
        group_name="history",
        owners=["team:data"],
        kinds={"dbt"},
        description=(
            "Classes of the other dates of a run, in chunks that fit into memory; nothing in a "
            "night without a lookback. 按批补算历史。"
        ),
    )
    def history_chunks(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        try:
            computed = compute_history(night.settings)
        except DbtError as error:
            # A second attempt would meet the same models.
            raise Failure(description=str(error), allow_retries=False) from error
        return MaterializeResult(
            metadata={
                "dates": computed.dates,
                "dates_skipped": computed.skipped,
                "chunks": computed.chunks,
            }
        )

    return [history_chunks]
