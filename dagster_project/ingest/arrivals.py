"""Watching the exports folder: which drops are whole and not landed yet.

What belongs here: comparing two looks at a folder, and a look with the manifest.
What does not: landing, and who looks how often.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from dagster_project.ingest.drops import SETTLED_AFTER, Drop, find_drops
from dagster_project.ingest.manifest import DropManifest, Manifest
from dagster_project.settings import Settings


class Sighting(BaseModel):
    """How a drop looked, and since when it has looked like that."""

    model_config = ConfigDict(frozen=True)

    signature: str
    since: datetime


Sightings = Mapping[str, Sighting]
_SIGHTINGS = TypeAdapter(dict[str, Sighting])


@dataclass(frozen=True)
class Arrivals:
    """Drops that a night should load, by name, and what the next look is compared with."""

    complete: dict[str, str]
    sightings: dict[str, Sighting]

    @property
    def key(self) -> str:
        """Name this very content: asked for once, a drop need not be asked for again."""
        parts = [f"{name} {signature}" for name, signature in sorted(self.complete.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def look(settings: Settings, *, now: datetime, before: Sightings) -> Arrivals:
    """Look at every drop that is not landed as it lies there.

    before: the sightings of the look before. A drop without a marker is complete when two looks
    at least a minute apart found the same sizes and times.
    """
    manifest = Manifest(settings.raw_dir)
    complete: dict[str, str] = {}
    sightings: dict[str, Sighting] = {}
    for name, source in settings.sources.items():
        for drop in find_drops(name, source, settings.source_dir(name)).drops:
            if is_landed(drop, manifest.drop(name, drop.export_date)):
                continue
            label = f"{name} {drop.export_date}"
            signature = hashlib.sha256(drop.signature.encode()).hexdigest()[:24]
            seen = before.get(label)
            if seen is None or seen.signature != signature:
                seen = Sighting(signature=signature, since=now)
            sightings[label] = seen
            if drop.has_marker or now - seen.since >= SETTLED_AFTER:
                complete[label] = signature
    return Arrivals(complete, sightings)


def read_sightings(text: str | None) -> dict[str, Sighting]:
    """Read what write_sightings wrote; nothing or something else is no sighting."""
    try:
        return _SIGHTINGS.validate_json(text or "{}")
    except ValidationError:
        return {}


def write_sightings(sightings: Sightings) -> str:
    """Write sightings as text, to be kept until the next look."""
    return _SIGHTINGS.dump_json(dict(sightings)).decode()


def is_landed(drop: Drop, known: DropManifest) -> bool:
    """Say whether every file of a drop is in the raw zone, as it lies there."""
    landed = {(e.container, e.container_size, e.container_mtime_ns) for e in known.newest()}
    return all((file.name, file.size, file.mtime_ns) in landed for file in drop.files)
