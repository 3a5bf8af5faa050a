{#- Codes without a label: dimensions names the dimension of class_labels for each class column. -#}
{% test labelled_classes(model, dimensions) %}
with codes as (
    {%- for column, dimension in dimensions.items() %}
    select distinct
        '{{ dimension }}' as dimension,
        {{ column }} as code
    from {{ model }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    codes.dimension,
    codes.code
from codes
left join {{ ref('class_labels') }} as class_labels
    on codes.dimension = class_labels.dimension and codes.code = class_labels.code
where class_labels.code is null
{% endtest %}
