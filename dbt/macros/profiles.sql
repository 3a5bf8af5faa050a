{#-
    Matching of texts that people typed against seeds: places, industries, job titles.
-#}

{#- What a place is compared by: lower case, without blanks and marks (Xi'an, xi an, Xian). -#}
{% macro place_text(column) -%}
    nullif(
        replace(translate(lower({{ column }}), ' 　.,，、·-_’`()（）', ''), chr(39), ''),
        ''
    )
{%- endmacro %}

{#- What keywords are looked for in: lower case, marks as blanks, a blank at either end. -#}
{% macro word_text(column) -%}
    (
        ' '
        || translate(lower({{ column }}), '　.,，、·-_/&;:|()（）+', '                  ')
        || ' '
    )
{%- endmacro %}

{#- Does a keyword of a seed (keyword, match_kind) match a text? texts is a relation with text_key
    (folded) and words (word_text). -#}
{% macro keyword_matches(texts, keywords) -%}
    (
        ({{ keywords }}.match_kind = 'exact' and {{ texts }}.text_key = {{ keywords }}.keyword_key)
        or (
            {{ keywords }}.match_kind = 'word'
            and {{ texts }}.words like '% ' || {{ keywords }}.keyword_key || ' %'
        )
        or (
            {{ keywords }}.match_kind = 'contains'
            and {{ texts }}.text_key like '%' || {{ keywords }}.keyword_key || '%'
        )
    )
{%- endmacro %}

{#- The place of a record: its raw texts, empty where there are none, as int_profiles__places has
    them. -#}
{% macro same_place(records, places) -%}
    coalesce({{ records }}.country, '') = {{ places }}.country_crm
    and coalesce({{ records }}.province, '') = {{ places }}.province_crm
    and coalesce({{ records }}.city, '') = {{ places }}.city_crm
{%- endmacro %}

{#- Size of a company: by employees, else annual revenue, else what the CRM states (stated, a relation
    like company_size_texts). For queries over sizes. -#}
{% macro company_size_of(employees, revenue, stated=none) -%}
    {%- set numbers = [(employees, 'employees'), (revenue, 'annual_revenue')] -%}
    {%- if stated is not none -%}
        {%- do numbers.append((stated ~ '.employees', 'employees')) -%}
    {%- endif -%}
    case
        {%- for number, measure in numbers %}
        when {{ number }} > 0
            then
                case
                    when {{ number }} >= sizes.{{ measure }}_large_from then 'large'
                    when {{ number }} >= sizes.{{ measure }}_medium_from then 'medium'
                    when {{ number }} >= sizes.{{ measure }}_small_from then 'small'
                    else 'micro'
                end
        {%- endfor %}
        else {{ "coalesce(" ~ stated ~ ".company_size, 'unknown')" if stated is not none else "'unknown'" }}
    end
{%- endmacro %}
