"""Recognising a file by its columns and mapping its headers to the contract.

What belongs here: the built-in maps of a format, a source's own maps on top, and the decision
what kind a file is. What does not: reading files, values of cells.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import yaml
from pydantic import BaseModel, ConfigDict
from rapidfuzz import fuzz, process

from dagster_project.ingest.contract import Entity, entity_by_kind, other_entity
from dagster_project.ingest.drops import chunk_base, date_in_name
from dagster_project.ingest.errors import MissingColumnsError
from dagster_project.settings import HeaderMap, Source

MAPS_DIR = Path(__file__).parent / "header_maps"
# A kind that is recognised only to keep it from being taken for another one.
OTHER = "other:"
# A candidate this close to the best is a tie, which the file name decides.
TIE_SHARE = 0.75
# Less evidence than this is no recognition unless the file name agrees.
LEAST_SHARE = 0.3
LEAST_LABELS = 2
NEAR_SCORE = 60
NEAREST = 3
# The label of an API value stands beside it under the same key with this suffix.
LABEL_SUFFIX = "__r"


class Conventions(BaseModel):
    """How a format writes ids, blanks and headers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id_prefixes: tuple[str, ...] = ()
    null_texts: tuple[str, ...] = ()
    null_ids: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    stem_noise: tuple[str, ...] = ()
    template_words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Format:
    """Conventions and maps that apply to one source."""

    conventions: Conventions
    maps: tuple[HeaderMap, ...]

    @cached_property
    def labels(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Comparable spellings by kind and field."""
        return {
            header_map.kind: {
                field: tuple(normalised(label, self.conventions) for label in labels)
                for field, labels in header_map.columns.items()
            }
            for header_map in self.maps
        }

    @cached_property
    def rarity(self) -> dict[str, float]:
        """Weigh a label by how few kinds know it: `Email` says little, `Lead Owner` much."""
        counts = Counter(
            form
            for fields in self.labels.values()
            for form in {form for labels in fields.values() for form in labels}
        )
        return {form: 1 / count for form, count in counts.items()}


@dataclass(frozen=True)
class Mapping:
    """How the columns of one file become the fields of its entity."""

    kind: str
    entity: Entity
    columns: dict[str, tuple[int, ...]]
    constants: dict[str, str]
    id_fields: tuple[str, ...] | None
    headers: tuple[str, ...]
    unknown: tuple[int, ...]


@cache
def _built_in(name: str) -> Format:
    path = MAPS_DIR / f"{name}.yml"
    if not path.exists():
        return Format(Conventions(), ())
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    maps = tuple(HeaderMap.model_validate(body) for body in content["maps"])
    found = Format(Conventions.model_validate(content.get("conventions", {})), maps)
    _check(found, str(path))
    return found


def _check(found: Format, where: str) -> None:
    for header_map in found.maps:
        entity = entity_by_kind().get(header_map.kind)
        if entity is None:
            if header_map.kind.startswith(OTHER):
                continue
            raise ValueError(
                f"{where}: kind {header_map.kind!r} is not in the contract; use one of "
                f"{', '.join(sorted(entity_by_kind()))} or other:<name>"
            )
        ids = [] if header_map.id == "row" else header_map.id
        named = {*header_map.columns, *header_map.constants, *ids}
        named |= {field for rule in header_map.required for field in rule.split("|")}
        if header_map.id == ["id"] and "id" not in entity.fields:
            named.discard("id")
        if unknown := named - set(entity.fields):
            raise ValueError(
                f"{where}: {header_map.kind} maps fields that {entity.name} does not have: "
                f"{', '.join(sorted(unknown))}"
            )


def format_of(source: Source) -> Format:
    """Give the maps of a source: its own first; same kind = its columns go before the built-in."""
    built_in = _built_in(source.format)
    _check(Format(built_in.conventions, tuple(source.header_maps)), "header_maps of the source")
    base = {header_map.kind: header_map for header_map in built_in.maps}
    own = {own.kind: _merged(base.get(own.kind), own) for own in source.header_maps}
    return Format(
        built_in.conventions,
        tuple(
            (
                own | {kind: header_map for kind, header_map in base.items() if kind not in own}
            ).values()
        ),
    )


def _merged(base: HeaderMap | None, own: HeaderMap) -> HeaderMap:
    if base is None:
        return own
    given = own.model_fields_set
    taken = {label for labels in own.columns.values() for label in labels}
    columns = {
        field: [
            *own.columns.get(field, []),
            *(label for label in base.columns.get(field, []) if label not in taken),
        ]
        for field in {**own.columns, **base.columns}
    }
    return HeaderMap(
        kind=own.kind,
        stems=[*own.stems, *base.stems],
        required=own.required if "required" in given else base.required,
        id=own.id if "id" in given else base.id,
        columns=columns,
        constants=base.constants | own.constants,
        ignore=[*own.ignore, *base.ignore],
    )


def fingerprint(source: Source, kind: str, *, business_time_zone: str, version: str) -> str:
    """Name everything but the file that decides what a landed row looks like."""
    found = format_of(source)
    maps = [m for m in found.maps if m.kind == kind] or list(found.maps)
    entity = entity_by_kind().get(kind)
    facts = {
        "version": version,
        "business_time_zone": business_time_zone,
        "conventions": found.conventions.model_dump(mode="json")
        | {"template_words": sorted(found.conventions.template_words)},
        "maps": [m.model_dump(mode="json") for m in maps],
        "fields": entity.fields if entity else None,
        "source": source.model_dump(
            mode="json",
            include={"time_zone", "date_order", "date_orders", "delimiter", "encoding"},
        ),
    }
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def normalised(header: str, conventions: Conventions) -> str:
    """Bring a header to the form in which spellings are compared."""
    text = unicodedata.normalize("NFC", header).replace("\ufeff", "")
    for noise in conventions.strip:
        text = text.replace(noise, "")
    return re.sub(r"\s+", " ", text).strip().casefold()


def stem_of(name: str, conventions: Conventions) -> str:
    """Reduce a file name to what it says about the kind: no dates, chunk numbers or noise."""
    stem = PurePosixPath(name.split("#", maxsplit=1)[0]).stem
    for pattern in conventions.stem_noise:
        stem = re.sub(pattern, "", stem)
    stem = chunk_base(stem)
    while date_in_name(stem):
        shorter = re.sub(r"[-_. ]*(19|20)\d{2}([-_.]?)\d{2}\2\d{2}\d*", "", stem, count=1)
        if shorter == stem:
            break
        stem = shorter
    return chunk_base(stem).strip(" _-.").casefold()


@dataclass(frozen=True)
class _Candidate:
    header_map: HeaderMap
    columns: dict[str, tuple[int, ...]]
    score: float
    share: float
    missing: list[str]
    named: bool


def recognise(headers: tuple[str, ...], *, name: str, sheet: str | None, found: Format) -> Mapping:
    """Decide what a file is and how its columns map; raises MissingColumnsError.

    A file no map fits becomes `other:<stem>` with its own columns.
    """
    forms = [normalised(header, found.conventions) for header in headers]
    stems = {stem_of(name, found.conventions), (sheet or "").strip().casefold()} - {""}
    candidates = [_candidate(m, forms, stems, found) for m in found.maps]
    chosen = _choose(candidates)
    if chosen is None:
        _raise_if_named(candidates, headers, name)
        return _other(stem_of(name, found.conventions), headers, forms, found)
    header_map = chosen.header_map
    if header_map.kind.startswith(OTHER):
        return _other(header_map.kind.removeprefix(OTHER), headers, forms, found)
    if chosen.missing:
        _raise_missing(chosen, headers, name)
    entity = entity_by_kind()[header_map.kind]
    used = {i for indexes in chosen.columns.values() for i in indexes}
    ignored = {normalised(h, found.conventions) for h in header_map.ignore} | {
        normalised(h, found.conventions) for h in found.conventions.ignore
    }
    unknown = tuple(i for i, form in enumerate(forms) if i not in used and form not in ignored)
    return Mapping(
        kind=header_map.kind,
        entity=entity,
        columns=chosen.columns,
        constants=header_map.constants,
        id_fields=_id_fields(header_map, entity),
        headers=headers,
        unknown=unknown,
    )


def _id_fields(header_map: HeaderMap, entity: Entity) -> tuple[str, ...] | None:
    if header_map.id == "row" or (header_map.id == ["id"] and "id" not in entity.fields):
        return None
    return tuple(header_map.id)


def _candidate(
    header_map: HeaderMap, forms: list[str], stems: set[str], found: Format
) -> _Candidate:
    places: dict[str, list[int]] = {}
    for i, form in enumerate(forms):
        places.setdefault(form, []).append(i)
    columns: dict[str, tuple[int, ...]] = {}
    labels = found.labels[header_map.kind]
    listed = {form for spellings in labels.values() for form in spellings}
    labels_found: set[str] = set()
    for field, spellings in labels.items():
        indexes: list[int] = []
        for form in spellings:
            if form not in places:
                continue
            labels_found.add(form)
            beside = form + LABEL_SUFFIX
            if beside not in listed:
                indexes += places.get(beside, [])
            indexes += places[form]
        if indexes:
            columns[field] = tuple(dict.fromkeys(indexes))
    present = {*columns, *header_map.constants}
    missing = [rule for rule in header_map.required if not present & set(rule.split("|"))]
    filled = sum(1 for form in forms if form)
    return _Candidate(
        header_map=header_map,
        columns=columns,
        score=sum(found.rarity[form] for form in labels_found),
        share=len(labels_found) / filled if filled else 0.0,
        missing=missing,
        named=_is_named(header_map, stems),
    )


def _is_named(header_map: HeaderMap, stems: set[str]) -> bool:
    wanted = {stem.casefold() for stem in header_map.stems}
    return any(
        stem in wanted or any(stem.startswith(f"{want}_") for want in wanted) for stem in stems
    )


def _choose(candidates: list[_Candidate]) -> _Candidate | None:
    """Best by columns; near ties are decided by the file name; required columns must be there."""
    likely = [
        c
        for c in candidates
        if len(c.columns) >= min(LEAST_LABELS, len(c.header_map.columns))
        and (c.share >= LEAST_SHARE or c.named)
    ]
    likely.sort(key=lambda c: -c.score)
    if not likely:
        return None
    best = likely[0].score
    tied = [c for c in likely if c.score >= TIE_SHARE * best]
    for group in ([c for c in tied if c.named], [c for c in tied if not c.missing]):
        if group:
            return group[0]
    return next((c for c in likely if not c.missing), None)


def _raise_if_named(candidates: list[_Candidate], headers: tuple[str, ...], name: str) -> None:
    named = [c for c in candidates if c.named and c.missing]
    if named:
        _raise_missing(max(named, key=lambda c: c.score), headers, name)


def _raise_missing(candidate: _Candidate, headers: tuple[str, ...], name: str) -> None:
    header_map = candidate.header_map
    labels = [
        label
        for rule in candidate.missing
        for field in rule.split("|")
        for label in header_map.columns.get(field, [field])
    ]
    given = [header for header in headers if header.strip()]
    mapped = {i for indexes in candidate.columns.values() for i in indexes}
    free = [header for i, header in enumerate(headers) if header.strip() and i not in mapped]
    ranked: dict[str, float] = {}
    for label in labels:
        for text, score, _ in process.extract(
            label, free or given, scorer=fuzz.WRatio, limit=NEAREST, score_cutoff=NEAR_SCORE
        ):
            ranked[text] = max(score, ranked.get(text, 0))
    nearest = sorted(ranked, key=lambda text: -ranked[text])[:NEAREST]
    wanted = " and ".join(
        " or ".join(repr((header_map.columns.get(field) or [field])[0]) for field in r.split("|"))
        for r in candidate.missing
    )
    raise MissingColumnsError(
        f"{name}: a file of {header_map.kind} needs the column {wanted}; found "
        f"{len(given)} columns, nearest: {', '.join(nearest) or 'none'}; add the column to the "
        f"export, or its header to header_maps of the source",
        kind=header_map.kind,
        missing=candidate.missing,
        nearest=nearest,
    )


def kind_by_name(name: str, found: Format) -> str:
    """Guess the kind of a file that could not be opened, from its name alone."""
    stem = stem_of(name, found.conventions)
    for header_map in found.maps:
        if _is_named(header_map, {stem}):
            return header_map.kind
    return f"{OTHER}{stem}"


def _other(stem: str, headers: tuple[str, ...], forms: list[str], found: Format) -> Mapping:
    ignored = {normalised(h, found.conventions) for h in found.conventions.ignore}
    columns: dict[str, tuple[int, ...]] = {}
    for i, form in enumerate(forms):
        if form in ignored:
            continue
        # SQL ends at a zero byte.
        column = headers[i].replace("\0", "") or f"column_{i + 1}"
        if column.casefold() in {c.casefold() for c in columns} or column.startswith("_"):
            column = f"{column}_{i + 1}".lstrip("_")
        columns[column] = (i,)
    return Mapping(
        kind=f"{OTHER}{stem}",
        entity=other_entity(tuple(columns)),
        columns=columns,
        constants={},
        id_fields=None,
        headers=headers,
        unknown=(),
    )
