"""Reading seeds: what `_seeds.yml` declares of them, and their rows as text with line numbers.

A folder of changed seeds lies over the shipped ones: a file of the same name replaces the whole
file. What the values mean is checked elsewhere.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from dagster_project.rules.faults import Fault
from dagster_project.settings import PROJECT_DIR

SEEDS_DIR = PROJECT_DIR / "seeds"
FIRST_DAY = date(1900, 1, 1)


class Expected(BaseModel):
    """The meta of a seed in _seeds.yml; see the comment at the top of that file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: list[str] = []
    is_gapless: bool = False
    optional: list[str] = []
    labels: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    refers: dict[str, str] = {}


@dataclass(frozen=True)
class Declared:
    """A seed as declared: its file, the type of each column, what is expected of it."""

    name: str
    path: Path
    types: dict[str, str]
    expected: Expected

    @property
    def is_dated(self) -> bool:
        """Whether its rows hold for a period."""
        return {"valid_from", "valid_to"} <= set(self.types)


@dataclass(frozen=True)
class Row:
    """One row as text; line is its first line in the file."""

    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Give the text of a column."""
        return self.values[column]

    @cached_property
    def valid_from(self) -> date:
        """First day on which the row holds."""
        return date.fromisoformat(self.values["valid_from"])

    @cached_property
    def valid_to(self) -> date:
        """Last day on which the row holds; the end of time if it is open."""
        text = self.values["valid_to"]
        return date.fromisoformat(text) if text else date.max

    def holds_on(self, day: date) -> bool:
        """Whether the row is in force; both ends of its validity are included."""
        return self.valid_from <= day <= self.valid_to


@dataclass(frozen=True)
class Seed:
    """One file with its rows. label names it in messages."""

    declared: Declared
    label: str
    columns: list[str]
    rows: list[Row]

    def fault(self, found: str, *, expected: str, action: str, at: tuple[int, str]) -> Fault:
        """Name a fault of this file at (line, column)."""
        line, column = at
        return Fault(
            file=self.label,
            line=line,
            column=column,
            found=found,
            expected=expected,
            action=action,
        )

    def days_of_change(self) -> list[date]:
        """Days on which a row begins; between them the rules stay as they are."""
        if not self.declared.is_dated:
            return [FIRST_DAY]
        return sorted({row.valid_from for row in self.rows})

    def rows_on(self, day: date) -> list[Row]:
        """Rows in force on a day."""
        return [r for r in self.rows if not self.declared.is_dated or r.holds_on(day)]


def declared_seeds(seeds_dir: Path = SEEDS_DIR) -> dict[str, Declared]:
    """Read what is declared of every seed that has a file."""
    paths = {path.stem: path for path in sorted(seeds_dir.rglob("*.csv"))}
    content = yaml.safe_load((seeds_dir / "_seeds.yml").read_text(encoding="utf-8"))
    found = {}
    for seed in content["seeds"]:
        name, config = seed["name"], seed["config"]
        found[name] = Declared(
            name=name,
            path=paths.get(name, seeds_dir / f"{name}.csv"),
            types=config["column_types"],
            expected=Expected.model_validate(config.get("meta", {})),
        )
    return found


def changed_files(rules_dir: Path) -> list[Path]:
    """List the seeds of a folder of changed rules, at any depth."""
    return sorted(path for path in rules_dir.rglob("*") if path.suffix.lower() == ".csv")


def read_seed(declared: Declared, path: Path, *, label: str) -> tuple[Seed | None, list[Fault]]:
    """Read one file; None if it is no table of the declared columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return None, [
            Fault(
                file=label,
                found="bytes that are not UTF-8",
                expected="a CSV file in UTF-8",
                action="save it as 'CSV UTF-8'",
            )
        ]
    except OSError as error:
        return None, [
            Fault(
                file=label,
                found=error.strerror or str(error),
                expected="a CSV file",
                action="put it back from the repository",
            )
        ]
    lines = text.splitlines(keepends=True)
    columns = next(csv.reader(lines), [])
    header_faults = _header_faults(declared, columns, label=label)
    if header_faults:
        return None, header_faults
    seed = Seed(declared, label, columns, list(_rows(lines, columns)))
    return seed, [
        seed.fault(
            f"{len(row.values)} cells",
            expected=f"{len(columns)}, as the header has",
            action="put texts with commas in double quotes",
            at=(row.line, ""),
        )
        for row in seed.rows
        if len(row.values) != len(columns)
    ]


def _rows(lines: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(lines)
    next(reader, None)
    line = reader.line_num + 1
    for cells in reader:
        if cells:
            extra = [f"(cell {n + 1})" for n in range(len(columns), len(cells))]
            yield Row(line, dict(zip([*columns, *extra], cells, strict=False)))
        line = reader.line_num + 1


def _header_faults(declared: Declared, columns: list[str], *, label: str) -> list[Fault]:
    if sorted(columns) == sorted(declared.types):
        return []
    return [
        Fault(
            file=label,
            line=1,
            found=f"the columns {','.join(columns)}",
            expected=",".join(declared.types),
            action="take the header of the shipped file",
        )
    ]
