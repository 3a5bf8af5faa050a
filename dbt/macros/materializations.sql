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

{#- A table that keeps a set of rows per as_of_date, on DuckDB: what the run computed replaces its
    dates in one transaction, also where there is nothing now. Columns that are new are added; those
    that are gone stay, null for new rows. dbt-duckdb's own writes every row twice and asks the catalog
    for the columns again and again. -#}
{% materialization incremental, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set built = this.incorporate(type='table') -%}
    {%- set shape = this.identifier ~ '__shape' -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is none or should_full_refresh() -%}
        {% call statement('main') -%}
            {{ 'drop ' ~ existing.type ~ ' ' ~ existing ~ ';' if existing is not none }}
            {{ create_table_as(False, built, compiled_code) }}
        {%- endcall %}
    {%- else -%}
        {% call statement('shape') -%}
            create or replace temp table {{ shape }} as from ({{ compiled_code }}) limit 0
        {%- endcall %}
        {%- set added = run_query(
            "select column_name, data_type from duckdb_columns() where table_name = '" ~ shape
            ~ "' and column_name not in (select column_name from duckdb_columns() where table_name = '"
            ~ this.identifier ~ "' and schema_name = '" ~ this.schema ~ "' and not internal)"
        ) -%}
        {% call statement('main') -%}
            {%- for column in added.rows %}
                alter table {{ built }} add column {{ adapter.quote(column[0]) }} {{ column[1] }};
            {%- endfor %}
            delete from {{ built }}
            where {{ config.require('unique_key') }} in (
                select {{ config.require('unique_key') }} from {{ source('raw', 'run_context') }}
                where is_requested
            );
            insert into {{ built }} by name {{ compiled_code }};
            drop table temp.{{ shape }}
        {%- endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [built]}) }}
{% endmaterialization %}
