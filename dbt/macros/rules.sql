{#- Did one of these fields hold text that could not be typed? -#}
{% macro has_cast_error(column, fields) -%}
    coalesce({{ matches(column, '(^|; )(' ~ fields | join('|') ~ ')=') }}, false)
{%- endmacro %}

{#- Is an address in lower case, and neither a placeholder nor a throw-away one? -#}
{% macro is_usable_email(column) -%}
    (
        {{ column }} = lower({{ column }})
        and not {{ matches(column, '^(test|none|no|null|abc|aaa|xxx|noreply)@') }}
        and not {{ matches(column, '@(example|test|none|mailinator|tempmail)[.]') }}
    )
{%- endmacro %}

{#- No placeholder, no blanks at the ends or full-width ones, no emoji. -#}
{% macro is_clean_name(column) -%}
    (
        not {{ matches(
            'lower(' ~ column ~ ')',
            '^(测试.*|test[0-9 ]*|testing|[0-9]+|无|没有|n/a|na|none|null|a{3,}|x{3,}|asdf.*|未知|暂无)$'
        ) }}
        and not {{ matches(column, '^[ 　]|[ 　]$|　') }}
        and not {{ matches(column, '[\\x{1F300}-\\x{1FAFF}\\x{2600}-\\x{27BF}]') }}
    )
{%- endmacro %}

{#- The numeric value of exported text by pattern alone; null where it is not a number. -#}
{% macro plain_number(column) -%}
    case
        when {{ matches(
            column,
            '^[(]?[-+]?[ ]?([A-Z]{2,3})?[ ]?[$¥￥€£]?[ ]?[-+]?'
            ~ '[0-9]{1,3}(,?[0-9]{3})*([.][0-9]+)?[ ]?[)]?$'
        ) }}
            then try_cast(
                translate({{ column }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ$¥￥€£,()+ ', '') as decimal(18, 6)
            ) * case when {{ column }} like '(%' then -1 else 1 end
        else {{ as_number(column) }}
    end
{%- endmacro %}
