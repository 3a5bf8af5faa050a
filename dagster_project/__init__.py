"""Kefen: raw CRM exports in, customer classes out.

`defs/` and `definitions.py` wrap the work as Dagster assets; everything else here is plain Python
that never imports dagster.
"""
