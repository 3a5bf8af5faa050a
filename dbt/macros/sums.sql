{#-
    Sums in 64 bits, 0 where there is nothing. DuckDB sums in 128 bits, which it writes and compares
    several times as slowly.
-#}
{% macro sum_of_counts(expression, where=none) -%}
    cast({{ sum_or_zero(expression, where) }} as bigint)
{%- endmacro %}

{% macro sum_of_money(expression, where=none) -%}
    cast({{ sum_or_zero(expression, where) }} as decimal(18, 2))
{%- endmacro %}

{% macro sum_or_zero(expression, where) -%}
    coalesce(sum({{ expression }}){{ ' filter (where ' ~ where ~ ')' if where }}, 0)
{%- endmacro %}
