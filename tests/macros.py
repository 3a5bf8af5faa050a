"""The dbt macros as an engine renders them, without dbt."""

from typing import Any
from unittest import mock

from jinja2 import Environment

from dagster_project.settings import PROJECT_DIR

SOURCES = sorted((PROJECT_DIR / "dbt" / "macros").rglob("*.sql"))
# What only dbt understands, or only a database answers.
NOT_RENDERED = {
    "seeds.sql",
    "generate_schema_name.sql",
    "materializations.sql",
    "relation_columns.sql",
}


def macros_of(engine: str) -> Any:
    """The macros as one engine renders them."""

    class Adapter:
        def dispatch(self, name: str, namespace: str) -> Any:
            assert namespace == "kefen"
            default = getattr(module, f"default__{name}", None)
            return getattr(module, f"{engine}__{name}", default)

    environment = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - SQL, not HTML
    environment.globals |= {
        "adapter": Adapter(),
        "return": lambda value: value,
        "modules": mock.Mock(re=__import__("re")),
        "config": lambda **_: "",
    }
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in SOURCES if path.name not in NOT_RENDERED
    )
    module = environment.from_string(source).module
    environment.globals.update(
        {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    )
    module = environment.from_string(source).module
    return module


def rendered(engine: str, call: str) -> str:
    """Give the SQL of a macro call, written as in Python: name('argument')."""
    name, _, arguments = call.partition("(")
    return str(eval(f"macros.{name}({arguments}", {"macros": macros_of(engine)}))  # noqa: S307
