{#- Does the text match the regular expression anywhere? -#}
{% macro matches(column, pattern) -%}
    {{ return(adapter.dispatch('matches', 'kefen')(column, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches(column, pattern) -%}
    regexp_matches({{ column }}, '{{ pattern }}')
{%- endmacro %}

{#- Java takes a $ as the place before a last line break too, and more characters as line breaks. -#}
{% macro spark__matches(column, pattern) -%}
    {%- set anchored = modules.re.sub('[$](?=$|[|)])', '\\\\z', pattern) -%}
    {{ column }} rlike '(?d){{ anchored | replace("\\", "\\\\") }}'
{%- endmacro %}

{#- The texts of a list, in one text. -#}
{% macro joined_texts(column) -%}
    {{ return(adapter.dispatch('joined_texts', 'kefen')(column)) }}
{%- endmacro %}

{% macro duckdb__joined_texts(column) -%}
    array_to_string({{ column }}, '; ')
{%- endmacro %}

{% macro spark__joined_texts(column) -%}
    array_join({{ column }}, '; ')
{%- endmacro %}

{#- Without blanks at either end, full-width ones too: trim alone takes other characters on each. -#}
{% macro trimmed(column) -%}
    trim(both ' 　' from {{ column }})
{%- endmacro %}

{#- What a value is compared by: lower case, without blanks at either end. -#}
{% macro folded(column) -%}
    lower({{ trimmed(column) }})
{%- endmacro %}

{#- One row per part of a text between commas (in a select list). -#}
{% macro unnest_texts(column) -%}
    {{ return(adapter.dispatch('unnest_texts', 'kefen')(column)) }}
{%- endmacro %}

{% macro duckdb__unnest_texts(column) -%}
    unnest(string_split({{ column }}, ','))
{%- endmacro %}

{% macro spark__unnest_texts(column) -%}
    explode(split({{ column }}, ','))
{%- endmacro %}

{#- The longest end of a text that the regular expression matches; empty where it matches none. -#}
{% macro ending(column, pattern) -%}
    {{ return(adapter.dispatch('ending', 'kefen')(column, pattern)) }}
{%- endmacro %}

{% macro duckdb__ending(column, pattern) -%}
    regexp_extract({{ column }}, '({{ pattern }})$', 0)
{%- endmacro %}

{#- Java takes a $ as the place before a last line break too. -#}
{% macro spark__ending(column, pattern) -%}
    regexp_extract({{ column }}, '({{ pattern }})\\z', 0)
{%- endmacro %}
