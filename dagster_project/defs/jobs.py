"""The jobs: a night, and a range of past dates; the same assets, other dates."""

from dagster import AssetSelection, define_asset_job, in_process_executor

from dagster_project.defs.history.assets import BY_DATE

# The asset by date starts a backfill itself.
STEPS = AssetSelection.all() - AssetSelection.assets(BY_DATE)

# Each extra process costs seconds of imports, and only one may write to DuckDB anyway.
nightly = define_asset_job(
    "nightly",
    selection=STEPS,
    executor_def=in_process_executor,
    description="Load new drops, check, classify, publish. 每晚批处理。",
)

backfill = define_asset_job(
    "backfill",
    selection=STEPS,
    executor_def=in_process_executor,
    description=(
        "History for a range of dates in one run: materialize the range of the asset "
        "customer_history, or set from_date and to_date of the resource night in the launchpad. "
        "补算历史。"
    ),
)
