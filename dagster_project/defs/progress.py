"""What a command shows of a run while it goes on: its steps, as they start and end."""

import logging
from typing import Any

from dagster import DagsterEventType, InitLoggerContext, LoggerDefinition

LOGGER = logging.getLogger(__name__)


class _Steps(logging.Handler):
    """Passes on the start and the end of each step, of all that Dagster tells its loggers."""

    def emit(self, record: logging.LogRecord) -> None:
        event: Any = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            return
        if event.event_type_value == DagsterEventType.STEP_START.value:
            LOGGER.info("%s: started", event.step_key)
        elif event.event_type_value == DagsterEventType.STEP_SUCCESS.value:
            LOGGER.info("%s: %.1f s", event.step_key, event.step_success_data.duration_ms / 1000)
        elif event.event_type_value == DagsterEventType.STEP_FAILURE.value:
            LOGGER.error("%s: failed", event.step_key)


def _steps(_context: InitLoggerContext) -> logging.Logger:
    """Give a logger whose records go to our own and nowhere else; it is the same for every run."""
    steps = logging.getLogger("kefen_steps")
    steps.setLevel(logging.DEBUG)
    steps.propagate = False
    steps.handlers = [_Steps()]
    return steps


steps_logger = LoggerDefinition(
    _steps, description="The steps of a run, as they start and end. 运行步骤。"
)
