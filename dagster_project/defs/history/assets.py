"""History in chunks as a step of every run, and by its dates as the way in for a backfill."""

import logging
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    DailyPartitionsDefinition,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.backfill import compute_history
from dagster_project.defs.resources import Night, SettingsFile
from dagster_project.instance import QUEUE_SECONDS
from dagster_project.transform.dbt import DbtError

LOGGER = logging.getLogger(__name__)

CHUNKS = AssetKey("history_chunks")
BY_DATE = AssetKey("customer_history")
# Before any CRM has records; the end is today, which may have a drop already.
DATES = DailyPartitionsDefinition(start_date="2000-01-01", end_offset=1)


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
    def history_chunks(context: AssetExecutionContext, night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        def say(text: str) -> None:
            LOGGER.info("%s", text)
            context.log.info(text)

        try:
            computed = compute_history(night.settings, say=say)
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


def build_backfill_assets() -> list[AssetsDefinition]:
    """Build the asset whose partitions are dates of history: any range of them is one run."""
    with warnings.catch_warnings():
        # A later version may change the policy of a backfill; the version is pinned.
        warnings.simplefilter("ignore", BetaWarning)

        @asset(
            partitions_def=DATES,
            backfill_policy=BackfillPolicy.single_run(),
            group_name="history",
            owners=["team:data"],
            kinds={"dbt", "duckdb"},
            description=(
                "Classes of the past, by date: choose a range of dates and materialize it; the "
                "whole range is one run of the job backfill. 在界面上按日期区间补算历史。"
            ),
        )
        def customer_history(
            context: AssetExecutionContext, settings_file: SettingsFile
        ) -> MaterializeResult:  # type: ignore[type-arg]
            # It assembles the definitions, of which this is one.
            from dagster_project.defs.run import NightFailedError, run_job  # noqa: PLC0415

            asked = context.partition_key_range
            try:
                summary = run_job(
                    settings_file.load(),
                    job_name="backfill",
                    started_at=datetime.now(UTC),
                    date_range=(date.fromisoformat(asked.start), date.fromisoformat(asked.end)),
                    wait_seconds=QUEUE_SECONDS,
                    instance=context.instance,
                )
            except NightFailedError as error:
                raise Failure(description=str(error), allow_retries=False) from error
            return MaterializeResult(metadata={"summary": MetadataValue.md(summary)})

    return [customer_history]
