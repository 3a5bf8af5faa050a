{#- The time a number of hours later. -#}
{% macro add_hours(time, hours) -%}
    {{ return(adapter.dispatch('add_hours', 'kefen')(time, hours)) }}
{%- endmacro %}

{% macro duckdb__add_hours(time, hours) -%}
    ({{ time }} + to_hours(cast({{ hours }} as bigint)))
{%- endmacro %}

{% macro spark__add_hours(time, hours) -%}
    ({{ time }} + make_dt_interval(0, cast({{ hours }} as int), 0, 0))
{%- endmacro %}
