{#-
    Why a customer has a class, and the smallest change of one numeric input that would give it
    another. Everything is asked of the macro that decides the class itself (classes.sql).

    Equally small changes: the first of the inputs, whatever a double makes of them.

    inputs: mappings of name; type (int, money, double, text, flag); and for numeric ones `at`, the
    values (SQL) that the rule compares it with, and `min` and `max`, which it cannot leave. Between two
    such values the class is the same, so that of each the two grid points are tried that are reached
    first: on its far side, and at it (or, for who stands at it, on the other side).
-#}

{% macro explanation_ctes(dimension, class_of, inputs, thresholds_used=[]) -%}
    {%- set tries = [] -%}
    {%- for input in inputs -%}
        {%- for at in input.get('at', []) -%}
            {%- for reach in ['near', 'far'] -%}
                {%- do tries.append({
                    'input': input,
                    'column': 'try_' ~ (tries | length + 1),
                    'value': grid_point_to_try('facts.' ~ input.name, at, input.type, reach),
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set names = inputs | map(attribute='name') | list %}
    {{ dimension }}_tried as (
        select
            facts.customer_key,
            facts.{{ dimension }} as class_now,
            {%- for name in names %}
                facts.{{ name }},
            {%- endfor %}
            {%- for try in tries %}
                {{ try.value }} as {{ try.column }},
            {%- endfor %}
            facts.as_of_date
        from facts
        inner join thresholds on facts.as_of_date = thresholds.as_of_date
        where facts.{{ dimension }} <> 'not_applicable'
    ),

    {{ dimension }}_judged as (
        select
            tried.*,
            {%- for try in tries %}
                {%- set asked = named_inputs('tried', names) -%}
                {%- do asked.update({try.input.name: 'tried.' ~ try.column}) %}
                {{ class_of(asked) }} as class_{{ try.column }},
            {%- endfor %}
            {{ json_object_of(inputs, 'tried') }} as inputs_json,
            {{ json_object_of(thresholds_used, 'thresholds') }} as thresholds_json
        from {{ dimension }}_tried as tried
        inner join thresholds on tried.as_of_date = thresholds.as_of_date
    ),

    {{ dimension }}_measured as (
        select
            judged.*,
            {%- for try in tries %}
                case
                    when
                        judged.class_{{ try.column }} <> judged.class_now
                        and judged.class_{{ try.column }} <> 'not_applicable'
                        and judged.{{ try.column }} >= {{ try.input.get('min', '-1e15') }}
                        and judged.{{ try.column }} <= {{ try.input.get('max', '1e15') }}
                        then
                            cast(judged.{{ try.column }} as double)
                            - cast(judged.{{ try.input.name }} as double)
                end as change_{{ try.column }},
            {%- endfor %}
            judged.customer_key as measured_key
        from {{ dimension }}_judged as judged
    ),

    {{ dimension }}_nearest as (
        select
            measured.*,
            least(
                cast(null as double),
                {%- for try in tries %}
                    abs(measured.change_{{ try.column }}){{ ',' if not loop.last }}
                {%- endfor %}
            ) as smallest
        from {{ dimension }}_measured as measured
    ),

    {{ dimension }}_explained as (
        select
            as_of_date,
            customer_key,
            '{{ dimension }}' as dimension,
            class_now as value,
            inputs_json as inputs,
            thresholds_json as threshold,
            {%- set distance -%}
                case
                    {%- for try in tries %}
                        when {{ is_smallest(try) }} then change_{{ try.column }}
                    {%- endfor %}
                end
            {%- endset %}
            {{ rounded(distance) }} as distance_to_next,
            case
                {%- for try in tries %}
                    when {{ is_smallest(try) }} then '{{ try.input.name }}'
                {%- endfor %}
            end as next_input,
            case
                {%- for try in tries %}
                    when {{ is_smallest(try) }} then class_{{ try.column }}
                {%- endfor %}
            end as next_value
        from {{ dimension }}_nearest
    )
{%- endmacro %}

{#- Is it one of the smallest changes? Half a millionth apart is the same, whatever a double made of it. -#}
{% macro is_smallest(try) -%}
    abs(change_{{ try.column }}) <= smallest + 0.0000005
{%- endmacro %}

{#- The grid point to try at a value, for an input that is something now. -#}
{% macro grid_point_to_try(now, at, type, reach) -%}
    {%- set scale = ' * 100' if type == 'money' else '' -%}
    {%- set value = rounded('cast(' ~ at ~ ' as double)' ~ scale) -%}
    {%- set is_now = rounded('cast(' ~ now ~ ' as double)' ~ scale) -%}
    {%- if reach == 'near' -%}
        case
            when {{ is_now }} = {{ value }} then {{ grid_point(value, type, 'below') }}
            else {{ grid_point(value, type, 'at') }}
        end
    {%- else -%}
        case
            when {{ is_now }} <= {{ value }} then {{ grid_point(value, type, 'above') }}
            else {{ grid_point(value, type, 'below') }}
        end
    {%- endif -%}
{%- endmacro %}

{#- The grid point at a value, one step below or one above: whole numbers, cents, or millionths. -#}
{% macro grid_point(value, type, side) -%}
    {%- if type == 'double' -%}
        {%- set step = {'below': '- 0.000001', 'at': '', 'above': '+ 0.000001'}[side] -%}
        {{ rounded(value ~ ' ' ~ step) if step else value }}
    {%- else -%}
        {%- set point = {
            'below': 'ceil(' ~ value ~ ') - 1',
            'at': 'floor(' ~ value ~ ')',
            'above': 'floor(' ~ value ~ ') + 1',
        }[side] -%}
        {%- if type == 'money' -%}
            cast({{ rounded('(' ~ point ~ ') * 0.01') }} as decimal(18, 2))
        {%- else -%}
            cast(floor({{ point }}) as bigint)
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- A JSON object of named values, equal on every engine; null where a value is. -#}
{% macro json_object_of(members, relation) -%}
    '{' {% for member in members -%}
        || '{{ ', ' if not loop.first }}"{{ member.name }}": ' || coalesce({{ json_value(
            member.get('value') or relation ~ '.' ~ member.name, member.type
        ) }}, 'null')
        {% endfor -%}
    || '}'
{%- endmacro %}

{% macro json_value(expression, type) -%}
    {%- if type == 'int' -%} cast({{ expression }} as string)
    {%- elif type == 'money' -%} cast(cast({{ expression }} as decimal(18, 2)) as string)
    {%- elif type == 'double' -%} cast(cast({{ expression }} as decimal(28, 6)) as string)
    {%- elif type == 'flag' -%}
        case when {{ expression }} then 'true' when not {{ expression }} then 'false' end
    {%- else -%}
        '"' || replace(
            replace(
                translate({{ expression }}, chr(9) || chr(10) || chr(13), '   '),
                chr(92),
                chr(92) || chr(92)
            ),
            '"',
            chr(92) || '"'
        ) || '"'
    {%- endif -%}
{%- endmacro %}
