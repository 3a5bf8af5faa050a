"""A night as soon as a drop is complete."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import RunRequest, SensorDefinition, SensorEvaluationContext, SkipReason, sensor

from dagster_project.defs.jobs import nightly
from dagster_project.ingest.arrivals import look, read_sightings, write_sightings
from dagster_project.settings import load_settings


def build_drop_sensor() -> SensorDefinition:
    """Build the sensor; a drop asks for one run, by its name and content."""

    @sensor(
        job=nightly,
        minimum_interval_seconds=60,
        name="new_complete_drop",
        description=(
            "Starts a night once a new or corrected drop is whole: it has its _SUCCESS marker, "
            "or did not change for a minute. 新数据到齐后自动运行。"
        ),
    )
    def new_complete_drop(context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        found = look(load_settings(), now=datetime.now(UTC), before=read_sightings(context.cursor))
        context.update_cursor(write_sightings(found.sightings))
        if not found.complete:
            yield SkipReason("no complete drop that is not loaded yet")
            return
        yield RunRequest(run_key=found.key, tags={"kefen/drops": ", ".join(found.complete)})

    return new_complete_drop
