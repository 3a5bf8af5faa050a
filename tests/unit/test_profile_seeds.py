"""Rules of the seeds that say who customers are and where: every reference exists, every code is
known and labelled, and no spelling means two things."""

import csv
from collections import defaultdict
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
import yaml

from dagster_project.settings import PROJECT_DIR

SEEDS = PROJECT_DIR / "seeds"
INDUSTRIES = {
    *("manufacturing", "services", "retail", "technology", "finance", "healthcare", "education"),
    *("government", "construction", "logistics", "other"),
}
REGIONS = {
    *("north_china", "northeast", "east_china", "central_china", "south_china", "southwest"),
    *("northwest", "hmt"),
}
TIERS = {"tier_1", "tier_new_1", "tier_2", "tier_3", "not_applicable"}
SIZES = {"large", "medium", "small", "micro"}
POWERS = {"decision_maker", "influencer", "other"}
KINDS = {"exact", "word", "contains"}
DATED = ("rules/city_tiers", "rules/company_sizes", "rules/age_bands")
LABELLED = {
    "region": REGIONS | {"unknown", "not_applicable"},
    "north_south": {"north", "south", "unknown", "not_applicable"},
    "city_tier": TIERS | {"unknown"},
    "market": {"domestic", "international", "unknown"},
    "industry": INDUSTRIES | {"unknown", "not_applicable"},
    "company_size": SIZES | {"unknown", "not_applicable"},
    "decision_power": POWERS | {"unknown", "not_applicable"},
}


def rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def values(name: str, column: str) -> list[str]:
    return [row[column] for row in rows(name)]


def folded(text: str) -> str:
    """Compare places as the macro place_text does."""
    return "".join(c for c in text.lower() if c not in " 　.,，、·-_’`()（）'")


def repeated(items: list[Any]) -> set[Any]:
    return {item for item in items if items.count(item) > 1}


def test_provinces_are_the_34_with_known_regions_and_sides() -> None:
    assert len(rows("mappings/provinces")) == 34
    assert set(values("mappings/provinces", "region")) == REGIONS
    assert set(values("mappings/provinces", "north_south")) == {"north", "south"}
    assert set(values("mappings/provinces", "market")) <= {"domestic", "international"}
    for column in ("province_code", "province", "province_short", "province_en"):
        assert repeated(values("mappings/provinces", column)) == set()


def test_the_only_city_of_a_province_is_a_city_of_it() -> None:
    cities = {(row["city"], row["province"]) for row in rows("mappings/cities")}

    for row in rows("mappings/provinces"):
        assert not row["only_city"] or (row["only_city"], row["province"]) in cities


def test_every_city_has_one_row_a_province_and_a_tier() -> None:
    cities = rows("mappings/cities")
    names = [row["city"] for row in cities]

    assert len(names) > 330
    assert repeated(names) == set()
    assert {row["province"] for row in cities} == set(values("mappings/provinces", "province"))
    assert {row["north_south"] for row in cities} == {"", "north", "south"}
    assert set(values("rules/city_tiers", "city")) == set(names)
    assert set(values("rules/city_tiers", "city_tier")) == TIERS


def test_every_county_belongs_to_a_city_of_its_province() -> None:
    cities = {(row["city"], row["province"]) for row in rows("mappings/cities")}

    assert {(row["city"], row["province"]) for row in rows("mappings/counties")} <= cities


def test_no_spelling_means_two_cities_of_one_province() -> None:
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    provinces = {row["city"]: row["province"] for row in rows("mappings/cities")}
    for row in rows("mappings/cities"):
        for spelling in (row["city"], row["city_short"], row["city_en"]):
            places[folded(spelling), row["province"]].add(row["city"])
    for row in rows("mappings/place_aliases"):
        if row["place_type"] == "city":
            places[folded(row["alias"]), provinces[row["place"]]].add(row["place"])

    assert {key: found for key, found in places.items() if len(found) > 1} == {}


def test_at_most_one_city_of_a_spelling_is_preferred() -> None:
    preferred: dict[str, list[str]] = defaultdict(list)
    for row in rows("mappings/cities"):
        if row["is_preferred"] == "true":
            preferred[folded(row["city_en"])].append(row["city"])

    assert {key: found for key, found in preferred.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("place_type", "seed", "key", "columns"),
    [
        ("province", "provinces", "province", ("province", "province_short", "province_en")),
        ("country", "countries", "country_code", ("country_code", "country_code_3", "country_en")),
    ],
)
def test_no_spelling_means_two_places(
    place_type: str, seed: str, key: str, columns: tuple[str, ...]
) -> None:
    places: dict[str, set[str]] = defaultdict(set)
    known = rows(f"mappings/{seed}")
    for row in known:
        for column in columns:
            places[folded(row[column])].add(row[key])
        # Parts of China share the name of the country.
        if place_type == "country" and not row["province"]:
            places[folded(row["country"])].add(row[key])
    for row in rows("mappings/place_aliases"):
        if row["place_type"] == place_type:
            assert row["place"] in {known_row[key] for known_row in known}
            places[folded(row["alias"])].add(row["place"])
    places.pop("", None)

    assert {text: found for text, found in places.items() if len(found) > 1} == {}


