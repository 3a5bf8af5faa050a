"""Which seeds the last finished run used, so that a preview knows what changed since."""

import hashlib
import json
from pathlib import Path

from dagster_project.rules.seeds import Declared, declared_seeds
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


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _noted(settings: Settings) -> Path:
    return settings.work_dir / "rules.json"
