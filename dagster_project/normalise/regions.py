"""The ISO region that the country text of a record means, by the seeds of places.

The models have the same reading in int_profiles__places; numbers are read before there are models.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from dagster_project.rules.seeds import SEEDS_DIR

# As the macro place_text compares places.
_LEFT_OUT = dict.fromkeys(map(ord, " 　.,，、·-_’`()（）'"))


def region_key(text: str) -> str:
    """Give what a country is compared by: lower case, without blanks and marks."""
    return text.lower().translate(_LEFT_OUT)


def regions_by_key(seeds_dir: Path = SEEDS_DIR) -> dict[str, str]:
    """Map every spelling of a country to its ISO code."""
    found: dict[str, str] = {}
    for spelling, code in sorted(_spellings(seeds_dir / "mappings"), key=lambda pair: pair[1]):
        if key := region_key(spelling):
            found.setdefault(key, code)
    return found


def _spellings(folder: Path) -> Iterator[tuple[str, str]]:
    for row in _rows(folder / "countries.csv"):
        names = ["country_code", "country_code_3", "country_en"]
        # 香港, 澳门 and 台湾 bear the name of the country there.
        names += [] if row["province"] else ["country"]
        yield from ((row[name], row["country_code"]) for name in names)
    for row in _rows(folder / "place_aliases.csv"):
        if row["place_type"] == "country":
            yield row["alias"], row["place"]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
