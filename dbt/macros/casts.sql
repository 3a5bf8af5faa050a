{#-
    Exported text to types. Every macro takes a column name and gives null for what it cannot read,
    so that staging can say which fields were not typed.
-#}

{#- Numbers as CRMs write them: 1045.0, 95,570.69, $12,400.00, ¥88, $342.09K, (12.50), 45%. -#}
{% macro as_number(column) -%}
    coalesce(
        {{ text_to_decimal(column) }},
        case
            when {{ matches(
                column,
                '^[(]?[-+]?[ ]?([A-Z]{2,3})?[ ]?[$¥￥€£]?[ ]?[-+]?'
                ~ '[0-9]{1,3}(,?[0-9]{3})*([.][0-9]+)?[ ]?[KMB%]?[)]?$'
            ) }}
                then try_cast(
                    try_cast(
                        translate({{ column }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ$¥￥€£,()%+ ', '')
                        as decimal(18, 6)
                    )
                    * case
                        when {{ column }} like '%K%' and {{ column }} not like '%K_%' then 1000
                        when {{ column }} like '%M%' and {{ column }} not like '%M_%' then 1000000
                        when {{ column }} like '%B%' and {{ column }} not like '%B_%' then 1000000000
                        else 1
                    end
                    * case when {{ column }} like '(%' then -1 else 1 end
                    as decimal(18, 6)
                )
        end
    )
{%- endmacro %}

{#- Dates and times are ISO text in the business time zone already (the landing decides the order
    of day and month per column). Other texts that an engine would take for a time are none. -#}
{% macro as_timestamp(column) -%}
    case
        when
            (
                {{ column }} like '____-__-__'
                or {{ column }} like '____-__-_____:__'
                or {{ column }} like '____-__-_____:__:__'
                or {{ column }} like '____-__-_____:__:__.%'
            )
            and {{ column }} not like '___________24:%'
            and {{ column }} not like '0000-%'
            then try_cast({{ column }} as timestamp)
    end
{%- endmacro %}

{% macro as_date(column) -%}
    cast({{ as_timestamp(column) }} as date)
{%- endmacro %}

{% macro as_bool(column) -%}
    case
        when lower({{ column }}) in ('true', 'yes', 'y', '1', '是', 't') then true
        when lower({{ column }}) in ('false', 'no', 'n', '0', '否', 'f') then false
    end
{%- endmacro %}

{#- 'amount=12,4OO; rate=x' for the fields whose text could not be typed; null for a clean row. -#}
{% macro cast_errors(fields) -%}
    nullif(
        substr(
            {%- for field in fields %}
            case
                when {{ field }} is not null and {{ field }}_typed is null
                    then '; {{ field }}=' || {{ field }}
                else ''
            end{{ ' ||' if not loop.last }}
            {%- endfor %},
            3
        ),
        ''
    )
{%- endmacro %}
