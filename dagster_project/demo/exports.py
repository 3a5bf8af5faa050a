"""Writing the drops of a world, night by night.

What belongs here: folders, order of writing, the truth beside the exports.
What does not: the content of files.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np

from dagster_project.demo.columns import epoch_day
from dagster_project.demo.dirt import Dirt, Planted
from dagster_project.demo.feeds import Events, draw_feeds, write_feeds
from dagster_project.demo.fxiaoke import record_ids as fxiaoke_ids
from dagster_project.demo.fxiaoke import write_fxiaoke
from dagster_project.demo.planting import plant
from dagster_project.demo.purchases import PurchaseModel
from dagster_project.demo.snapshot import Snapshot
from dagster_project.demo.world import World, WorldSize, build_world
from dagster_project.demo.zoho import customer_ids, write_zoho

FxiaokeFormat = Literal["xlsx", "jsonl"]
SUCCESS: Final = "_SUCCESS"
LAST_DATE: Final = date(2026, 11, 20)


@dataclass(frozen=True, kw_only=True)
class DemoTruth:
    """What the demo world really is, for those who compare it with what was computed."""

    first_date: date
    export_dates: tuple[date, ...]
    parameters: PurchaseModel
    counts: dict[str, int]
    planted: tuple[Planted, ...] = field(repr=False)
    overlaps: tuple[tuple[str, str], ...] = field(repr=False)
    """Record ids of one real customer: (Zoho account or contact, 纷享 account)."""


def write_demo_exports(
    out: Path,
    *,
    customers: int = 2000,
    days: int = 720,
    seed: int = 7,
    nights: int = 1,
    dirt: float = 0.02,
    fxiaoke_format: FxiaokeFormat = "xlsx",
    last_date: date = LAST_DATE,
    orders_per_customer: float | None = None,
    lines_per_order: float = 2.0,
    activities_per_customer: float = 3.0,
    progress: Callable[[str], None] | None = None,
) -> DemoTruth:
    """Write the drops of `nights` nights ending on last_date below out/{zoho,fxiaoke,feeds}.

    The same arguments give the same bytes. Nothing here reads the clock.
    """
    say = progress or (lambda _: None)
    say("drawing the world")
    size = WorldSize(
        customers=customers,
        days=days,
        seed=seed,
        nights=nights,
        last_day=epoch_day(last_date),
        orders_per_customer=orders_per_customer,
        lines_per_order=lines_per_order,
        activities_per_customer=activities_per_customer,
    )
    world = build_world(size)
    feeds = draw_feeds(world, activities_per_customer=activities_per_customer)
    world, feeds, defects = plant(world, feeds, dirt)
    for night in range(nights):
        export_date = last_date - timedelta(days=nights - 1 - night)
        say(f"writing {export_date}")
        _write_night(out, world, feeds, defects, _Night(export_date, night == 0, fxiaoke_format))
    truth = _truth(world, defects, last_date=last_date, nights=nights)
    _write_truth(out, truth)
    return truth


@dataclass(frozen=True)
class _Night:
    export_date: date
    is_first: bool
    fxiaoke_format: FxiaokeFormat


def _write_night(
    out: Path, world: World, feeds: tuple[Events, ...], dirt: Dirt, night: _Night
) -> None:
    day = epoch_day(night.export_date)

    def zoho(folder: Path) -> None:
        write_zoho(folder, Snapshot(world, world.zoho, day), dirt)

    def fxiaoke(folder: Path) -> None:
        snapshot = Snapshot(world, world.fxiaoke, day)
        write_fxiaoke(
            folder, snapshot, dirt, export_date=night.export_date, form=night.fxiaoke_format
        )

    def others(folder: Path) -> None:
        write_feeds(folder, world, feeds, day=day, first=night.is_first, dirt=dirt)

    def write(source: str, fill: Callable[[Path], None]) -> None:
        folder = _drop(out, source, night.export_date)
        fill(folder)
        (folder / SUCCESS).touch()

    # Rendering and compressing release the interpreter: two sources are written at a time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [
            pool.submit(write, source, fill)
            for source, fill in (("fxiaoke", fxiaoke), ("zoho", zoho), ("feeds", others))
        ]
        for job in jobs:
            job.result()


def _drop(out: Path, source: str, export_date: date) -> Path:
    folder = out / source / export_date.isoformat()
    if (folder / SUCCESS).exists():
        message = f"{folder} already holds a complete drop; choose an empty folder"
        raise FileExistsError(message)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _truth(world: World, defects: Dirt, *, last_date: date, nights: int) -> DemoTruth:
    parties = world.parties
    counts = {"customers": len(parties), "planted": len(defects.planted)}
    for crm in world.crms:
        for table, column in (
            ("customers", crm.customers.party),
            ("contacts", crm.contacts.person),
            ("leads", crm.leads.person),
            ("deals", crm.deals.created),
            ("orders", crm.orders.at),
            ("order_lines", crm.lines.product),
            ("activities", crm.activities.at),
        ):
            counts[f"{crm.name}_{table}"] = len(column)
        counts[f"{crm.name}_counted_orders"] = int(crm.orders.counted.sum())
    return DemoTruth(
        first_date=last_date - timedelta(days=world.last_day - world.first_day),
        export_dates=tuple(last_date - timedelta(days=n) for n in reversed(range(nights))),
        parameters=world.model,
        counts=counts,
        planted=tuple(defects.planted),
        overlaps=_overlaps(world),
    )


def _overlaps(world: World) -> tuple[tuple[str, str], ...]:
    both = np.flatnonzero(world.parties.in_zoho & world.parties.in_fxiaoke)
    rows = []
    for crm in world.crms:
        own = np.flatnonzero(crm.customers.merged_into < 0)
        row = np.zeros(len(world.parties), dtype=np.int64)
        row[crm.customers.party[own]] = own
        rows.append(row[both])
    left = customer_ids(world.zoho, world.parties.company[both], rows[0])
    right = fxiaoke_ids("accounts", rows[1])
    return tuple(zip(left.to_pylist(), right.to_pylist(), strict=True))


def _write_truth(out: Path, truth: DemoTruth) -> None:
    summary = {
        "first_date": truth.first_date.isoformat(),
        "export_dates": [day.isoformat() for day in truth.export_dates],
        "bg_nbd_and_gamma_gamma_in_days": asdict(truth.parameters),
        "counts": truth.counts,
    }
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    (out / "truth.json").write_text(text + "\n", encoding="utf-8")
    _write_rows(
        out / "planted.csv",
        ["rule_id", "source", "entity", "kind", "record_id", "field", "value"],
        (tuple(vars(row).values()) for row in truth.planted),
    )
    _write_rows(out / "overlaps.csv", ["zoho_id", "fxiaoke_id"], truth.overlaps)


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
