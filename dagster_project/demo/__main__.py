"""Command line: python -m dagster_project.demo --out DIR."""

import argparse
import sys
from datetime import date
from pathlib import Path

from dagster_project.demo.exports import LAST_DATE, write_demo_exports


def main(arguments: list[str] | None = None) -> int:
    """Write demo exports and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.demo", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the drops")
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--days", type=int, default=720, help="length of the history")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--nights", type=int, default=1, help="successive nightly drops")
    parser.add_argument("--dirt", type=float, default=0.02, help="share of spoilt records")
    parser.add_argument("--fxiaoke-format", choices=("xlsx", "jsonl"), default="xlsx")
    parser.add_argument("--last-date", type=date.fromisoformat, default=LAST_DATE)
    parser.add_argument("--orders-per-customer", type=float, help="mean purchases of a buyer")
    parser.add_argument("--lines-per-order", type=float, default=2.0, help="0 = no order lines")
    parser.add_argument(
        "--activities-per-customer", type=float, default=3.0, help="0 = no activities, no feeds"
    )
    options = vars(parser.parse_args(arguments))
    truth = write_demo_exports(
        options.pop("out"), **options, progress=lambda text: _say(f"demo: {text}")
    )
    _say(f"demo: {truth.counts}")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
