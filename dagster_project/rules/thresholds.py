"""Checks of the scalar thresholds: known parameters, ranges, order and sums of weights."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from dagster_project.rules.faults import Fault
from dagster_project.rules.seeds import Row, Seed
from dagster_project.settings import PROJECT_DIR

MODEL = PROJECT_DIR / "models" / "intermediate" / "config" / "int_config__thresholds.sql"
LIMITS = Path(__file__).parent / "limits.yml"
PARAMETERS = re.compile(r"set parameters = \[(.*?)\]", re.DOTALL)


class Limit(BaseModel):
    """What a threshold may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: Decimal | None = None
    most: Decimal | None = None
    is_integer: bool = False
    decimals: int = 6

    def admits(self, value: Decimal) -> bool:
        """Whether a value may be a threshold."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (not self.is_integer or value == value.to_integral_value())
            and value == round(value, self.decimals)
        )

    def __str__(self) -> str:
        """Say it for a person."""
        kind = "a whole number" if self.is_integer else f"a number ({self.decimals} decimals)"
        if self.least is not None and self.most is not None:
            return f"{kind} from {self.least} to {self.most}"
        if self.least is not None:
            return f"{kind} of at least {self.least}"
        return f"{kind} of at most {self.most}" if self.most is not None else kind


class Limits(BaseModel):
    """The whole of limits.yml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endings: dict[str, Limit]
    parameters: dict[str, Limit]
    orders: list[list[str]]
    sums: list[list[str]]

    def limit_of(self, parameter: str) -> Limit:
        """Give the limit of a parameter: its own, else that of its ending, else none."""
        by_ending = (limit for end, limit in self.endings.items() if parameter.endswith(end))
        return self.parameters.get(parameter) or next(by_ending, Limit())


@cache
def load_limits() -> Limits:
    """Read limits.yml."""
    return Limits.model_validate(yaml.safe_load(LIMITS.read_text(encoding="utf-8")))


@cache
def known_parameters() -> list[str]:
    """Read from the model which parameters the classes use."""
    listed = PARAMETERS.search(MODEL.read_text(encoding="utf-8"))
    return re.findall(r"'(\w+)'", listed[1]) if listed else []


def threshold_faults(seed: Seed) -> Iterator[Fault]:
    """Find thresholds that no model knows, that lack, or that cannot be."""
    known, limits = known_parameters(), load_limits()
    seen = {row["parameter"] for row in seed.rows}
    for parameter in known:
        if parameter not in seen:
            yield seed.fault(
                f"no row of {parameter}",
                expected="a row for every parameter that the models use",
                action="put the row back",
                at=(0, "parameter"),
            )
    for row in seed.rows:
        parameter, value = row["parameter"], Decimal(row["value"])
        if parameter not in known:
            yield seed.fault(
                repr(parameter),
                expected="a parameter that the models use (int_config__thresholds)",
                action="correct the name or delete the row",
                at=(row.line, "parameter"),
            )
        elif not limits.limit_of(parameter).admits(value):
            yield seed.fault(
                f"{row['value']} for {parameter}",
                expected=str(limits.limit_of(parameter)),
                action="correct the value",
                at=(row.line, "value"),
            )
    told: set[Fault] = set()
    for day in seed.days_of_change():
        # A fault that holds for several periods is told once.
        found = [*_order_faults(seed, day, limits), *_sum_faults(seed, day, limits)]
        yield from (fault for fault in found if fault not in told)
        told |= set(found)


def _in_force(seed: Seed, day: date, parameters: Sequence[str]) -> list[Row]:
    rows = {row["parameter"]: row for row in seed.rows_on(day)}
    return [rows[parameter] for parameter in parameters if parameter in rows]


def _order_faults(seed: Seed, day: date, limits: Limits) -> Iterator[Fault]:
    for order in limits.orders:
        for low_name, high_name in pairwise(order):
            rows = _in_force(seed, day, (low_name, high_name))
            if len(rows) == 2 and Decimal(rows[0]["value"]) > Decimal(rows[1]["value"]):  # noqa: PLR2004
                low, high = rows
                yield seed.fault(
                    f"{low['value']} for {low_name}",
                    expected=f"at most {high_name}, which is {high['value']} in line {high.line}",
                    action="correct either value",
                    at=(low.line, "value"),
                )


def _sum_faults(seed: Seed, day: date, limits: Limits) -> Iterator[Fault]:
    for parts in limits.sums:
        rows = _in_force(seed, day, parts)
        total = sum((Decimal(row["value"]) for row in rows), Decimal(0))
        if len(rows) == len(parts) and total != 1:
            newest = max(rows, key=lambda row: (row.valid_from, row.line))
            yield seed.fault(
                f"{' + '.join(parts)} = {total.normalize():f} from {newest.valid_from} on",
                expected="weights that sum to 1",
                action="correct one of the lines " + ", ".join(str(row.line) for row in rows),
                at=(newest.line, "value"),
            )
