"""The code location, as `dagster dev` loads it."""

from dagster_project.defs.code_location import build_defs

defs = build_defs()
