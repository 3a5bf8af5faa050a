{#- Config of a table that keeps one set of rows per as_of_date and replaces it as a whole: where
    several runs write, DuckDB deletes and inserts, Spark overwrites the partition. -#}
{% macro history_table() -%}
    {{ return(adapter.dispatch('history_table', 'kefen')()) }}
{%- endmacro %}

{% macro duckdb__history_table() -%}
    {{ config(
        materialized='incremental',
        unique_key='as_of_date',
        on_schema_change='append_new_columns'
    ) }}
{%- endmacro %}

{% macro spark__history_table() -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='insert_overwrite',
        partition_by=['as_of_date'],
        on_schema_change='append_new_columns'
    ) }}
{%- endmacro %}
