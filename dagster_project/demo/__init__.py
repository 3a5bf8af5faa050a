"""Demo exports: a made-up but consistent world, written in the CRMs' own file formats.

What belongs here: drawing the world, planting defects, writing the files.
What does not: reading exports (ingest) or judging them (expectations).
"""

from dagster_project.demo.exports import DemoTruth, write_demo_exports

__all__ = ["DemoTruth", "write_demo_exports"]
