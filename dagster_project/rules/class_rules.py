"""Checks of the seeds that have a shape of their own: labels, enums, segments, sizes, tags."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from dagster_project.rules.faults import Fault
from dagster_project.rules.seeds import Row, Seed

CODES = Path(__file__).parent / "codes.yml"
SHOWN = 5


class OfDimension(BaseModel):
    """The codes of a dimension of class_labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: str


class KnownCodes(BaseModel):
    """The whole of codes.yml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_codes: dict[str, list[str]]
    enums: dict[str, list[str] | OfDimension | Literal["any"]]
    crm_formats: list[str]
    tag_dimensions: dict[str, list[str]]
    segment_bins: dict[str, int]


@cache
def load_codes() -> KnownCodes:
    """Read codes.yml."""
    return KnownCodes.model_validate(yaml.safe_load(CODES.read_text(encoding="utf-8")))


def labelled_codes(labels: Seed | None) -> dict[str, set[str]]:
    """Give the codes with labels by dimension, and those that label_faults finds missing."""
    found = {dimension: set(codes) for dimension, codes in load_codes().class_codes.items()}
    for row in labels.rows if labels else []:
        found.setdefault(row["dimension"], set()).add(row["code"])
    return found


def label_faults(labels: Seed) -> Iterator[Fault]:
    """Codes that the models give and class_labels lacks."""
    present = {(row["dimension"], row["code"]) for row in labels.rows}
    for dimension, codes in load_codes().class_codes.items():
        for code in codes:
            if (dimension, code) not in present:
                yield labels.fault(
                    f"no row of dimension {dimension}, code {code}",
                    expected="a Chinese and an English label of every class",
                    action="add the row",
                    at=(0, "code"),
                )


def enum_faults(seed: Seed, *, labelled: Mapping[str, set[str]]) -> Iterator[Fault]:
    """Enums that no model reads, and what their values may not mean."""
    codes = load_codes()
    for row in seed.rows:
        if row["crm_format"] not in codes.crm_formats:
            yield seed.fault(
                repr(row["crm_format"]),
                expected="one of " + ", ".join(codes.crm_formats),
                action="correct the format",
                at=(row.line, "crm_format"),
            )
        if row["enum"] not in codes.enums:
            yield seed.fault(
                repr(row["enum"]),
                expected="one of " + ", ".join(sorted(codes.enums)),
                action="correct the name",
                at=(row.line, "enum"),
            )
            continue
        allowed = codes.enums[row["enum"]]
        if allowed == "any":
            continue
        known = labelled[allowed.dimension] if isinstance(allowed, OfDimension) else allowed
        if row["value"] not in known:
            yield seed.fault(
                f"{row['value']!r} as {row['enum']}",
                expected="one of " + ", ".join(sorted(known)),
                action="correct the value",
                at=(row.line, "value"),
            )


def segment_faults(seed: Seed, *, bins: int) -> Iterator[Fault]:
    """Ranges the wrong way round or outside the scores, and scores that no rule covers."""
    presets = {row["preset"] for row in seed.rows} | set(load_codes().segment_bins)
    broken: set[str] = set()
    for row in seed.rows:
        top = load_codes().segment_bins.get(row["preset"], bins)
        for measure in ("r", "f", "m"):
            low, high = int(row[f"{measure}_min"]), int(row[f"{measure}_max"])
            if not 1 <= low <= high <= top:
                broken.add(row["preset"])
                yield seed.fault(
                    f"{measure}_min {low} and {measure}_max {high} in preset {row['preset']}",
                    expected=f"1 <= min <= max <= {top}",
                    action="correct the range",
                    at=(row.line, f"{measure}_min"),
                )
    for preset in sorted(presets - broken):
        top = load_codes().segment_bins.get(preset, bins)
        yield from _first_fault(
            _coverage_fault(seed, seed.rows_on(day), preset, top) for day in seed.days_of_change()
        )


def _coverage_fault(seed: Seed, rows: Iterable[Row], preset: str, top: int) -> Fault | None:
    ranges = [
        tuple(range(int(row[f"{m}_min"]), int(row[f"{m}_max"]) + 1) for m in ("r", "f", "m"))
        for row in rows
        if row["preset"] == preset
    ]
    scores = range(1, top + 1)
    open_codes = [
        f"{r}{f}{m}"
        for r, f, m in product(scores, scores, scores)
        if not any(r in rs and f in fs and m in ms for rs, fs, ms in ranges)
    ]
    if not open_codes:
        return None
    named = ", ".join(open_codes[:SHOWN]) + (" …" if len(open_codes) > SHOWN else "")
    return seed.fault(
        f"no rule for {len(open_codes)} codes of preset {preset}: {named}",
        expected="a rule for every code",
        action="add a last rule that covers them",
        at=(0, "preset"),
    )


def _first_fault(faults: Iterable[Fault | None]) -> Iterator[Fault]:
    found = next((fault for fault in faults if fault), None)
    if found:
        yield found


def rfm_class_faults(seed: Seed) -> Iterator[Fault]:
    """Find combinations of high and low that have no class."""
    columns = ("is_recent", "is_frequent", "is_high_value")
    present = {tuple(row[column] for column in columns) for row in seed.rows}
    for combination in product(("true", "false"), repeat=3):
        if combination not in present:
            named = zip(columns, combination, strict=True)
            yield seed.fault(
                "no row of " + ", ".join(f"{column} {value}" for column, value in named),
                expected="one class for each of the eight combinations",
                action="put the row back",
                at=(0, "rfm_class"),
            )


def size_faults(seed: Seed, *, labelled: Mapping[str, set[str]]) -> Iterator[Fault]:
    """Sizes that do not rise, and industries without a measure."""
    for row in seed.rows:
        small, medium, large = (int(row[f"{size}_from"]) for size in ("small", "medium", "large"))
        if not 0 < small < medium < large:
            yield seed.fault(
                f"{small}, {medium}, {large}",
                expected="0 < small_from < medium_from < large_from",
                action="correct the values",
                at=(row.line, "small_from"),
            )
    present = {(row["industry"], row["measure"]) for row in seed.rows}
    for industry, measure in product(sorted(labelled["industry"]), ("employees", "annual_revenue")):
        if (industry, measure) not in present:
            yield seed.fault(
                f"no row of {industry} by {measure}",
                expected="both measures for every industry",
                action="add the row",
                at=(0, "industry"),
            )


def age_faults(seed: Seed) -> Iterator[Fault]:
    """Age bands that overlap, leave an age out or do not begin at 0."""
    yield from _first_fault(_age_fault(seed, day) for day in seed.days_of_change())


def _age_fault(seed: Seed, day: date) -> Fault | None:
    rows = sorted(seed.rows_on(day), key=lambda row: int(row["min_age"]))
    expected = 0
    for row in rows:
        if int(row["min_age"]) != expected or int(row["max_age"]) < expected:
            return seed.fault(
                f"{row['min_age']} to {row['max_age']} for {row['age_band']}",
                expected=f"a band that begins at {expected}, the age after the band before",
                action="correct the ages",
                at=(row.line, "min_age"),
            )
        expected = int(row["max_age"]) + 1
    return None


def tag_faults(seed: Seed, *, labelled: Mapping[str, set[str]]) -> Iterator[Fault]:
    """Tags that follow from a class that does not exist."""
    known = {**labelled, **{d: set(codes) for d, codes in load_codes().tag_dimensions.items()}}
    for row in seed.rows:
        if row["code"] not in known.get(row["dimension"], set()):
            yield seed.fault(
                f"{row['dimension']} {row['code']}",
                expected="a dimension and one of its codes",
                action="correct either",
                at=(row.line, "code"),
            )


def policy_faults(seed: Seed) -> Iterator[Fault]:
    """Tiers without a policy, and intervals that are none."""
    present = {row["abc_tier"] for row in seed.rows}
    for tier in load_codes().class_codes["abc_tier"]:
        if tier not in present:
            yield seed.fault(
                f"no row of tier {tier}",
                expected="a policy for every tier; not_applicable = prospects",
                action="add the row",
                at=(0, "abc_tier"),
            )
    for row, column in product(seed.rows, ("revisit_interval_days", "response_hours")):
        if int(row[column]) < 1:
            yield seed.fault(
                row[column],
                expected="at least 1",
                action="correct the value",
                at=(row.line, column),
            )


def weight_faults(seed: Seed) -> Iterator[Fault]:
    """Weights below zero."""
    for row in seed.rows:
        if float(row["weight"]) < 0:
            yield seed.fault(
                row["weight"],
                expected="0 or more",
                action="correct the weight",
                at=(row.line, "weight"),
            )


def next_step_faults(seed: Seed) -> Iterator[Fault]:
    """Prospects for whom nothing is to be done."""
    for stage, intent in product(("first_contact", "intent"), ("high", "medium", "low")):
        held = [r for r in seed.rows if (r["prospect_stage"], r["intent_class"]) == (stage, intent)]
        if not held:
            yield seed.fault(
                f"no row of {stage} with intent {intent}",
                expected="a next step for every stage and intent",
                action="add the row",
                at=(0, "prospect_stage"),
            )


def stage_faults(seed: Seed) -> Iterator[Fault]:
    """Funnel stages out of order, or whose next is not the next."""
    rows = sorted(seed.rows, key=lambda row: int(row["stage_order"]))
    for number, row in enumerate(rows, start=1):
        if int(row["stage_order"]) != number:
            yield seed.fault(
                row["stage_order"],
                expected=f"{number}: stages count from 1",
                action="correct the order",
                at=(row.line, "stage_order"),
            )
    for row, following in pairwise(rows):
        if row["next_stage"] != following["stage"]:
            yield seed.fault(
                repr(row["next_stage"]),
                expected=f"{following['stage']}, the stage after it",
                action="correct the next stage",
                at=(row.line, "next_stage"),
            )


def cut_point_faults(seed: Seed, *, bins: int) -> Iterator[Fault]:
    """Find fixed cut points that do not rise, or are not one less than the bins."""
    for measure in sorted({row["measure"] for row in seed.rows}):
        for day in seed.days_of_change():
            rows = [row for row in seed.rows_on(day) if row["measure"] == measure]
            rows.sort(key=lambda row: int(row["cut_number"]))
            if rows and [int(row["cut_number"]) for row in rows] != list(range(1, bins)):
                yield seed.fault(
                    f"{len(rows)} cut points of {measure} on {day}",
                    expected=f"the cut points 1 to {bins - 1} of {bins} bins",
                    action="add or delete rows",
                    at=(rows[0].line, "cut_number"),
                )
                break
            falling = [
                b for a, b in pairwise(rows) if float(b["cut_point"]) < float(a["cut_point"])
            ]
            if falling:
                yield seed.fault(
                    f"{falling[0]['cut_point']} for {measure}",
                    expected="no less than the cut point before",
                    action="correct the value",
                    at=(falling[0].line, "cut_point"),
                )
                break