def test_parts_of_china_that_stand_as_countries_are_provinces() -> None:
    provinces = set(values("mappings/provinces", "province"))

    assert set(values("mappings/countries", "province")) - {""} <= provinces
    assert set(values("mappings/countries", "market")) == {"domestic", "international"}


@pytest.mark.parametrize(
    ("name", "column", "codes"),
    [
        ("mappings/industries", "industry", INDUSTRIES),
        ("rules/title_keywords", "decision_power", POWERS),
    ],
)
def test_keywords_are_tried_in_one_order_and_give_known_codes(
    name: str, column: str, codes: set[str]
) -> None:
    keywords = rows(name)

    assert {row[column] for row in keywords} == codes
    assert {row["match_kind"] for row in keywords} <= KINDS
    assert repeated([row["match_order"] for row in keywords]) == set()
    assert repeated([(row["keyword"].lower(), row["match_kind"]) for row in keywords]) == set()
    # They stand in a like pattern.
    assert not [row for row in keywords if set(row["keyword"]) & set("%_\\")]


def test_every_industry_has_both_measures_of_size_in_order() -> None:
    sizes = rows("rules/company_sizes")
    measured = {(row["industry"], row["measure"]) for row in sizes}

    assert measured == {
        (industry, measure)
        for industry in INDUSTRIES | {"unknown", "not_applicable"}
        for measure in ("employees", "annual_revenue")
    }
    for row in sizes:
        assert 0 < int(row["small_from"]) < int(row["medium_from"]) < int(row["large_from"])


def test_a_stated_size_is_a_number_or_a_size() -> None:
    for row in rows("mappings/company_size_texts"):
        assert bool(row["employees"]) != bool(row["company_size"]), row
        assert row["company_size"] in {"", *SIZES}
    texts = [text.strip().lower() for text in values("mappings/company_size_texts", "size_text")]
    assert repeated(texts) == set()


def test_age_bands_follow_one_another() -> None:
    bands = sorted((int(row["min_age"]), int(row["max_age"])) for row in rows("rules/age_bands"))

    assert bands[0][0] == 0
    assert all(low[1] + 1 == high[0] for low, high in pairwise(bands))


@pytest.mark.parametrize("name", DATED)
def test_periods_of_a_rule_do_not_overlap(name: str) -> None:
    periods: dict[tuple[str, ...], list[tuple[date, date]]] = defaultdict(list)
    for row in rows(name):
        key = tuple(
            row[column] for column in ("city", "industry", "measure", "age_band") if column in row
        )
        last = date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max
        periods[key].append((date.fromisoformat(row["valid_from"]), last))
    for key, found in periods.items():
        found.sort()
        assert all(a[1] < b[0] for a, b in pairwise(found)), key


@pytest.mark.parametrize("dimension", LABELLED)
def test_every_code_is_labelled(dimension: str) -> None:
    labels = rows("labels/class_labels")
    codes = [row["code"] for row in labels if row["dimension"] == dimension]

    assert repeated(codes) == set()
    assert set(codes) == LABELLED[dimension]


def test_age_bands_and_source_channels_are_labelled() -> None:
    labels = rows("labels/class_labels")
    coded = {(row["dimension"], row["code"]) for row in labels}
    groups = {row["value"] for row in rows("mappings/enum_map") if row["enum"] == "lead_source"}

    for band in [*values("rules/age_bands", "age_band"), "unknown", "not_applicable"]:
        assert ("age_band", band) in coded
    for group in groups | {"unknown"}:
        assert ("source_channel", group) in coded


def test_roles_of_contacts_give_known_codes() -> None:
    roles = {row["value"] for row in rows("mappings/enum_map") if row["enum"] == "contact_role"}

    assert roles == POWERS


def test_the_seeds_are_described() -> None:
    described = yaml.safe_load((SEEDS / "_seeds.yml").read_text(encoding="utf-8"))["seeds"]
    columns = {seed["name"]: set(seed["config"]["column_types"]) for seed in described}
    for path in SEEDS.rglob("*.csv"):
        if path.stem in columns:
            with path.open(encoding="utf-8-sig", newline="") as file:
                assert set(next(csv.reader(file))) == columns[path.stem], path.name
