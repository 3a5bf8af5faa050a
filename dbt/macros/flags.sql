{#- A data rule: true where a record fails, null where the rule does not apply; and the value at
    fault, kept for failing records only. -#}
{% macro flag(rule, fails, value='cast(null as string)', applies=none) -%}
    {%- set verdict = fails if applies is none else 'case when ' ~ applies ~ ' then ' ~ fails ~ ' end' -%}
    {{ verdict }} as {{ rule }},
    case when {{ verdict }} then cast({{ value }} as string) end as {{ rule }}_value
{%- endmacro %}

{#- Did the record exist on the day? It is left out if it came to be later and was exported since; one
    that is dated after its own export is wrong, and judged. For queries over records. -#}
{% macro existed(date='records.created_date') -%}
    (
        {{ date }} is null
        or {{ date }} <= run_context.as_of_date
        or {{ date }} > records.valid_from
    )
{%- endmacro %}

{#- Which of these fields any record of a source fills: a field that is never filled is not exported,
    and its absence is no fault of a record. For queries over records. -#}
{% macro exported_fields(fields) -%}
    select
        crm_source,
        {%- for field in fields %}
            count({{ field }}) > 0 as has_{{ field }}{{ ',' if not loop.last }}
        {%- endfor %}
    from records
    group by crm_source
{%- endmacro %}

{#- Does an age lie between birth and 120 years? It counts from the birthday on; who was born on
    29 February has it on 1 March. -#}
{% macro is_plausible_birth(column, day) -%}
    (
        {{ column }} <= {{ day }}
        and {{ day_number(day) }} - {{ day_number(column) }} < 1210000
    )
{%- endmacro %}

{#- A date as the number yyyymmdd: two of them are as many years apart as whole ten thousands. -#}
{% macro day_number(date) -%}
    (
        extract(year from {{ date }}) * 10000
        + extract(month from {{ date }}) * 100
        + extract(day from {{ date }})
    )
{%- endmacro %}

{#- Does a text parse as the address of a website: a host with a dot, scheme, port and path or not? -#}
{% macro is_website(column) -%}
    {{ matches(
        'lower(' ~ column ~ ')',
        '^(https?://)?([a-z0-9一-龥]([a-z0-9一-龥-]*[a-z0-9一-龥])?[.])+[a-z一-龥]{2,}(:[0-9]{1,5})?([/?#][^ ]*)?$'
    ) }}
{%- endmacro %}

{#- Does a personal name hold a form of address of the seed name_words, or a phone number? Read by
    its name: in a unit test ref() would name rows that are no table. -#}
{% macro has_more_than_a_name(column) -%}
    {%- set words = [] -%}
    {%- do ref('name_words') -%}
    {%- if execute -%}
        {%- set query -%}
            select word, match_kind
            from seeds.name_words
            order by length(word) desc nulls last, word asc nulls last
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- do words.append(
                '(^| )' ~ row[0] ~ '([. ]|$)' if row[1] == 'word' else row[0]
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    (
        {{ matches('lower(' ~ column ~ ')', '(' ~ (words | join('|') or '^$') ~ ')') }}
        or {{ matches(column, '[0-9][0-9 -]{5,}[0-9]') }}
    )
{%- endmacro %}

{#- The robust z-score of a logarithm: how far above the median, in medians of absolute deviation
    (Iglewicz and Hoaglin 1993), of which at least a tenth is taken: prices that never vary. -#}
{% macro robust_z(logarithm, median, deviation) -%}
    {{ rounded('0.6745 * (' ~ logarithm ~ ' - ' ~ median ~ ')'
        ~ ' / cast(nullif(greatest(' ~ deviation ~ ', 0.1), 0) as double)') }}
{%- endmacro %}

{#- More than a cent apart? -#}
{% macro differ(first, second) -%}
    abs({{ rounded('cast(' ~ first ~ ' as double) - cast(' ~ second ~ ' as double)') }}) > 0.01
{%- endmacro %}

{#- Does a record lack its place: province and city at home (a municipality's province is enough), the
    country abroad? places: the place its texts mean. -#}
{% macro lacks_place(records, places) -%}
    case
        when {{ places }}.market = 'international' then false
        else
            coalesce({{ records }}.province, {{ records }}.city) is null
            or ({{ records }}.province is null and {{ places }}.province = 'unknown')
            or ({{ records }}.city is null and {{ places }}.city = 'unknown')
    end
{%- endmacro %}

{#- Does a stated province or city not exist, or lie in another province? -#}
{% macro contradicts_places(records, places) -%}
    ({{ records }}.province is not null and {{ places }}.province = 'unknown')
    or {{ places }}.is_city_elsewhere
{%- endmacro %}

{% macro place_value(records) -%}
    coalesce({{ records }}.province, '-') || ' / ' || coalesce({{ records }}.city, '-')
{%- endmacro %}
