"""The input contract (contract.yml) as values: entities, their kinds and typed fields."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import yaml

FieldType = Literal["id", "text", "number", "bool", "date", "datetime"]

CONTRACT_FILE = Path(__file__).with_name("contract.yml")

# Columns every raw row carries beside the fields of its entity, with their types.
TECHNICAL_COLUMNS: dict[str, str] = {
    "_source": "VARCHAR",
    "_kind": "VARCHAR",
    "_export_date": "DATE",
    "_revision": "INTEGER",
    "_file": "VARCHAR",
    "_row_number": "BIGINT",
    "_record_id": "VARCHAR",
    "_content_hash": "VARCHAR",
    "_is_deleted": "BOOLEAN",
    "_duplicate_of_row": "BIGINT",
    "_row_error": "VARCHAR",
    "_row_text": "VARCHAR",
    "_extra": "VARCHAR",
}


@dataclass(frozen=True)
class Entity:
    """One staging model's input: the kinds of file that feed it and its fields."""

    name: str
    kinds: tuple[str, ...]
    fields: dict[str, FieldType]

    @property
    def columns(self) -> dict[str, str]:
        """Every column of the entity's raw files, in order, with its DuckDB type."""
        return dict.fromkeys(self.fields, "VARCHAR") | TECHNICAL_COLUMNS


@cache
def load_contract() -> dict[str, Entity]:
    """Entities by name, in the order of contract.yml."""
    content = yaml.safe_load(CONTRACT_FILE.read_text(encoding="utf-8"))
    entities = {}
    for name, body in content.items():
        fields = {field: cast("FieldType", kind) for field, kind in body["fields"].items()}
        unknown = {kind for kind in fields.values() if kind not in get_args(FieldType)}
        if unknown:
            raise ValueError(f"{CONTRACT_FILE}: {name} has fields of unknown types {unknown}")
        entities[name] = Entity(name=name, kinds=tuple(body["kinds"]), fields=fields)
    return entities


@cache
def entity_by_kind() -> dict[str, Entity]:
    """Give the entity each kind of file belongs to."""
    return {kind: entity for entity in load_contract().values() for kind in entity.kinds}


def other_entity(columns: tuple[str, ...] = ()) -> Entity:
    """Make the entity of a file no header map knows: its own columns, all text."""
    return Entity(name="other", kinds=(), fields=dict.fromkeys(columns, "text"))
