"""The landing: CRM exports and feeds become immutable raw Parquet, and raw becomes a change log.

What belongs here: finding drops, reading files as text, recognising and mapping their columns,
the raw zone, its manifest, the file rules (STR), the change log and the raw views.
What does not: typing and judging single values (staging), and anything that imports dagster.
"""
