"""The command line: run, backfill, preview, diff, explain, fixlist, dev.

Runs are the daemon's Dagster jobs.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.logging import RichHandler
from rich.markdown import Markdown

from dagster_project.instance import prepare_instance
from dagster_project.lock import NightIsRunningError
from dagster_project.report.explain import NoCustomerError, card_table, read_card
from dagster_project.report.fix_lists import NoOwnerError, preview_table, write_fix_list
from dagster_project.report.run_diff import NoRunError, diff_runs
from dagster_project.rules.faults import RulesError
from dagster_project.rules.overlay import PreviewError
from dagster_project.settings import PROJECT_DIR, Settings, SettingsError, load_settings

LOGGER = logging.getLogger("dagster_project")

# Tables of a summary are cut short on a narrower console.
MIN_WIDTH = 110


def main(arguments: Sequence[str]) -> int:
    """Run a command; 0 = done, 1 = failed with a message, 2 = wrong usage."""
    options = _parser().parse_args(arguments)
    _log_to_console()
    try:
        settings = load_settings()
        prepare_instance(settings)
    except SettingsError as error:
        LOGGER.error("%s", error)  # noqa: TRY400
        return 1
    if options.command == "dev":
        _dev(options.host)
    readers = {"preview": _preview, "diff": _diff, "explain": _explain, "fixlist": _fixlist}
    if options.command in readers:
        return readers[options.command](settings, options)
    return _run(settings, options)


def _log_to_console() -> None:
    """Show our own progress, and only warnings of the libraries.

    A log file gets whole lines: a path broken in two can neither be searched for nor copied.
    """
    console = Console(stderr=True)
    handler: logging.Handler
    if console.is_terminal:
        handler, form = RichHandler(console=console, show_path=False), "%(message)s"
    else:
        handler, form = logging.StreamHandler(), "%(asctime)s %(levelname)s %(message)s"
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name.startswith(LOGGER.name)
    )
    logging.basicConfig(level=logging.WARNING, format=form, datefmt="%H:%M:%S", handlers=[handler])
    LOGGER.setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kefen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="the nightly job for the newest drop or a past date")
    run.add_argument("--as-of", type=date.fromisoformat, help="YYYY-MM-DD")
    run.add_argument("--known", type=date.fromisoformat, help="YYYY-MM-DD")
    backfill = commands.add_parser("backfill", help="history for a range of dates, in one run")
    backfill.add_argument("--from", dest="first", type=date.fromisoformat, required=True)
    backfill.add_argument("--to", dest="last", type=date.fromisoformat, required=True)
    backfill.add_argument("--known", type=date.fromisoformat)
    preview = commands.add_parser("preview", help="who would move if the rules changed")
    preview.add_argument("--rules", type=Path, required=True, help="folder of changed seeds")
    preview.add_argument("--on", type=date.fromisoformat, help="by the rules in force on that day")
    diff = commands.add_parser("diff", help="what differs between two published runs")
    diff.add_argument("--a", required=True, help="name of a run folder, or current")
    diff.add_argument("--b", required=True, help="name of a run folder, or current")
    explain = commands.add_parser("explain", help="one customer's classes, and why")
    explain.add_argument("--customer", required=True, help="key or name")
    explain.add_argument("--labels", choices=("zh", "en", "both"), default="both")
    fixlist = commands.add_parser("fixlist", help="what one owner should correct in the CRM")
    fixlist.add_argument("--owner", required=True, help="key or name")
    dev = commands.add_parser("dev", help="the Dagster UI with schedule and sensor")
    dev.add_argument("--host", default="127.0.0.1", help="address that it listens on")
    return parser


def _dev(host: str) -> NoReturn:
    """Become Dagster's own command, so that what stops this process stops its children too."""
    dagster = str(Path(sys.executable).parent / "dagster")
    os.chdir(PROJECT_DIR)
    os.execv(  # noqa: S606 - no shell
        dagster, [dagster, "dev", "-m", "dagster_project.definitions", "--host", host]
    )


def _run(settings: Settings, options: argparse.Namespace) -> int:
    # Dagster takes a second to import, which a wrong setting need not wait for.
    from dagster_project.defs.run import NightFailedError, run_job  # noqa: PLC0415
    from dagster_project.night import run_id_of  # noqa: PLC0415

    started_at = datetime.now(UTC)
    is_backfill = options.command == "backfill"
    settings.report_dir.mkdir(parents=True, exist_ok=True)
    log = settings.report_dir / f"{run_id_of(started_at)}.log"
    try:
        with log.open("w", encoding="utf-8") as stream, redirect_stdout(stream):
            summary = run_job(
                settings,
                job_name="backfill" if is_backfill else "nightly",
                started_at=started_at,
                as_of=None if is_backfill else options.as_of,
                known=options.known,
                date_range=(options.first, options.last) if is_backfill else None,
            )
    except NightFailedError as error:
        LOGGER.error("%s\nthe whole log: %s", error, log)  # noqa: TRY400
        return 1
    _show(summary)
    return 0


def _preview(settings: Settings, options: argparse.Namespace) -> int:
    from dagster_project.rules.preview import preview  # noqa: PLC0415 - as slow to import

    try:
        found = preview(settings, options.rules, now=datetime.now(UTC), on=options.on)
    except (RulesError, PreviewError, NightIsRunningError) as error:
        LOGGER.error("%s", error)  # noqa: TRY400
        return 1
    _show(found.summary)
    return 0


def _diff(settings: Settings, options: argparse.Namespace) -> int:
    try:
        found = diff_runs(settings, options.a, options.b)
    except NoRunError as error:
        LOGGER.error("%s", error)  # noqa: TRY400
        return 1
    _show(found.summary)
    return 0


def _explain(settings: Settings, options: argparse.Namespace) -> int:
    try:
        card = read_card(settings, options.customer)
    except NoCustomerError as error:
        LOGGER.error("%s", error)  # noqa: TRY400
        return 1
    console = Console()
    console.width = max(console.width, MIN_WIDTH)
    console.print(card_table(card, labels=options.labels))
    return 0


def _fixlist(settings: Settings, options: argparse.Namespace) -> int:
    try:
        done = write_fix_list(settings, options.owner)
    except NoOwnerError as error:
        LOGGER.error("%s", error)  # noqa: TRY400
        return 1
    if done.path is None:
        LOGGER.info("%s has nothing to correct", done.owner.label)
        return 0
    console = Console()
    console.width = max(console.width, MIN_WIDTH)
    console.print(preview_table(done))
    # Whole, to be copied.
    console.print(str(done.path), soft_wrap=True, highlight=False, markup=False)
    return 0


def _show(summary: str) -> None:
    console = Console()
    console.width = max(console.width, MIN_WIDTH)
    console.print(Markdown(summary))
