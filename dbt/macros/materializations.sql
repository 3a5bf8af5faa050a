{#- A table on DuckDB: the old one goes and the new one comes in one transaction, so that a model that
    fails leaves the table of the night before. dbt-duckdb's own builds beside it, asks for indexes and
    foreign keys, which no model has, and renames twice: 20 ms for each of 150 tables. -#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set built = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ 'drop ' ~ existing.type ~ ' ' ~ existing ~ ';' if existing is not none }}
        {{ create_table_as(False, built, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [built]}) }}
{% endmaterialization %}
