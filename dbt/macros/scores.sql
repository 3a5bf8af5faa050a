{#- How many of a measure's cut points (columns <measure>_cut_1 … _9 of cut_columns) lie below a value;
    with r_rfm scoring also those equal to it. -#}
{% macro cuts_below(measure, value) -%}
    {%- for number in range(1, 10) %}
        case
            when
                cut_columns.{{ measure }}_cut_{{ number }} < {{ value }}
                or (
                    run_settings.rfm_scoring = 'r_rfm'
                    and cut_columns.{{ measure }}_cut_{{ number }} = {{ value }}
                )
                then 1
            else 0
        end
        {{- ' +' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Mean of terms (doubles) by their weights; a term that is null is left out and the weights of the
    others rescaled. terms: pairs of weight and term. -#}
{% macro weighted_mean(terms) -%}
    (
        {%- for weight, term in terms %}
            coalesce(cast({{ weight }} as double) * ({{ term }}), 0)
            {{- ' +' if not loop.last }}
        {%- endfor %}
    ) / nullif(
        {%- for weight, term in terms %}
            case when ({{ term }}) is null then 0 else cast({{ weight }} as double) end
            {{- ' +' if not loop.last }}
        {%- endfor %},
        0
    )
{%- endmacro %}

{#- Intent score of a prospect, 0 to 100 (definitions §5), from its parts. -#}
{% macro intent_score(parts) -%}
    {{ rounded(
        '100 * (cast(thresholds.intent_probability_weight as double) * ' ~ parts
        ~ '.probability_part + cast(thresholds.intent_lead_weight as double) * ' ~ parts
        ~ '.lead_part + cast(thresholds.intent_interactions_weight as double) * least(1, cast('
        ~ parts ~ '.interactions_30d as double)'
        ~ ' / cast(nullif(thresholds.intent_full_interactions, 0) as double))'
        ~ ' + cast(thresholds.intent_stated_weight as double) * ' ~ parts ~ '.stated_part)'
    ) }}
{%- endmacro %}

{#- How many of the columns <prefix>_1 … _count of cut_points a value has reached (<=) or passed (<). -#}
{% macro cuts_reached(prefix, value, count, comparison) -%}
    {%- for number in range(1, count + 1) %}
        case when cut_points.{{ prefix }}_{{ number }} {{ comparison }} {{ value }} then 1 else 0 end
        {{- ' +' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
