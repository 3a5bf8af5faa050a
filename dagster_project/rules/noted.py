"""Which seeds the last finished run used, so that a preview knows what changed since."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from dagster_project.rules.seeds import Declared, Seed, declared_seeds, read_seed
from dagster_project.settings import Settings


def note_rules(settings: Settings) -> None:
    """Note the seeds of a run that is done."""
    hashes = {name: _hash(seed.path) for name, seed in declared_seeds().items()}
    _noted(settings).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def changed_since_night(
    settings: Settings, declared: dict[str, Declared], files: dict[str, Path]
) -> dict[str, Path]:
    """Give the seeds that differ from those of the last run; if it noted none, from seeds/.

    files: the seeds that lie over the shipped ones.
    """
    noted = _noted(settings)
    known: dict[str, str] = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    changed = {}
    for name, seed in declared.items():
        path = files.get(name, seed.path)
        if _hash(path) != known.get(name, _hash(seed.path)):
            changed[name] = path
    return changed


def days_of_new_rules(
    settings: Settings, previous: Mapping[date, date], *, computed: Sequence[date]
) -> list[date]:
    """Give the dates on which other rules may hold than on the date before.

    previous: by date, the date before it. computed: dates judged by the seeds as they are now; the
    others were judged by seeds that may have been edited since.
    """
    declared = declared_seeds()
    edited = bool(changed_since_night(settings, declared, {}))
    dated = [
        seed
        for one in declared.values()
        if one.is_dated
        for seed, _ in (read_seed(one, one.path, label=one.name),)
        if seed
    ]
    starts = sorted({day for seed in dated for day in _days_of_change(seed)})
    return [
        day
        for day, before in previous.items()
        if any(before < start <= day for start in starts)
        or (edited and ((day in computed) != (before in computed)))
    ]


def _days_of_change(seed: Seed) -> set[date]:
    """Give the days on which a row begins to hold, and those after one's last."""
    ends = {row.valid_to + timedelta(days=1) for row in seed.rows if row.valid_to < date.max}
    return {*seed.days_of_change(), *ends}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _noted(settings: Settings) -> Path:
    return settings.work_dir / "rules.json"
