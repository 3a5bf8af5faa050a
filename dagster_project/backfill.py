"""History of other dates than the published one: in chunks that fit into memory, each done once.

What belongs here: which dates are left, how they are cut, and what is run for each chunk. A chunk
computes what history needs and nothing else: no rules, data tests, explanations or funnels. What is
done is noted, so that a run that was killed goes on where it was.
"""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.changes.causes import tier_changes
from dagster_project.changes.pairs import neighbours, note_started
from dagster_project.ingest import views
from dagster_project.night import explain_changes, exports_of, predict
from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.context import AsOf, run_dates
from dagster_project.transform.dbt import run_dbt
from dagster_project.transform.engines import Engine, engine_of

LOGGER = logging.getLogger(__name__)

# Tables with rows of every date that the classes of a date need and nothing else.
HISTORY = (
    "customer_classification_history",
    "rfm_thresholds",
    "segment_kpis",
    "clv_parameters",
)
# Models that change with the dates of the run.
BY_DATE = "source:kefen.raw.run_context+"
# What a chunk's dbt commands have in their environment: the classes are written once, as history.
IN_CHUNKS = {"KEFEN_CLASSES_AS": "view"}
# Settings that change no row of history, or only how fast it is made.
OTHER_SETTINGS = {
    "home", "demo", "demo_customers", "publish", "backfill", "duckdb", "spark",
    "dagster", "history", "limits", "notices", "schedule",
}  # fmt: skip
CODE = ("models", "seeds", "dbt/macros")

# Runs a dbt command, given as arguments.
RunDbt = Callable[[Settings, Sequence[str]], None]


@dataclass(frozen=True)
class Computed:
    """How many dates of history were computed, and how many a killed run had done before."""

    dates: int
    skipped: int
    chunks: int


def run_chunk(settings: Settings, arguments: Sequence[str]) -> None:
    """Run a dbt command for a chunk of history. Raises DbtError with what dbt said."""
    run_dbt(settings, arguments, variables=IN_CHUNKS)


def compute_history(
    settings: Settings,
    *,
    dbt: RunDbt = run_chunk,
    clock: Callable[[], float] = time.monotonic,
    say: Callable[[str], object] = LOGGER.info,
) -> Computed:
    """Compute every date of the run but the published one, and leave the models to that one.

    Needs the judged records. Does nothing if the run has no other date. clock: seconds;
    say: where the progress is told.
    Raises DbtError if a model fails; chunks done before stay done.
    """
    engine = engine_of(settings)
    days = engine.fetch("select as_of_date, role, known from raw.run_days").to_pylist()
    wanted = sorted(day["as_of_date"] for day in days if day["role"] != "published")
    [published] = [day for day in days if day["role"] == "published"]
    if not wanted:
        _ready_for_published(settings, engine, published["as_of_date"])
        # A date that this run replaces may be one that a stopped backfill had done.
        engine.forget_done()
        return Computed(0, 0, 0)
    known = next(day["known"] for day in days if day["role"] != "published")
    exports = exports_of(engine)

    def context(dates: Sequence[date], known: date | None) -> list[AsOf]:
        beside = neighbours(settings, engine.history_dates(), dates, newest=exports.newest)
        return run_dates(
            list(dates), exports=exports, settings=settings, known=known, compared=beside.missing
        )

    mark = fingerprint(settings, known=known)
    done = engine.days_done(mark) & set(wanted)
    if done:
        say(
            f"history: {len(done)} of {len(wanted)} dates ({min(done)} … {max(done)}) are skipped: "
            "a run that was stopped did them from the same exports, rules and settings"
        )
    left = [day for day in wanted if day not in done]
    chunks = _evenly(left, at_most=_dates_at_once(engine, settings))
    started = clock()
    for number, chunk in enumerate(chunks, start=1):
        began = clock()
        engine.set_dates(context(chunk, known))
        predict(settings)
        note_started(settings, chunk)
        engine.share()
        dbt(settings, _models(is_first=number == 1))
        explain_changes(settings)
        engine.note_done(mark, chunk)
        finished = clock()
        left_seconds = (finished - started) / number * (len(chunks) - number)
        say(
            f"history: chunk {number} of {len(chunks)}, {chunk[0]} … {chunk[-1]}, "
            f"{len(chunk)} dates in {finished - began:.0f} s; about {left_seconds:.0f} s left"
        )
    engine.set_dates(context([published["as_of_date"]], published["known"]))
    _ready_for_published(settings, engine, published["as_of_date"])
    engine.share()
    # The records of the published date were judged before; the chunks left theirs in their place.
    dbt(settings, ("run", "--select", *(f"+{table},{BY_DATE},tag:records" for table in HISTORY)))
    return Computed(dates=len(left), skipped=len(done), chunks=len(chunks))


def _ready_for_published(settings: Settings, engine: Engine, day: date) -> None:
    """Hand the models of the published date the changes of tiers before it, all found by now."""
    note_started(settings, [day])
    engine.store("tier_changes", [tier_changes(settings, before=day)])


def _dates_at_once(engine: Engine, settings: Settings) -> int:
    """Give how many dates a chunk has, beside those that its first tiers look back at."""
    counted = engine.fetch(
        "select count(distinct customer_key) as customers "
        "from intermediate.int_customers__source_map"
    )
    customers = max(1, int(counted["customers"][0].as_py()))
    return max(1, settings.backfill.max_rows // customers - (settings.abc.hysteresis_days - 1))


def _evenly(days: Sequence[date], *, at_most: int) -> list[Sequence[date]]:
    """Cut the dates into as few chunks as can be, of about the same size."""
    if not days:
        return []
    size = math.ceil(len(days) / math.ceil(len(days) / at_most))
    return [days[first : first + size] for first in range(0, len(days), size)]


def _models(*, is_first: bool) -> tuple[str, ...]:
    """Give the dbt command of a chunk; the first one also makes what no date changes."""
    selected = [f"+{table},{BY_DATE}" for table in HISTORY]
    if is_first:
        selected += [f"+{table},tag:classes" for table in HISTORY]
    return ("run", "--select", *selected, "clv_parameters")


def fingerprint(settings: Settings, *, known: date | None) -> str:
    """Give a hash of all that a row of history is made from: exports, rules, models, settings."""
    facts = {
        "known": known and known.isoformat(),
        "exports": [audit.model_dump(mode="json") for audit in views.read_audits(settings, known)],
        "code": {
            str(path.relative_to(PROJECT_DIR)): _hash(path)
            for folder in CODE
            for path in sorted((PROJECT_DIR / folder).rglob("*"))
            if path.is_file()
        },
        "settings": settings.model_dump(mode="json", exclude=OTHER_SETTINGS),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
