"""The data dictionary: every published table and column, from the descriptions beside the models.

`python -m dagster_project.report.data_dictionary` writes DATA_DICTIONARY.md; a test keeps it true.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dagster_project.settings import PROJECT_DIR

DICTIONARY = PROJECT_DIR / "DATA_DICTIONARY.md"
MODELS = PROJECT_DIR / "models" / "marts"
SEEDS = PROJECT_DIR / "seeds"

UNIQUE_TEST = "unique_combination"

INTRODUCTION = """\
# Data dictionary 数据字典

The published tables and their columns. Written from `models/marts/**/_*.yml` and `seeds/_seeds.yml`
by `make dictionary`; change the descriptions there.
"""


def data_dictionary() -> str:
    """Write the dictionary as Markdown, one section per area, one table per published table."""
    sections = [INTRODUCTION]
    for area in _areas():
        models = _models(area)
        if not models:
            continue
        sections.append(f"## {area.name}\n")
        for model in sorted(models, key=lambda model: str(model["name"])):
            chinese, english = _both(model["description"])
            sections.append(f"### {model['name']}\n\n{chinese}<br>{english}\n")
            rows = ["| column | type | 说明 | meaning |", "|---|---|---|---|"]
            for column in model["columns"]:
                chinese, english = _both(column["description"])
                rows.append(f"| {column['name']} | {column['data_type']} | {chinese} | {english} |")
            sections.append("\n".join(rows) + "\n")
    return "\n".join(sections)


def published_models() -> dict[str, dict[str, Any]]:
    """Give what the yml files say of each published table, by its name."""
    areas = sorted(path for path in MODELS.iterdir() if path.is_dir())
    return {model["name"]: model for area in areas for model in _models(area)}


def key_of(model: dict[str, Any]) -> list[str]:
    """Give the columns that identify a row of a table: those of its test of uniqueness.

    Tables that are not made by dbt say them in their meta.
    """
    for test in model.get("data_tests", []):
        if isinstance(test, dict) and UNIQUE_TEST in test:
            columns: list[str] = test[UNIQUE_TEST]["arguments"]["columns"]
            return columns
    stated: list[str] = model.get("config", {}).get("meta", {}).get("key", [])
    return stated


def _areas() -> list[Path]:
    return sorted(path for path in MODELS.iterdir() if path.is_dir())


def _models(area: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(area.glob("_*__models.yml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    for path in sorted(area.glob("_*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            found += source["tables"]
    found += [
        seed for seed in _published_seeds() if (SEEDS / area.name / f"{seed['name']}.csv").exists()
    ]
    return found


@cache
def _published_seeds() -> list[dict[str, Any]]:
    seeds = yaml.safe_load((SEEDS / "_seeds.yml").read_text(encoding="utf-8"))["seeds"]
    return [seed for seed in seeds if seed.get("config", {}).get("schema") == "main"]


def _both(description: str) -> tuple[str, str]:
    chinese, _, english = " ".join(description.split()).partition("；")
    return chinese.replace("|", "\\|"), english.replace("|", "\\|")


if __name__ == "__main__":
    DICTIONARY.write_text(data_dictionary(), encoding="utf-8")
