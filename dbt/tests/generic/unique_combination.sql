{#- Rows that lack a part of the key, keys that stand more than once, and, in the same query, the columns
    of not_null without a value: one test per model where two would cost a night seconds. -#}
{% test unique_combination(model, columns, not_null=[]) %}
with repeated as (
    select
        {{ columns | join(',\n        ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {%- for column in columns %}
        or {{ column }} is null
        {%- endfor %}
)

select
    {% for column in columns -%}
    '{{ ' ' if not loop.first }}{{ column }} ' || coalesce(cast({{ column }} as string), 'null')
    {{- ' || ' if not loop.last }}
    {% endfor -%}
    as fault,
    row_count
from repeated
{%- if not_null %}
union all
select
    'without a value:'
    {%- for column in not_null %}
    || case when {{ column }}_nulls > 0 then ' {{ column }}' else '' end
    {%- endfor %} as fault,
    {{ not_null | join('_nulls + ') }}_nulls as row_count
from (
    select
        {%- for column in not_null %}
        count(*) filter (where {{ column }} is null) as {{ column }}_nulls{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
) as counted
where {{ not_null | join('_nulls + ') }}_nulls > 0
{%- endif %}
{% endtest %}
