"""The models in two steps, so that the rules can judge the records between them."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from time import monotonic
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, Output
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)

from dagster_project.defs.resources import Night
from dagster_project.night import release, row_counts, share
from dagster_project.settings import PROJECT_DIR
from dagster_project.transform.dbt import dbt_environment
from dagster_project.transient import attempts

LOGGER = logging.getLogger(__name__)

# Seconds between two lines of progress.
SAY_EVERY = 15
MANIFEST = PROJECT_DIR / "target" / "manifest.json"
RAW_ZONE = AssetKey("raw_zone")
LOAD_MANIFEST = AssetKey("load_manifest_counts")
PREDICTIONS = AssetKey("clv_predictions")
RECORDS = "tag:records"
CLASSES = "tag:classes"
# Sources that are not there when the raw zone is: what makes them.
MADE_LATER = {
    "load_manifest": LOAD_MANIFEST,
    "clv_scores": PREDICTIONS,
    "clv_fits": PREDICTIONS,
    "clv_calibration": PREDICTIONS,
}


class Translator(DagsterDbtTranslator):
    """A dbt source is the raw zone or made between the steps; groups are the models' folders."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """Models by their name; sources are one asset."""
        if dbt_resource_props["resource_type"] == "source":
            return MADE_LATER.get(dbt_resource_props["name"], RAW_ZONE)
        return AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Layer, and within marts the subject."""
        folders = dbt_resource_props["fqn"][1:-1]
        return "_".join(folders) if folders else dbt_resource_props["resource_type"] + "s"

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Say what the yml says, else the comment that every model opens with: its grain."""
        written = dbt_resource_props.get("description")
        return str(written or _opening_comment(dbt_resource_props.get("raw_code") or ""))

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Name the team that answers for the models."""
        return ["team:data"]


def _opening_comment(sql: str) -> str:
    lines = takewhile(lambda line: line.startswith("--"), sql.splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines)


def build_dbt_assets() -> list[AssetsDefinition]:
    """Build both dbt steps from the manifest that `dbt parse` wrote at installation."""
    if not MANIFEST.exists():
        message = f"{MANIFEST} is missing: run `make install` (it runs dbt parse)"
        raise FileNotFoundError(message)

    @dbt_assets(
        manifest=MANIFEST,
        select=RECORDS,
        name="records",
        dagster_dbt_translator=Translator(),
    )
    def records(context: AssetExecutionContext, dbt: DbtCliResource, night: Night) -> Iterator[Any]:
        # Cautious: a test that also reads a class waits for the second step.
        yield from _build(context, dbt, night, "--indirect-selection", "cautious")

    @dbt_assets(
        manifest=MANIFEST,
        select=CLASSES,
        name="marts",
        dagster_dbt_translator=Translator(),
    )
    def marts(context: AssetExecutionContext, dbt: DbtCliResource, night: Night) -> Iterator[Any]:
        yield from _build(context, dbt, night)

    return [records, marts]


def _build(
    context: AssetExecutionContext, dbt: DbtCliResource, night: Night, *arguments: str
) -> Iterator[Any]:
    share(night.settings)
    os.environ.update(dbt_environment(night.settings))
    # All events first: what dbt did is told once, of the attempt that passed.
    events = attempts()(lambda: _events(context, dbt, night, arguments))
    rows = row_counts(night.settings)
    for event in events:
        if isinstance(event, Output) and event.output_name in rows:
            yield event.with_metadata(
                {**event.metadata, "dagster/row_count": rows[event.output_name]}
            )
        else:
            yield event


def _events(
    context: AssetExecutionContext, dbt: DbtCliResource, night: Night, arguments: Sequence[str]
) -> list[Any]:
    invocation = dbt.cli(
        ["build", "--exclude-resource-type", "unit_test", *arguments],
        context=context,
        target_path=night.settings.work_dir / "dbt_target",
    )
    events: list[Any] = []
    said = monotonic()
    try:
        for event in invocation.stream():
            events.append(event)
            if monotonic() > said + SAY_EVERY:
                said = monotonic()
                done = sum(isinstance(one, Output) for one in events)
                total = len(context.op_execution_context.selected_output_names)
                LOGGER.info("%s: %d of %d tables are made", context.op_def.name, done, total)
        return events
    finally:
        # An event that cannot be kept ends the step: dbt would go on without the lock.
        invocation.process.kill()
        if invocation.process.wait():
            # What the child asked of Spark may still be at work.
            release(night.settings)
