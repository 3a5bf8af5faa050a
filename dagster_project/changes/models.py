"""The models that decide a class as of a date, as compiled SQL in the order of their dependencies.

What belongs here: reading what `dbt compile` wrote at installation, and cutting single named parts
(CTEs) out of a model or replacing them. What does not: running anything.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from dagster_project.settings import PROJECT_DIR

# `make install` compiles the models between the dates of a run and the classes into this folder.
COMPILED = PROJECT_DIR / "target" / "classes" / "manifest.json"
# The database that their relations are named with.
DATABASE = "kefen_compiled"
CLASSES = "int_customers__classes"
_DATES = "source.kefen.raw.run_context"


class ModelPartError(Exception):
    """A model does not have the part that is to be held fixed."""


@dataclass(frozen=True)
class ClassModels:
    """SQL by model in the order to run it, and what it reads besides: (schema, name)."""

    statements: Mapping[str, str]
    inputs: frozenset[tuple[str, str]]


@cache
def class_models(manifest_file: Path = COMPILED) -> ClassModels:
    """Read the models that depend on the dates of a run and lead to the classes.

    Raises FileNotFoundError with what to run if they were not compiled.
    """
    if not manifest_file.exists():
        message = f"{manifest_file} is missing: run `make install` (it runs dbt compile)"
        raise FileNotFoundError(message)
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    nodes, sources = manifest["nodes"], manifest["sources"]
    needs: dict[str, list[str]] = {}
    waiting = [f"model.kefen.{CLASSES}"]
    while waiting:
        node = waiting.pop()
        if node not in needs:
            needs[node] = nodes.get(node, {}).get("depends_on", {}).get("nodes", [])
            waiting += needs[node]
    order = list(TopologicalSorter(needs).static_order())
    dated = {_DATES}
    for node in order:
        if dated.intersection(needs[node]):
            dated.add(node)
    made = [node for node in order if node in dated and node in nodes]
    read = {need for node in made for need in needs[node]} - set(made)
    return ClassModels(
        statements={nodes[node]["name"]: nodes[node]["compiled_code"] for node in made},
        inputs=frozenset(
            (described["schema"], described["name"])
            for described in (nodes.get(node) or sources[node] for node in read)
        ),
    )


def with_part(sql: str, part: str, body: str) -> str:
    """Replace the body of a named part of a query. Raises ModelPartError if there is none."""
    start, end = _span(sql, part)
    return f"{sql[:start]}\n{body}\n{sql[end:]}"


def query_of_part(sql: str, part: str) -> str:
    """Cut the query short after a named part and select that. Raises ModelPartError."""
    _, end = _span(sql, part)
    return f"{sql[: end + 1]}\nselect * from {part}"


def _span(sql: str, part: str) -> tuple[int, int]:
    """Give where the body of `part as ( … )` begins and ends, without the brackets."""
    found = re.search(rf"\b{re.escape(part)} as \(", sql)
    if found is None:
        raise ModelPartError(f"no part called {part} in:\n{sql[:400]} …")
    depth = 1
    for position in range(found.end(), len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if depth == 0:
            return found.end(), position
    raise ModelPartError(f"part {part} does not end in:\n{sql[:400]} …")
