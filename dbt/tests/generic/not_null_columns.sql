{#- How many rows lack a value, for each column that must have one; one scan for all of them. -#}
{% test not_null_columns(model, columns) %}
with counted as (
    select
        {%- for column in columns %}
        count(*) filter (where {{ column }} is null) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
)

select *
from counted
where {{ columns | join(' > 0 or ') }} > 0
{% endtest %}
