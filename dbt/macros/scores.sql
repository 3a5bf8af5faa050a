{#- How many of a measure's cut points (columns <measure>_cut_1 … _9 of cut_columns) lie below a value. -#}
{% macro cuts_below(measure, value) -%}
    {%- for number in range(1, 10) %}
        coalesce(cast(cut_columns.{{ measure }}_cut_{{ number }} < {{ value }} as integer), 0)
        {{- ' +' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
