{#- Percentile with linear interpolation (type 7), in doubles. -#}
{% macro percentile_of(expression, share) -%}
    {{ return(adapter.dispatch('percentile_of', 'kefen')(expression, share)) }}
{%- endmacro %}

{% macro duckdb__percentile_of(expression, share) -%}
    {{ rounded('quantile_cont(cast(' ~ expression ~ ' as double), ' ~ share ~ ')') }}
{%- endmacro %}

{% macro spark__percentile_of(expression, share) -%}
    {{ rounded('percentile(cast(' ~ expression ~ ' as double), ' ~ share ~ ')') }}
{%- endmacro %}

{% macro median_of(expression) -%}
    {{ percentile_of(expression, 0.5) }}
{%- endmacro %}

{#- First day of the month, as a date. -#}
{% macro month_of(date) -%}
    cast(date_trunc('month', {{ date }}) as date)
{%- endmacro %}

{#- A bound of the Wilson score interval at 95 %, of successes out of trials (Wilson 1927). -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set n = 'cast(nullif(' ~ trials ~ ', 0) as double)' -%}
    {%- set share = successes ~ ' / ' ~ n -%}
    {%- set bound -%}
        (
            {{ share }} + 1.9207295 / {{ n }}
            {{ sign }} 1.9599640 * sqrt(
                ({{ share }} * (1 - {{ share }}) + 0.96036474 / {{ n }}) / {{ n }}
            )
        ) / (1 + 3.8414589 / {{ n }})
    {%- endset -%}
    {{ rounded(bound) }}
{%- endmacro %}

{#- A double with six decimals. By way of decimals: the engines round the double at a tie unlike. -#}
{% macro rounded(expression) -%}
    {{ return(adapter.dispatch('rounded', 'kefen')(expression)) }}
{%- endmacro %}

{% macro default__rounded(expression) -%}
    cast(round(cast({{ expression }} as decimal(28, 12)), 6) as double)
{%- endmacro %}

{#- DuckDB divides 128 bits thirty times as slowly as 64, which hold what is below a million. -#}
{% macro duckdb__rounded(expression) -%}
    coalesce(
        cast(round(try_cast({{ expression }} as decimal(18, 12)), 6) as double),
        {{ default__rounded(expression) }}
    )
{%- endmacro %}

{#- The number that a text is, as decimal(18, 6), or null. -#}
{% macro text_to_decimal(column) -%}
    {{ return(adapter.dispatch('text_to_decimal', 'kefen')(column)) }}
{%- endmacro %}

{#- DuckDB also takes 1_000. -#}
{% macro duckdb__text_to_decimal(column) -%}
    case when not contains({{ column }}, '_') then try_cast({{ column }} as decimal(18, 6)) end
{%- endmacro %}

{#- Spark also takes the digits of other scripts. -#}
{% macro spark__text_to_decimal(column) -%}
    case
        when {{ column }} rlike '^\\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?\\s*$'
            then try_cast({{ column }} as decimal(18, 6))
    end
{%- endmacro %}
